"""One claimed refund: the call that its row asks for, made only in time and at the upstream's pace, and its verdict.

The row is committed as `submitted` before this is called; no call starts so late that it could outlive the lease.
"""

import time
from dataclasses import dataclass
from typing import assert_never

import structlog

from app.cancellation import judge, policy
from app.cancellation.budget import Budget
from app.cancellation.pacing import Entry, Pace, Sign
from app.cancellation.policy import Trail, Verdict
from app.cancellation.runtime import Runtime, seconds_since_boot
from app.db.claims import Claimed
from app.db.tables import RefundStatus
from app.fault_points import reached
from app.gateways.outcomes import (
    Absent,
    Finding,
    Gateway,
    Indeterminate,
    Merchant,
    Method,
    Order,
    Outcome,
    Processing,
    Rejected,
    Succeeded,
    Throttled,
    Unavailable,
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a refund is executed: whose it is, at which upstream and account there, and how fast that takes calls."""

    business_id: str
    reason: str
    method: Method
    pace: Pace
    merchant: Merchant = None
    budget: Budget | None = None  # None: the upstream does not count calls


async def execute(runtime: Runtime, place: Place, claimed: Claimed, *, send_before: float) -> Verdict:
    """Make the call that the row's state asks for, and say what becomes of the row.

    Args:
        runtime: the worker's.
        place: where it belongs.
        claimed: the row, as it was claimed.
        send_before: the instant, by `seconds_since_boot`, after which its call could outlive its lease.
    """
    # Asked again, or asked after because nothing is known of it: such calls have a budget.
    repeat = claimed.status == RefundStatus.INDETERMINATE or claimed.attempts > 1
    trail = Trail(
        attempts=claimed.attempts,
        age_seconds=claimed.age_seconds,
        give_up_after_seconds=runtime.settings.give_up_after_seconds,
        jitter=runtime.jitter(),
    )
    if await place.pace.enter(repeat=repeat) is Entry.LATER:
        _count(place, 0)
        pause = max(place.pace.quiet_seconds, 1.0)
        return policy.left_alone(trail, claimed.status, due_in_seconds=pause * (1 + trail.jitter))
    gateway = _Watched(runtime.gateways[place.method], place.method)
    try:
        if runtime.stopping.is_set() or seconds_since_boot() >= send_before:
            return policy.unstarted(claimed.status)
        order = order_of(claimed, place.method, place.reason, place.merchant)
        return await _call(runtime, gateway, order, claimed, trail, send_before)
    finally:
        _count(place, gateway.calls)
        paused = place.pace.leave(gateway.sign, repeat=repeat, retry_after_seconds=gateway.retry_after_seconds)
        if paused is not None:
            log.warning(
                "lane.paused",
                business_id=place.business_id,
                method=place.method,
                because=paused,
                seconds=round(place.pace.quiet_seconds, 1),
            )


def _count(place: Place, calls: int) -> None:
    """Of each claimed refund one call has been granted."""
    if place.budget is not None:
        place.budget.owed += calls - 1


@dataclass(slots=True)
class _Watched:
    """The gateway, how often it was called, and what the last call through it said of the upstream."""

    gateway: Gateway
    method: Method
    calls: int = 0
    sign: Sign | None = None
    retry_after_seconds: float = 0.0

    async def refund(self, order: Order) -> Outcome:
        self.calls += 1
        reached(f"refund.{self.method}.before")
        outcome = await self.gateway.refund(order)
        reached(f"refund.{self.method}.after")
        self._note(outcome)
        return outcome

    async def look_up(self, order: Order) -> Finding:
        self.calls += 1
        reached(f"look_up.{self.method}.before")
        finding = await self.gateway.look_up(order)
        reached(f"look_up.{self.method}.after")
        self._note(finding)
        return finding

    async def aclose(self) -> None:
        """The gateway stays open: it is the process's."""

    def _note(self, outcome: Outcome | Finding) -> None:
        asked: float | None = None
        match outcome:
            case Rejected(code, _, None) if code == policy.INSUFFICIENT_BALANCE:
                self.sign = Sign.BROKE
            case Succeeded() | Processing() | Rejected() | Absent():
                self.sign = Sign.WELL
            case Throttled(asked):
                self.sign = Sign.THROTTLED
            case Unavailable(_, asked) | Indeterminate(_, asked):
                self.sign = Sign.SICK
            case _:
                assert_never(outcome)
        self.retry_after_seconds = min(asked or 0.0, policy.LONGEST_RETRY_AFTER_SECONDS)


async def _call(
    runtime: Runtime, gateway: _Watched, order: Order, claimed: Claimed, trail: Trail, send_before: float
) -> Verdict:
    settings = runtime.settings
    quiet_in = settings.upstream_timeout_seconds + settings.upstream_quiescence_seconds
    try:
        if claimed.status != RefundStatus.SUBMITTED:
            return judge.of_finding(claimed, trail, await gateway.look_up(order))
        if settings.look_up_first:
            known = judge.of_finding(claimed, trail, await gateway.look_up(order))
            if known.status == RefundStatus.SUBMITTED or seconds_since_boot() >= send_before:
                return policy.unstarted(claimed.status, due_in_seconds=trail.pause())  # it told nothing, or too late
            if known.status != RefundStatus.PENDING:
                return known
        started = time.monotonic()
        outcome = await gateway.refund(order)
        quiet_in -= min(time.monotonic() - started, settings.upstream_timeout_seconds)
        return await judge.of_answer(gateway, order, trail, outcome, quiet_in_seconds=quiet_in)
    except Exception as error:
        log.exception("refund.call_failed", refund_id=claimed.id)
        gateway.sign, why = Sign.SICK, f"internal: {type(error).__name__}"
        if claimed.status != RefundStatus.SUBMITTED:
            return policy.unanswered(trail, claimed.status, why, pause_seconds=trail.pause())
        return policy.unknown(why, quiet_in_seconds=max(quiet_in, trail.pause()))


def order_of(claimed: Claimed, method: Method, reason: str, merchant: Merchant = None) -> Order:
    """What is asked of the upstream for this row, by the same words at each attempt."""
    # One key for all attempts; a new one only after a recorded refusal, for a try that a person asked for or when the
    # balance may have been filled.
    key = claimed.id if claimed.key_generation == 0 else f"{claimed.id}.{claimed.key_generation}"
    # What its upstream called the refund: of this try, or of the one before it, which failed.
    is_accepted = claimed.status == RefundStatus.PROCESSING
    return Order(
        refund_id=claimed.id,
        idempotency_key=key,
        method=method,
        payment_id=claimed.payment_id,
        amount_minor=claimed.amount_minor,
        currency=claimed.currency,
        account_id=claimed.account_id,
        credits=claimed.credits,
        reason=reason,
        accepted_as=claimed.upstream_reference if is_accepted else None,
        failed_as=claimed.upstream_reference if claimed.key_generation and not is_accepted else None,
        merchant=merchant,
    )
