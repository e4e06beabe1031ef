"""Reading chains, to check them: jobs that have one, and their links page by page."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.refund_ranges import in_sessions
from app.db.evidence.links import Fields, fields_of
from app.db.tables import jobs, refund_history, refunds
from app.db.tables.evidence import evidence_heads, evidence_links
from app.domain.refund_ids import LAST
from app.domain.statuses import RefundStatus

_H: Final = evidence_heads.c
_L: Final = evidence_links.c
_JOBS_AT_ONCE: Final = 500
LINKS_AT_ONCE: Final = 20
# What no claim makes of a refund: each such row of the history is in a link.
BY_A_DEED: Final = frozenset(
    {
        RefundStatus.SUCCEEDED.value,
        RefundStatus.REJECTED.value,
        RefundStatus.REPLACED.value,
        RefundStatus.RESOLVED.value,
        RefundStatus.SKIPPED.value,
    }
)
Rows = Mapping[int, Fields]


class Link(NamedTuple):
    """A link as it is kept: what it says, the rows it is about (JSON), and its hash."""

    number: int
    facts: str
    history: str
    hash: str


class ChainedJob(NamedTuple):
    """A job that has a chain, and that chain's end."""

    requested_by: str
    totals: Mapping[str, Any]
    status: str
    has_ended: bool
    links: int
    head: str


async def jobs_with_chains(
    conn: AsyncConnection, business_id: str | None, *, after: str | None
) -> list[str]:
    """A page of jobs that have a chain, or a part of one, in the order of their ids."""
    heads = sa.select(_H.job_id.label("job_id"), _H.business_id.label("business_id"))
    first = sa.select(_L.job_id.label("job_id"), _L.business_id.label("business_id")).where(
        ~sa.exists().where(_H.job_id == _L.job_id)
    )
    either = sa.union(heads, first).subquery("chained")
    query = sa.select(either.c.job_id).order_by(either.c.job_id).limit(_JOBS_AT_ONCE)
    if business_id is not None:
        query = query.where(either.c.business_id == business_id)
    if after is not None:
        query = query.where(either.c.job_id > after)
    return [*(await conn.execute(query)).scalars()]


async def next_job(conn: AsyncConnection, *, after: str | None) -> str | None:
    """The first job after this one that has a chain, or a part of one; None: there is none."""
    found: list[str] = []
    for job_id in (_H.job_id, _L.job_id):
        query = sa.select(job_id).order_by(job_id).limit(1)
        if after is not None:
            query = query.where(job_id > after)
        found += (await conn.execute(query)).scalars()
    return min(found, default=None)


async def chained_job(conn: AsyncConnection, job_id: str) -> ChainedJob | None:
    """The job, with its chain's end; None: that is not there."""
    query = (
        sa.select(
            *(jobs.c[name] for name in ("requested_by", "totals", "status")),
            jobs.c.due_at.is_(None),
            *(_H.links, _H.head),
        )
        .join(evidence_heads, _H.job_id == jobs.c.id)
        .where(jobs.c.id == job_id)
    )
    found = (await conn.execute(query)).one_or_none()
    return None if found is None else ChainedJob._make(found)


async def links_after(conn: AsyncConnection, job_id: str, number: int) -> list[Link]:
    """A page of the job's links after this number, in their order."""
    query = (
        sa.select(*(_L[name] for name in Link._fields))
        .where(_L.job_id == job_id, _L.number > number)
        .order_by(_L.number)
        .limit(LINKS_AT_ONCE)
    )
    return [Link._make(row) for row in (await conn.execute(query)).all()]


async def rows_of(conn: AsyncConnection, links: Sequence[Link]) -> Rows:
    """What is hashed of all the rows that these links name, as it is now."""
    return await fields_of(conn, [id_ for link in links for id_ in ids_of(link)])


def ids_of(link: Link) -> list[int]:
    """The rows of the history that a link names; none, where it has no list of them."""
    try:
        ids = orjson.loads(link.history)
    except ValueError:
        return []
    return [id_ for id_ in ids if isinstance(id_, int)] if isinstance(ids, list) else []


async def hash_of(conn: AsyncConnection, job_id: str, number: int) -> str | None:
    """The hash of one link of a job; None: there is none of this number."""
    query = sa.select(_L.hash).where(_L.job_id == job_id, _L.number == number)
    found: str | None = await conn.scalar(query)
    return found


async def count_outcomes(conn: AsyncConnection, job_id: str) -> int:
    """How many rows of the history of the job's refunds no claim has made."""
    query = (
        sa.select(sa.func.count())
        .select_from(refund_history.join(refunds, refunds.c.id == refund_history.c.refund_id))
        .where(
            refunds.c.job_id == job_id,
            in_sessions(refunds.c.id, job_id, range(LAST)),
            refund_history.c.status.in_(sorted(BY_A_DEED)),
        )
    )
    count: int = (await conn.execute(query)).scalar_one()
    return count
