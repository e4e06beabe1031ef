"""Sessions with booked, paid clients, written straight into the tables.

Benchmarks run against them.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from app.auth import keys
from app.db import tables as t
from app.db.core import statistics
from app.db.core.engine import Database

DAY: Final = dt.date(2027, 1, 11)
PRICE_MINOR: Final = 2_000
_ROWS_AT_ONCE: Final = 20_000


async def business(db: Database, business_id: str) -> str:
    """Create a business in UTC that trades in CAD; returns an API key of it, with every scope."""
    async with db.write() as conn:
        await conn.execute(
            sa.insert(t.businesses).values(
                id=business_id, name="Bench", timezone="UTC", currency="CAD"
            )
        )
        await conn.execute(
            sa.insert(t.clients).values(business_id=business_id, id="c", name="Kim", email=None)
        )
    return await keys.create_key(db, business_id, "bench", list(keys.Scope))


async def sessions(
    db: Database,
    business_id: str,
    *,
    count: int,
    bookings_each: int,
    day: dt.date = DAY,
    prefix: str = "",
    is_counted: bool = True,
    clients: int = 0,
) -> None:
    """Write sessions on `day`, each with bookings of one payment line of `PRICE_MINOR`.

    `is_counted`: as an import. `clients`: so many book in turns, each with an address; 0: Kim alone
    does, who has none.
    """
    start = dt.datetime.combine(day, dt.time(9), dt.UTC)
    made = [
        {
            "business_id": business_id,
            "id": f"{prefix}s{n}",
            "name": "Yoga",
            "starts_at": start,
            "ends_at": start + dt.timedelta(hours=1),
            "timezone": "UTC",
        }
        for n in range(count)
    ]
    await _insert(db, t.sessions, made)
    if clients:
        booking = [
            {
                "business_id": business_id,
                "id": f"c{n}",
                "name": f"Kim {n}",
                "email": f"c{n}@example.org",
            }
            for n in range(clients)
        ]
        await _insert(db, t.clients, booking)
    for first in range(0, count * bookings_each, _ROWS_AT_ONCE):
        numbers = range(first, min(first + _ROWS_AT_ONCE, count * bookings_each))
        booked = [
            {
                "business_id": business_id,
                "id": f"{prefix}b{n}",
                "session_id": f"{prefix}s{n // bookings_each}",
                "client_id": f"c{n % clients}" if clients else "c",
                "status": "booked",
            }
            for n in numbers
        ]
        paid = [
            {
                "business_id": business_id,
                "booking_id": f"{prefix}b{n}",
                "line_no": 1,
                "method": "payment",
                "payment_id": f"{business_id}-{prefix}{n}",
                "amount_minor": PRICE_MINOR,
                "currency": "CAD",
            }
            for n in numbers
        ]
        await _insert(db, t.bookings, booked)
        await _insert(db, t.payment_lines, paid)
    if is_counted:
        async with db.write() as conn:
            await statistics.count_schedule(conn)


async def _insert(db: Database, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    async with db.write() as conn:
        await conn.execute(sa.insert(table), rows)
