"""The refund rows that a plan's lines would become: whom they concern, and what is told of them.

They are made as an expansion makes them, and written nowhere. Ceilings are not looked at, as a
plan does not.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import Instant
from app.db.messages import told_facts
from app.db.messages.editions import concerns_its_client
from app.db.refunds.refunds import rows_of
from app.db.tables import bookings, sessions

_TEXT: Final = sa.Text()
_ROWS_AT_ONCE: Final = 1_000
# What a row has that no client was told of yet, as the table has it by default.
_AT_FIRST: Final[Mapping[str, sa.ColumnElement[Any]]] = {
    "leg": sa.literal_column("1", sa.Integer),
    "bonus_minor": sa.literal_column("0", sa.BigInteger),
    "resolved_amount_minor": sa.cast(sa.null(), sa.BigInteger),
    "expires_after": sa.cast(sa.null(), Instant),
}
_OF_CONCERN: Final = ("client_id", "amount_minor", "credits", "kept_by", "failure_code")
_TOLD: Final = ("business_id", "session_id", "epoch", "kept_by", *told_facts.OF_REFUND)
# As acceptance copies them.
_SESSIONS: Final = sa.select(
    sessions.c.business_id,
    sessions.c.id.label("session_id"),
    sessions.c.name.label("session_name"),
    sessions.c.starts_at.label("session_starts_at"),
    sessions.c.ends_at.label("session_ends_at"),
    sa.cast(sa.null(), _TEXT).label("session_starts_local"),
    sessions.c.timezone.label("session_timezone"),
    sessions.c.location,
    sessions.c.instructor,
).subquery("planned_sessions")


@cache
def _rows(lines: sa.Subquery, names: tuple[str, ...], *, asks: bool) -> sa.Subquery:
    not_held_back = sa.cast(sa.null(), _TEXT).label("skip_detail")
    planned = sa.select(*lines.c, not_held_back).subquery("planned")
    row = {**_AT_FIRST, **rows_of(planned, withdrawn=False, asks=asks)}
    return sa.select(*(row[name].label(name) for name in names)).subquery("planned_rows")


@cache
def clients_of(lines: sa.Subquery) -> sa.Subquery:
    """The clients who would be told of these lines, each once, as `client_id`."""
    rows = _rows(lines, _OF_CONCERN, asks=False)
    return sa.select(rows.c.client_id).where(concerns_its_client(rows)).distinct().subquery("told")


@cache
def _told_of(lines: sa.Subquery, *, asks: bool) -> sa.Select[Any]:
    rows = _rows(lines, _TOLD, asks=asks)
    query = told_facts.told_rows(rows, _SESSIONS, _SESSIONS.c.business_id == rows.c.business_id)
    return query.where(rows.c.client_id == sa.bindparam("told_client", type_=_TEXT)).order_by(
        rows.c.booking_id, rows.c.line_no
    )


async def rows_of_client(
    conn: AsyncConnection,
    lines: sa.Subquery,
    parameters: Mapping[str, Any],
    client_id: str,
    *,
    choose_until: dt.datetime | None,
) -> list[dict[str, Any]]:
    """What would be told of this client's lines, by booking and line; see `told_facts.told_rows`.

    Until `choose_until` they would be asked how those come back of which clients may choose.
    """
    given = {**parameters, "told_client": client_id}
    if asks := choose_until is not None:
        given["choose_until"] = choose_until
    found: list[dict[str, Any]] = []
    async with conn.stream(_told_of(lines, asks=asks), given) as rows:
        # Who stands for all who walk in has thousands of bookings: the loop would wait for all.
        async for part in rows.mappings().partitions(_ROWS_AT_ONCE):
            found += map(dict, part)
            await asyncio.sleep(0)
    return found


async def session_ids_of_client(
    conn: AsyncConnection, business_id: str, client_id: str
) -> set[str]:
    """The sessions that a client has bookings of, whatever these are."""
    query = sa.select(bookings.c.session_id).where(
        bookings.c.business_id == business_id, bookings.c.client_id == client_id
    )
    return set((await conn.execute(query)).scalars())
