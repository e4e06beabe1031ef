"""One claimed refund: the call that its row asks for, and its update.

The call is made only in time, and at the upstream's pace. The row is committed as `submitted`
before this is called; no call starts so late that it could outlive the lease.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from app.db.jobs import ceilings
from app.db.refunds.claims import ClaimedRefund
from app.domain.refund_update import RefundUpdate
from app.domain.statuses import RefundForm, RefundStatus
from app.gateways.outcomes import (
    Order,
    PaymentAccount,
    UpstreamMethod,
)
from app.refunds import decide, policy
from app.refunds.legs.ladder import NO_LADDER, Ladder
from app.refunds.legs.next_leg import with_next_leg
from app.refunds.pacing.instrumented import InstrumentedGateway
from app.refunds.pacing.pace import Admission, Pace, Signal
from app.refunds.policy import AttemptContext
from app.refunds.rate_limit import RateLimit
from app.refunds.runtime import Runtime, seconds_since_boot

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LaneContext:
    """Where a refund is executed.

    Whose it is, at which upstream and account there, and how fast that takes calls.
    """

    business_id: str
    reason: str
    method: UpstreamMethod
    pace: Pace
    payment_account: PaymentAccount = None
    rate_limit: RateLimit | None = None  # None: the upstream does not count calls
    valid_until: datetime | None = None  # credits that come back can be used at least so long
    goodwill_until: datetime | None = None  # and those that are given on top
    ladder: Ladder = NO_LADDER


async def execute(
    runtime: Runtime, lane: LaneContext, claimed: ClaimedRefund, *, send_before: float
) -> RefundUpdate:
    """Make the call that the row asks for, and say what becomes of it.

    Args:
        runtime: the worker's.
        lane: where it belongs.
        claimed: the row, as it was claimed.
        send_before: the instant, by `seconds_since_boot`, after which its call could outlive its
            lease.
    """
    # Asked again, or asked after because nothing is known of it: such calls have a budget.
    repeat = claimed.status == RefundStatus.INDETERMINATE or claimed.attempts > 1
    context = AttemptContext(
        attempts=claimed.attempts,
        age_seconds=claimed.age_seconds,
        give_up_after_seconds=runtime.settings.give_up_after_seconds,
        jitter=runtime.jitter(),
        waits_for=policy.waits_for(claimed.status, claimed.failure_code),
        in_vain=max(0, claimed.epoch - claimed.attempts),
    )
    look_up = claimed.status != RefundStatus.SUBMITTED
    if await lane.pace.enter(repeat=repeat, look_up=look_up) is Admission.DEFER:
        _count(lane, 0)
        pause = max(lane.pace.quiet_seconds, 1.0)
        return policy.upstream_paused(
            context, claimed.status, due_in_seconds=pause * (1 + context.jitter)
        )
    gateway = InstrumentedGateway(
        runtime.gateways[lane.method], lane.method, lane.pace, attempt=max(claimed.attempts, 1)
    )
    try:
        if runtime.stopping.is_set() or seconds_since_boot() >= send_before:
            return policy.not_started(claimed.status, waits_for=context.waits_for)
        order = order_of(claimed, lane)
        return await _call(runtime, gateway, order, claimed, context, lane.ladder, send_before)
    finally:
        _count(lane, gateway.calls)
        paused = lane.pace.leave(
            gateway.signal,
            repeat=repeat,
            look_up=look_up,
            retry_after_seconds=gateway.retry_after_seconds,
        )
        if paused is not None:
            log.warning(
                "lane.paused",
                business_id=lane.business_id,
                method=lane.method,
                because=paused,
                seconds=round(lane.pace.quiet_seconds, 1),
            )


def _count(lane: LaneContext, calls: int) -> None:
    """Of each claimed refund one call has been granted."""
    if lane.rate_limit is not None:
        lane.rate_limit.debt += calls - 1


async def _call(
    runtime: Runtime,
    gateway: InstrumentedGateway,
    order: Order,
    claimed: ClaimedRefund,
    context: AttemptContext,
    ladder: Ladder,
    send_before: float,
) -> RefundUpdate:
    settings = runtime.settings
    quiet_in = settings.upstream_timeout_seconds + settings.upstream_quiescence_seconds
    go_on = partial(
        with_next_leg,
        *(runtime.db, ladder, claimed, order, context),
        read_payment=gateway.payment,
    )
    try:
        if claimed.status != RefundStatus.SUBMITTED:
            found = decide.decide_after_lookup(claimed, context, await gateway.look_up(order))
            return await go_on(found)
        if settings.look_up_first:
            known = decide.decide_after_lookup(claimed, context, await gateway.look_up(order))
            if known.status == RefundStatus.SUBMITTED or seconds_since_boot() >= send_before:
                # The look-up told nothing, or too late.
                return policy.not_started(claimed.status, due_in_seconds=context.pause())
            if known.status != RefundStatus.PENDING:
                return await go_on(known)
        started = time.monotonic()
        outcome = await gateway.refund(order)
        quiet_in -= min(time.monotonic() - started, settings.upstream_timeout_seconds)
        update = await decide.decide_after_call(
            gateway, order, context, outcome, quiet_in_seconds=quiet_in
        )
        if update.failure_code != policy.ALREADY_REFUNDED_ELSEWHERE:
            return await go_on(update)
        async with runtime.db.read() as conn:
            sibling = await ceilings.sibling_of(conn, claimed.id)
        return decide.decide_by_sibling(context, sibling) or update
    except Exception as error:
        log.exception("refund.call_failed", refund_id=claimed.id)
        gateway.signal, why = Signal.FAILING, f"internal: {type(error).__name__}"
        if claimed.status != RefundStatus.SUBMITTED:
            return policy.lookup_failed(context, claimed.status, why, pause_seconds=context.pause())
        return policy.unknown(why, quiet_in_seconds=max(quiet_in, context.pause()))


def order_of(claimed: ClaimedRefund, lane: LaneContext) -> Order:
    """What is asked of the upstream for this row, in the same words each time."""
    # One key for all attempts; a new one only after a recorded refusal, for a try that a person
    # asked for or when the balance may have been filled.
    key = claimed.id if claimed.key_generation == 0 else f"{claimed.id}.{claimed.key_generation}"
    # What its upstream called the refund: of this try, or of the one before it, which failed.
    is_accepted = claimed.status == RefundStatus.PROCESSING
    has_failed = claimed.key_generation > 0 and not is_accepted
    form = RefundForm(claimed.returned_as)
    return Order(
        refund_id=claimed.id,
        idempotency_key=key,
        method=lane.method,
        payment_id=claimed.payment_id,
        amount_minor=None
        if claimed.amount_minor is None
        else claimed.amount_minor + claimed.bonus_minor,
        currency=claimed.currency,
        account_id=claimed.account_id,
        credits=claimed.credits,
        reason=lane.reason,
        accepted_as=claimed.upstream_reference if is_accepted else None,
        failed_as=claimed.upstream_reference if has_failed else None,
        payment_account=lane.payment_account,
        valid_until=lane.goodwill_until if form is RefundForm.GOODWILL else lane.valid_until,
        form=form,
        business_id=lane.business_id,
        client_id=claimed.client_id,
    )
