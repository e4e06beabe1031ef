"""Bookings with their payment lines, and what was returned of them; a booking and its lines are written together."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.dialect import in_list
from app.db.many import insert_many
from app.db.sessions import COLUMNS, WITH_JOB, SessionRow, session_row
from app.db.tables import (
    NOT_WITHDRAWN,
    BookingStatus,
    Method,
    RefundStatus,
    bookings,
    payment_lines,
    refunds,
    sessions,
)


class LineFacts(NamedTuple):  # tuples, because an import makes millions of them
    """One payment line: money or credits, never both."""

    method: str
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None


class BookingFacts(NamedTuple):
    """What the platform says of a booking."""

    session_id: str
    client_id: str
    status: str
    lines: tuple[LineFacts, ...]


@dataclass(frozen=True, slots=True)
class RefundRow:
    """What became of one payment line, or (method `none`) of a booking with nothing to return."""

    id: str
    job_id: str
    line_no: int
    method: Method
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None
    status: RefundStatus
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    settled_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class BookingRow:
    """A booking as it is read."""

    id: str
    facts: BookingFacts
    refunds: tuple[RefundRow, ...]


_LINE = tuple(payment_lines.c[name] for name in LineFacts._fields)
_REFUND = tuple(refunds.c[name] for name in RefundRow.__slots__)
_BOOKING = (bookings.c.id, bookings.c.session_id, bookings.c.client_id, bookings.c.status)

_Bare = tuple[str, str, str, str]


async def get(conn: AsyncConnection, business_id: str, booking_id: str) -> BookingRow | None:
    """One booking, or None when the business has no such id."""
    statement = sa.select(*_BOOKING).where(bookings.c.business_id == business_id, bookings.c.id == booking_id)
    rows = [tuple(row) for row in await conn.execute(statement)]
    return next(iter(await _whole(conn, business_id, rows)), None)


async def of_session(
    conn: AsyncConnection, business_id: str, session_id: str, *, after: str | None, limit: int
) -> list[BookingRow]:
    """Up to `limit` bookings of a session in id order, from the one after `after`."""
    statement = (
        sa.select(*_BOOKING)
        .where(bookings.c.business_id == business_id, bookings.c.session_id == session_id)
        .order_by(bookings.c.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(bookings.c.id > after)
    rows = [tuple(row) for row in await conn.execute(statement)]
    return await _whole(conn, business_id, rows)


async def of_client(
    conn: AsyncConnection,
    business_id: str,
    client_id: str,
    *,
    before: tuple[dt.datetime, str] | None,
    limit: int,
) -> list[tuple[BookingRow, SessionRow]]:
    """Up to `limit` bookings of a client with their sessions, the latest start first, from the one after `before`."""
    starts_at, id_ = sessions.c.starts_at, bookings.c.id
    of_booking = sa.and_(sessions.c.business_id == bookings.c.business_id, sessions.c.id == bookings.c.session_id)
    statement = (
        sa.select(*_BOOKING, *COLUMNS)
        .select_from(WITH_JOB.join(bookings, of_booking))
        .where(bookings.c.business_id == business_id, bookings.c.client_id == client_id)
        .order_by(starts_at.desc(), id_.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(starts_at <= before[0], sa.or_(starts_at < before[0], id_ < before[1]))
    rows = [tuple(row) for row in await conn.execute(statement)]
    width = len(_BOOKING)
    whole = await _whole(conn, business_id, [row[:width] for row in rows])
    return [(booking, session_row(row[width:])) for booking, row in zip(whole, rows, strict=True)]


async def _whole(conn: AsyncConnection, business_id: str, rows: Sequence[tuple[str, ...]]) -> list[BookingRow]:
    ids = [row[0] for row in rows]
    lines = await _lines(conn, business_id, ids)
    returned = await _refunds(conn, business_id, ids)
    return [
        BookingRow(
            id_,
            BookingFacts(session_id, client_id, BookingStatus(status), lines.get(id_, ())),
            tuple(returned.get(id_, ())),
        )
        for id_, session_id, client_id, status in rows
    ]


async def _lines(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> dict[str, tuple[LineFacts, ...]]:
    if not ids:
        return {}
    statement = (
        sa.select(payment_lines.c.booking_id, *_LINE)
        .where(payment_lines.c.business_id == business_id, in_list(payment_lines.c.booking_id, ids))
        .order_by(payment_lines.c.booking_id, payment_lines.c.line_no)
    )
    found: defaultdict[str, tuple[LineFacts, ...]] = defaultdict(tuple)
    for booking_id, *line in await conn.execute(statement):
        found[booking_id] += (LineFacts(*line),)
    return found


async def _refunds(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> dict[str, list[RefundRow]]:
    if not ids:
        return {}
    statement = (
        sa.select(refunds.c.booking_id, *_REFUND)
        .where(
            refunds.c.business_id == business_id,
            in_list(refunds.c.booking_id, ids),
            sa.text(f"({NOT_WITHDRAWN})"),
        )
        .order_by(refunds.c.booking_id, refunds.c.line_no)
    )
    found: defaultdict[str, list[RefundRow]] = defaultdict(list)
    for booking_id, *row in await conn.execute(statement):
        known = dict(zip(RefundRow.__slots__, row, strict=True))
        known["method"], known["status"] = Method(known["method"]), RefundStatus(known["status"])
        found[booking_id].append(RefundRow(**known))
    return found


async def sessions_of(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> set[str]:
    """The sessions that these bookings are in now; without a lock, a first look only."""
    if not ids:
        return set()
    statement = sa.select(bookings.c.session_id).where(
        bookings.c.business_id == business_id, in_list(bookings.c.id, ids)
    )
    return set((await conn.execute(statement.distinct())).scalars())


async def lock(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> dict[str, BookingFacts]:
    """Those of `ids` that exist, locked in id order until the transaction ends, as they are under the lock."""
    if not ids:
        return {}
    statement = (
        sa.select(*_BOOKING)
        .where(bookings.c.business_id == business_id, in_list(bookings.c.id, ids))
        .order_by(bookings.c.id)
        .with_for_update()
    )
    rows = (await conn.execute(statement)).all()
    lines = await _lines(conn, business_id, [row[0] for row in rows])
    return {
        id_: BookingFacts(session_id, client_id, status, lines.get(id_, ()))
        for id_, session_id, client_id, status in rows
    }


async def create(conn: AsyncConnection, business_id: str, created: Mapping[str, BookingFacts]) -> bool:
    """Insert bookings with their lines; False, and only some written, when another writer made one meanwhile."""
    rows = [(id_, *facts[:3]) for id_, facts in sorted(created.items())]
    columns = ("id", "session_id", "client_id", "status")
    written = await insert_many(conn, bookings, {"business_id": business_id}, columns, rows)
    if written < len(rows):
        return False
    await _write_lines(conn, business_id, created)
    return True


async def replace(conn: AsyncConnection, business_id: str, changed: Mapping[str, BookingFacts]) -> None:
    """Replace bookings, locked by `lock`, and their lines."""
    if not changed:
        return
    rows = [(id_, *facts[:3]) for id_, facts in sorted(changed.items())]
    columns = ("id", "session_id", "client_id", "status")
    await insert_many(conn, bookings, {"business_id": business_id}, columns, rows, replacing=columns[1:])
    await conn.execute(
        sa.delete(payment_lines).where(
            payment_lines.c.business_id == business_id, in_list(payment_lines.c.booking_id, changed)
        )
    )
    await _write_lines(conn, business_id, changed)


async def _write_lines(conn: AsyncConnection, business_id: str, written: Mapping[str, BookingFacts]) -> None:
    await insert_many(
        conn,
        payment_lines,
        {"business_id": business_id},
        ("booking_id", "line_no", *LineFacts._fields),
        [
            (id_, number, *line)
            for id_, facts in sorted(written.items())
            for number, line in enumerate(facts.lines, start=1)
        ],
    )
