"""The lanes of a slice, one for each method.

Each claims one job's due refunds of its method in batches and keeps their calls going. A lane that
is slow or hangs keeps no other waiting: while it still has calls in flight the others go on
claiming, and when the slice's time is over another slice is prompted before the last calls are
back.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from app.db.jobs.job import Job
from app.domain.owed.terms_document import terms_of
from app.gateways.outcomes import PaymentAccount, UpstreamMethod
from app.refunds import rate_limit
from app.refunds.execute import LaneContext
from app.refunds.legs.ladder import ladder_of
from app.refunds.pacing.pace import Pace
from app.refunds.rate_publisher import RatePublisher
from app.refunds.runtime import Runtime
from app.refunds.settle import GroupCommit
from app.refunds.slices.calling import keep_calling
from app.refunds.slices.claiming import keep_claiming
from app.refunds.slices.lane import Lane, Slice


async def run_lanes(
    runtime: Runtime,
    job: Job,
    chunks: AsyncIterator[None],
    *,
    payment_accounts: Mapping[UpstreamMethod, PaymentAccount],
    stop_at: float,
    commits: GroupCommit,
    prompts_next_slice: bool,
) -> bool:
    """Work on the job's due refunds until none is due, or `stop_at` has come.

    No call is in flight when it returns.

    Args:
        runtime: the worker's.
        job: as it began.
        chunks: writes more of the job's refunds at each step, beside the calls.
        payment_accounts: at whose accounts its payments and its credits are.
        stop_at: by the monotonic clock, when to claim no more.
        commits: what updates are given to.
        prompts_next_slice: whether to prompt another slice at `stop_at`.

    Returns:
        Whether another slice was prompted at `stop_at`, as is done where it `prompts_next_slice`.
    """
    business_id, reason = job.business_id, job.reason or ""
    async with (
        _paced(
            runtime, UpstreamMethod.PAYMENT, payment_accounts[UpstreamMethod.PAYMENT], business_id
        ) as (
            payments,
            of_payments,
        ),
        _paced(
            runtime, UpstreamMethod.CREDIT, payment_accounts[UpstreamMethod.CREDIT], business_id
        ) as (
            credit,
            of_credit,
        ),
    ):
        at = payment_accounts[UpstreamMethod.PAYMENT]
        terms = None if job.terms is None else terms_of(job.terms)
        days = (terms.valid_for_days, terms.goodwill.valid_for_days) if terms else (None, None)
        ladder = ladder_of(terms)
        limit = rate_limit.limit_of_payments(runtime, at, business_id)
        lanes = [
            Lane(
                LaneContext(
                    business_id,
                    reason,
                    UpstreamMethod.PAYMENT,
                    payments,
                    at,
                    limit,
                    ladder=ladder,
                ),
                of_payments,
            ),
            Lane(
                LaneContext(
                    business_id,
                    reason,
                    UpstreamMethod.CREDIT,
                    credit,
                    payment_accounts[UpstreamMethod.CREDIT],
                    valid_until=_until(job, days[0]),
                    goodwill_until=_until(job, days[1]),
                    ladder=ladder,
                ),
                of_credit,
            ),
        ]
        this = Slice(runtime, job.id, stop_at, commits, lanes)
        prompting = asyncio.create_task(
            _prompt_next_slice(this) if prompts_next_slice else _never()
        )
        publishing = [asyncio.create_task(lane.publisher.keep_publishing()) for lane in lanes]
        try:
            await _work(this, chunks)
        finally:
            ended_before = prompting.cancel()
            for lane in lanes:
                lane.publisher.end()
            await asyncio.wait([prompting, *publishing])
        for published in publishing:
            published.result()
        if limit is not None:
            await rate_limit.reconcile(runtime, limit)
    if this.expansion_errors:
        raise this.expansion_errors[0]
    return not ended_before and prompting.result()


def _until(job: Job, days: int | None) -> datetime | None:
    """Until when credits are to be usable at least.

    It is reckoned from acceptance, so that each try asks for the same.
    """
    return None if days is None else job.accepted_at + timedelta(days=days)


@asynccontextmanager
async def _paced(
    runtime: Runtime, method: UpstreamMethod, payment_account: PaymentAccount, business_id: str
) -> AsyncIterator[tuple[Pace, RatePublisher]]:
    """A lane's pace, and what publishes its rate.

    What is known of the account's rate is taken up first.
    """
    account = rate_limit.pace_of_account(runtime, method, payment_account, business_id)
    with runtime.paces.at(business_id, method, account=account) as pace:
        publisher = RatePublisher(runtime, account, pace.account)
        await publisher.begin()
        yield pace, publisher


async def _work(this: Slice, chunks: AsyncIterator[None]) -> None:
    """Claim and call until there is nothing to do, or the slice is over."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_keep_expanding(this, chunks))
        for lane in this.lanes:
            group.create_task(keep_claiming(this, lane))
            for calls, callers in lane.callers:
                for _ in range(callers):
                    group.create_task(keep_calling(this, lane, calls))


async def _prompt_next_slice(this: Slice) -> bool:
    """Prompt for the next slice when this one's time is over.

    The slowest call is not waited for.
    """
    await asyncio.sleep(this.stop_at - time.monotonic())
    if this.runtime.stopping.is_set():
        return False
    # One name for all who prompt within a slice's time, so that slices of a job don't multiply; a
    # slice that was prompted by such a name ends in another time bucket than it began.
    return await this.runtime.queue.wake(this.job_id, once=f"slice-{this.runtime.time_bucket}")


async def _never() -> bool:
    await asyncio.Event().wait()
    return False


async def _keep_expanding(this: Slice, chunks: AsyncIterator[None]) -> None:
    try:
        async for _ in chunks:
            this.want_claims()
    except Exception as error:  # noqa: BLE001 - raised when the calls in flight have ended and are written
        this.expansion_errors.append(error)
    this.expansion_done.set()
    this.want_claims()
