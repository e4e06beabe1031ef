"""Reads bookings with their payment lines and what came back.

One booking, or a page of those of a session or a client.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list
from app.db.core.driver import Connection, fetch
from app.db.schedule.bookings import BOOKING, LINE, LIVE, lines_of
from app.db.schedule.session_pages import COLUMNS, WITH_JOB, session_row
from app.db.tables import bookings, payment_lines, refunds, sessions
from app.domain.nouns.schedule import BookingFacts, BookingRow, LineFacts, RefundRow, SessionRow
from app.domain.statuses import BookingStatus, Method, RefundStatus

_REFUND = tuple(refunds.c[name] for name in RefundRow.__slots__)


def _parts(table: sa.Table, columns: Sequence[sa.ColumnElement[Any]], *which: Any) -> sa.Label[Any]:
    """On PostgreSQL: a booking's rows in a table as a list of lists.

    They are in the order of its lines.
    """
    rows = aggregate_order_by(sa.func.json_build_array(*columns), table.c.line_no)
    of_booking = (
        table.c.business_id == bookings.c.business_id,
        table.c.booking_id == bookings.c.id,
    )
    return (
        sa.select(sa.func.json_agg(rows))
        .where(*of_booking, *which)
        .scalar_subquery()
        .label(table.name)
    )


_PARTS = (_parts(payment_lines, LINE), _parts(refunds, _REFUND, LIVE))
_OF_BUSINESS = bookings.c.business_id == sa.bindparam("of_business")
_AT_MOST = sa.bindparam("at_most", type_=sa.Integer)


async def get(conn: Connection, business_id: str, booking_id: str) -> BookingRow | None:
    """One booking, or None when the business has no such id."""
    parameters = {"of_business": business_id, "of_id": booking_id}
    return next(
        (booking for booking, _ in await _whole(conn, _BookingForm("id"), parameters)), None
    )


async def of_session(
    conn: Connection, business_id: str, session_id: str, *, after: str | None, limit: int
) -> list[BookingRow]:
    """Up to `limit` bookings of a session in id order, from the one after `after`."""
    parameters = {
        "of_business": business_id,
        "of_session": session_id,
        "at_most": limit,
        "after_id": after,
    }
    return [
        booking
        for booking, _ in await _whole(conn, _BookingForm("session", after is not None), parameters)
    ]


async def of_client(
    conn: Connection,
    business_id: str,
    client_id: str,
    *,
    before: tuple[dt.datetime, str] | None,
    limit: int,
) -> list[tuple[BookingRow, SessionRow]]:
    """Up to `limit` bookings of a client with their sessions, latest start first.

    They go on from the one after `before`.
    """
    parameters: dict[str, Any] = {
        "of_business": business_id,
        "of_client": client_id,
        "at_most": limit,
    }
    if before is not None:
        parameters |= {"before_at": before[0], "before_id": before[1]}
    rows = await _whole(conn, _BookingForm("client", before is not None), parameters)
    return [(booking, session_row(session)) for booking, session in rows]


class _BookingForm(NamedTuple):
    """Which bookings a statement reads: one, or a page, which may go on.

    One is of an id, a page is of a session or a client.
    """

    of: Literal["id", "session", "client"]
    goes_on: bool = False


@cache
def _statement(form: _BookingForm, *, parts: bool) -> sa.Select[*tuple[Any, ...]]:
    starts_at, id_ = sessions.c.starts_at, bookings.c.id
    columns = BOOKING + (_PARTS if parts else ())
    if form.of == "id":
        return sa.select(*columns).where(_OF_BUSINESS, id_ == sa.bindparam("of_id"))
    if form.of == "session":
        of_session = bookings.c.session_id == sa.bindparam("of_session")
        statement = (
            sa.select(*columns).where(_OF_BUSINESS, of_session).order_by(id_).limit(_AT_MOST)
        )
        return statement.where(id_ > sa.bindparam("after_id")) if form.goes_on else statement
    of_booking = sa.and_(
        sessions.c.business_id == bookings.c.business_id, sessions.c.id == bookings.c.session_id
    )
    statement = (
        sa.select(*columns, *(column.label(f"session_{n}") for n, column in enumerate(COLUMNS)))
        .select_from(WITH_JOB.join(bookings, of_booking))
        .where(_OF_BUSINESS, bookings.c.client_id == sa.bindparam("of_client"))
        .order_by(starts_at.desc(), id_.desc())
        .limit(_AT_MOST)
    )
    if not form.goes_on:
        return statement
    before_at = sa.bindparam("before_at", type_=starts_at.type)
    before_id = sa.bindparam("before_id", type_=id_.type)
    return statement.where(starts_at <= before_at, sa.or_(starts_at < before_at, id_ < before_id))


async def _whole(
    conn: Connection, form: _BookingForm, parameters: Mapping[str, Any]
) -> list[tuple[BookingRow, Sequence[Any]]]:
    """Bookings with their lines and refunds, each with what else the statement reads.

    On PostgreSQL all in one statement; on SQLite, where a turn costs nothing, in three of the
    transaction.
    """
    width = len(BOOKING)
    if not isinstance(conn, AsyncConnection) or conn.dialect.name == "postgresql":
        whole: list[tuple[BookingRow, Sequence[Any]]] = []
        for row in await fetch(conn, _statement(form, parts=True), parameters):
            id_, session_id, client_id, status, lines, returned, *rest = row.values()
            facts = BookingFacts(
                session_id, client_id, status, tuple(map(LineFacts._make, lines or ()))
            )
            whole.append((BookingRow(id_, facts, tuple(map(_refund, returned or ()))), rest))
        return whole
    rows = [
        list(row.values()) for row in await fetch(conn, _statement(form, parts=False), parameters)
    ]
    ids = [row[0] for row in rows]
    lines = await lines_of(conn, parameters["of_business"], ids)
    returned = await _refunds(conn, parameters["of_business"], ids)
    return [
        (_booking(row[:width], lines.get(row[0], ()), returned.get(row[0], ())), row[width:])
        for row in rows
    ]


def _booking(
    row: Sequence[str], lines: tuple[LineFacts, ...], returned: Sequence[RefundRow]
) -> BookingRow:
    id_, session_id, client_id, status = row
    return BookingRow(
        id_, BookingFacts(session_id, client_id, BookingStatus(status), lines), tuple(returned)
    )


def _refund(row: Sequence[Any]) -> RefundRow:
    """A refund row, as the database has it or in JSON."""
    known = dict(zip(RefundRow.__slots__, row, strict=True))
    known["method"], known["status"] = Method(known["method"]), RefundStatus(known["status"])
    if isinstance(known["settled_at"], str):
        known["settled_at"] = dt.datetime.fromisoformat(known["settled_at"])
    return RefundRow(**known)


async def _refunds(
    conn: AsyncConnection, business_id: str, ids: Collection[str]
) -> dict[str, list[RefundRow]]:
    if not ids:
        return {}
    statement = (
        sa.select(refunds.c.booking_id, *_REFUND)
        .where(refunds.c.business_id == business_id, in_list(refunds.c.booking_id, ids), LIVE)
        .order_by(refunds.c.booking_id, refunds.c.line_no, refunds.c.leg)
    )
    found: defaultdict[str, list[RefundRow]] = defaultdict(list)
    for booking_id, *row in await conn.execute(statement):
        found[booking_id].append(_refund(row))
    return found
