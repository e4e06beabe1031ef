"""Bookings with their payment lines, locked and written: always together.

They are read by `booking_pages`.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.bulk_insert import insert_many
from app.db.core.dialect import in_list
from app.db.tables import NOT_WITHDRAWN, bookings, payment_lines, refunds
from app.domain.nouns.schedule import BookingFacts, LineFacts

LINE = tuple(payment_lines.c[name] for name in LineFacts._fields)
BOOKING = (bookings.c.id, bookings.c.session_id, bookings.c.client_id, bookings.c.status)
# As the index of a booking's lines has it, word for word: else every refund of the business would
# be read.
LIVE = sa.text(f"({NOT_WITHDRAWN})")


async def lines_of(
    conn: AsyncConnection, business_id: str, ids: Collection[str]
) -> dict[str, tuple[LineFacts, ...]]:
    """The payment lines of these bookings, in the platform's order."""
    if not ids:
        return {}
    statement = (
        sa.select(payment_lines.c.booking_id, *LINE)
        .where(payment_lines.c.business_id == business_id, in_list(payment_lines.c.booking_id, ids))
        .order_by(payment_lines.c.booking_id, payment_lines.c.line_no)
    )
    found: defaultdict[str, tuple[LineFacts, ...]] = defaultdict(tuple)
    for booking_id, *line in await conn.execute(statement):
        found[booking_id] += (LineFacts(*line),)
    return found


async def sessions_of(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> set[str]:
    """The sessions that these bookings are in now; without a lock, a first look only."""
    if not ids:
        return set()
    statement = sa.select(bookings.c.session_id).where(
        bookings.c.business_id == business_id, in_list(bookings.c.id, ids)
    )
    return set((await conn.execute(statement.distinct())).scalars())


async def lock(
    conn: AsyncConnection, business_id: str, ids: Collection[str]
) -> dict[str, BookingFacts]:
    """Those of `ids` that exist, locked in id order until the transaction ends.

    They are given as they are under the lock.
    """
    if not ids:
        return {}
    statement = (
        sa.select(*BOOKING)
        .where(bookings.c.business_id == business_id, in_list(bookings.c.id, ids))
        .order_by(bookings.c.id)
        .with_for_update()
    )
    rows = (await conn.execute(statement)).all()
    lines = await lines_of(conn, business_id, [row[0] for row in rows])
    return {
        id_: BookingFacts(session_id, client_id, status, lines.get(id_, ()))
        for id_, session_id, client_id, status in rows
    }


async def settled(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> dict[str, str]:
    """Those of `ids` that a job has settled, each with that job's id.

    They need not be there any more.
    """
    if not ids:
        return {}
    statement = sa.select(refunds.c.booking_id, refunds.c.job_id).where(
        refunds.c.business_id == business_id, in_list(refunds.c.booking_id, ids), LIVE
    )
    return {row.booking_id: row.job_id for row in await conn.execute(statement)}


async def create(
    conn: AsyncConnection, business_id: str, created: Mapping[str, BookingFacts]
) -> bool:
    """Insert bookings with their lines; False when another writer made one meanwhile.

    Only some are written then.
    """
    rows = [(id_, *facts[:3]) for id_, facts in sorted(created.items())]
    columns = ("id", "session_id", "client_id", "status")
    written = await insert_many(conn, bookings, {"business_id": business_id}, columns, rows)
    if written < len(rows):
        return False
    await _write_lines(conn, business_id, created)
    return True


async def replace(
    conn: AsyncConnection, business_id: str, changed: Mapping[str, BookingFacts]
) -> None:
    """Replace bookings, locked by `lock`, and their lines."""
    if not changed:
        return
    rows = [(id_, *facts[:3]) for id_, facts in sorted(changed.items())]
    columns = ("id", "session_id", "client_id", "status")
    await insert_many(
        conn, bookings, {"business_id": business_id}, columns, rows, replacing=columns[1:]
    )
    await conn.execute(
        sa.delete(payment_lines).where(
            payment_lines.c.business_id == business_id, in_list(payment_lines.c.booking_id, changed)
        )
    )
    await _write_lines(conn, business_id, changed)


async def _write_lines(
    conn: AsyncConnection, business_id: str, written: Mapping[str, BookingFacts]
) -> None:
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
