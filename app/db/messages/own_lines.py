"""A client's bookings in a job as they are now: each line, its reference and its time."""

import datetime as dt
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.messages.editions import concerns_its_client
from app.db.messages.told_facts import line_of, session_of, told_query
from app.db.tables import clients as all_clients
from app.db.tables import jobs, refunds
from app.domain.messages.facts import ToldState
from app.domain.nouns.choices import OwnLine, OwnSession

# What came back through a service of ours has its reference; a person's own words are not shown.
_HAS_REFERENCE: Final = (ToldState.RETURNED,)


async def of_client(conn: AsyncConnection, job_id: str, client_id: str) -> list[OwnSession]:
    """The client's bookings in the order of their sessions; empty: nothing of theirs."""
    query = told_query(job_id, [client_id]).add_columns(
        refunds.c.upstream_reference, refunds.c.settled_at
    )
    rows = (await conn.execute(query)).mappings().all()
    # The query's order keeps a booking's rows together.
    bookings = groupby(rows, lambda row: (row["session_id"], row["booking_id"]))
    return [_session(list(its)) for _, its in bookings]


async def is_erased(conn: AsyncConnection, job_id: str, client_id: str) -> bool:
    """Whether nothing may say any more who this client of the job is: their links are over."""
    query = (
        sa.select(all_clients.c.erased_at)
        .join(jobs, jobs.c.business_id == all_clients.c.business_id)
        .where(jobs.c.id == job_id, all_clients.c.id == client_id)
    )
    return await conn.scalar(query) is not None


async def clients(
    conn: AsyncConnection, job_id: str, *, after: str | None, limit: int
) -> list[str]:
    """Clients of the job whom something of it concerns, from the one after `after`."""
    query = sa.select(refunds.c.client_id).where(
        refunds.c.job_id == job_id, concerns_its_client(refunds)
    )
    if after is not None:
        query = query.where(refunds.c.client_id > after)
    query = query.distinct().order_by(refunds.c.client_id).limit(limit)
    return list((await conn.execute(query)).scalars())


def _session(rows: list[sa.RowMapping]) -> OwnSession:
    return OwnSession(
        told=session_of(rows),
        lines=tuple(line for row in rows if (line := _line(row)) is not None),
        is_final=all(row["due_at"] is None for row in rows),
    )


def _line(row: sa.RowMapping) -> OwnLine | None:
    told = line_of(row)
    if told is None:
        return None
    is_at_work = told.state in (ToldState.UNDER_WAY, ToldState.WITH_A_PERSON)
    reference: str | None = row["upstream_reference"]
    at: dt.datetime | None = row["settled_at"]
    choose_until: Any = row["choose_until"] if row["may_choose"] else None
    return OwnLine(
        told=told,
        reference=reference if told.state in _HAS_REFERENCE else None,
        at=None if is_at_work else at,
        choose_until=choose_until,
    )
