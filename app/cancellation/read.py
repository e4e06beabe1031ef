"""Reading jobs: what was promised, what became of it so far, in counts and sums by refund status.

Until the worker has written all refund rows, what is missing is counted as `pending` (or `skipped`), from the totals
frozen at acceptance: the sums are the job's own at any time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.plan import Totals
from app.db import job_sessions, jobs, refund_pages
from app.db.acceptances import Outcome
from app.db.engine import Database
from app.db.tables import Method, RefundStatus
from app.errors import NotFound


@dataclass(slots=True)
class Sum:
    """Refunds of one status: how many, money by currency in minor units, credits."""

    count: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    credits: int = 0


@dataclass(frozen=True, slots=True)
class JobView:
    """A job with its sessions counted by outcome and, where asked for, its refunds by status."""

    row: sa.RowMapping
    totals: Totals
    session_counts: Mapping[str, int]
    refunds: Mapping[RefundStatus, Sum]


async def one(db: Database, business_id: str, job_id: str) -> JobView:
    """One job with its sums.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        job = await jobs.get(conn, business_id, job_id)
        if job is None:
            raise NotFound("bulk cancellation")
        return await view(conn, job)


async def known(db: Database, business_id: str, job_id: str) -> None:
    """Make sure that there is such a job, before a stream about it begins.

    Raises:
        NotFound: there is none.
    """
    async with db.read() as conn:
        if await jobs.get(conn, business_id, job_id) is None:
            raise NotFound("bulk cancellation")


async def view(conn: AsyncConnection, job: sa.RowMapping) -> JobView:
    """The job's view, in a snapshot in which the row was read."""
    counts = await job_sessions.outcome_counts(conn, [job["id"]])
    totals = Totals(**job["totals"])
    return JobView(job, totals, counts[job["id"]], _sums(totals, await job_sessions.tally(conn, job["id"])))


def as_accepted(job: Mapping[Any, Any], outcomes: Sequence[Outcome]) -> JobView:
    """The view of the moment of acceptance, which is the same however often a request is replayed."""
    counts: dict[str, int] = Counter(one.outcome for one in outcomes)
    totals = Totals(**job["totals"])
    return JobView(cast("sa.RowMapping", job), totals, counts, _sums(totals, ()))


async def newest(
    db: Database, business_id: str, *, status: str | None, before: str | None, limit: int
) -> list[JobView]:
    """Jobs newest first, without their refunds' sums."""
    async with db.read() as conn:
        rows = await jobs.newest(conn, business_id, status=status, before=before, limit=limit)
        counts = await job_sessions.outcome_counts(conn, [row["id"] for row in rows])
    return [JobView(row, Totals(**row["totals"]), counts[row["id"]], {}) for row in rows]


async def sessions(
    db: Database, business_id: str, job_id: str, *, after_seq: int, limit: int
) -> tuple[Sequence[sa.RowMapping], dict[str, dict[str, int]]]:
    """A page of the job's sessions in start order, and each accepted one's refunds by status.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        if await jobs.get(conn, business_id, job_id) is None:
            raise NotFound("bulk cancellation")
        rows = await job_sessions.page(conn, job_id, after_seq=after_seq, limit=limit)
        positions = [row["position"] for row in rows if row["position"] is not None]
        if not positions:
            return rows, {}
        return rows, await job_sessions.refund_counts(conn, job_id, range(positions[0], positions[-1] + 1))


async def refunds(
    db: Database, business_id: str, job_id: str, *, status: str | None, after_id: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """A page of the job's refunds in session order.

    Raises:
        NotFound: no such job.
    """
    async with db.read() as conn:
        if await jobs.get(conn, business_id, job_id) is None:
            raise NotFound("bulk cancellation")
        return await refund_pages.page(conn, job_id, status=status, after_id=after_id, limit=limit)


def _sums(totals: Totals, groups: Sequence[sa.RowMapping]) -> dict[RefundStatus, Sum]:
    sums = {status: Sum() for status in RefundStatus}
    missing = Sum(totals.refunds, dict(totals.amounts), totals.credits)
    skipped = totals.nothing_to_return
    for group in groups:
        _add(sums[RefundStatus(group["status"])], group, 1)
        if group["method"] == Method.NONE:
            skipped -= group["count"]
        else:
            _add(missing, group, -1)
    sums[RefundStatus.SKIPPED].count += skipped
    pending = sums[RefundStatus.PENDING]
    pending.count += missing.count
    pending.credits += missing.credits
    for currency, amount in missing.amounts.items():
        pending.amounts[currency] = pending.amounts.get(currency, 0) + amount
    for each in sums.values():
        each.amounts = {currency: amount for currency, amount in sorted(each.amounts.items()) if amount}
    return sums


def _add(to: Sum, group: sa.RowMapping, sign: int) -> None:
    to.count += sign * group["count"]
    to.credits += sign * group["credits"]
    if group["currency"] is not None:
        amount = to.amounts.get(group["currency"], 0) + sign * group["amount_minor"]
        to.amounts[group["currency"]] = amount
