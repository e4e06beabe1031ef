"""What an upstream's word makes of a refund: pure decisions, without clock, database or network.

Nothing here may repeat a call whose outcome is unknown: an `indeterminate` refund only becomes
`pending` again after the upstream has said that it knows nothing of it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.domain.refund_update import NextLeg, RefundUpdate
from app.domain.statuses import ALREADY_REFUNDED, ALREADY_REFUNDED_HERE, RefundStatus

INSUFFICIENT_BALANCE: Final = "insufficient_balance"
ALREADY_REFUNDED_ELSEWHERE: Final = "already_refunded_elsewhere"
UPSTREAM_UNAVAILABLE: Final = "upstream_unavailable"
GAVE_UP: Final = "gave_up"

# An upstream that keeps answering 5xx under our key may have cached the answer: after this many
# sends, only look.
MAX_SENDS: Final = 8
_FIRST_PAUSE_SECONDS: Final = 1.0
_PAUSE_PER_AGE: Final = 4.0  # what has waited a minute is tried again after a quarter of one
_MAX_PAUSE_SECONDS: Final = 300.0
# For a refund that was put off: it grows with what has come to nothing so far, not with age.
_FIRST_BACK_OFF_SECONDS: Final = 0.5
_MAX_THROTTLED_SECONDS: Final = 30.0
MAX_RETRY_AFTER_SECONDS: Final = 900.0
_MAX_LOOK_UP_PAUSE_SECONDS: Final = 6 * 3600.0
# 10,000 that are looked up twice an hour are 6 calls a second.
_PAUSE_OF_WAITING_SECONDS: Final = 3600.0
_DAY_SECONDS: Final = 86_400.0
# docs.stripe.com/refunds: a client has 45 days to give bank details; for lack of funds a refund
# waits until there are some; a payment by bank debit may take two weeks to come in. A day more, for
# the word of it.
_WAITS_SECONDS: Final = {
    "requires_action": 46 * _DAY_SECONDS,
    "insufficient_funds": 46 * _DAY_SECONDS,
    "charge_pending": 15 * _DAY_SECONDS,
    "processing": 60 * _DAY_SECONDS,  # what came after one of those, too
}
_WAITS_FOR: Final = {
    "requires_action": (
        "the client has been asked where the money is to go, and has 45 days to say so"
    ),
    "insufficient_funds": "the balance at the payments service does not cover it yet",
    "charge_pending": "the payment itself has not come in yet",
}


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What is known of a refund when an outcome arrives.

    `attempts` may have had an effect, this call's own too.
    """

    attempts: int
    age_seconds: float
    give_up_after_seconds: float
    jitter: float
    waits_for: str | None = None  # what a refund that its upstream has accepted waits for
    # Earlier claims that came to nothing: at least as many as its upstream has put it off.
    in_vain: int = 0

    @property
    def past_deadline(self) -> bool:
        return self.age_seconds >= max(
            self.give_up_after_seconds, _WAITS_SECONDS.get(self.waits_for or "", 0.0)
        )

    def pause_of_look_up(self) -> float:
        """Seconds to the next look at what is accepted.

        Hooks say it sooner, and 10,000 may wait at one account.
        """
        grown = min(_MAX_LOOK_UP_PAUSE_SECONDS, max(2.0, self.age_seconds / _PAUSE_PER_AGE))
        if self.waits_for in _WAITS_FOR:
            grown = max(grown, _PAUSE_OF_WAITING_SECONDS)
        return max(2.0, grown * (0.5 + self.jitter / 2))

    def pause(self, *, at_least: float = 0.0) -> float:
        """Seconds to the next try: longer the older the refund is, with jitter.

        Never beyond the longest pause, unless `at_least` is.
        """
        grown = min(
            _MAX_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, self.age_seconds / _PAUSE_PER_AGE)
        )
        return max(at_least, grown * (0.5 + self.jitter / 2))

    def back_off(self, *, at_least: float = 0.0, at_most: float = _MAX_PAUSE_SECONDS) -> float:
        """Seconds to the next try of what was put off: twice as long each time.

        How old the refund is does not count.
        """
        grown = min(at_most, _FIRST_BACK_OFF_SECONDS * 2.0 ** min(self.in_vain, 16))
        return max(at_least, grown * (0.5 + self.jitter / 2))


def succeeded(
    upstream_reference: str | None,
    *,
    expires_before: datetime | None = None,
    expires_after: datetime | None = None,
) -> RefundUpdate:
    """The upstream has returned it, and may say until when credits hold."""
    return RefundUpdate(
        RefundStatus.SUCCEEDED,
        None,
        definitive=True,
        upstream_reference=upstream_reference,
        expires_before=expires_before,
        expires_after=expires_after,
    )


def rejected(code: str, detail: str, upstream_reference: str | None = None) -> RefundUpdate:
    """The upstream refused; only a person can go on from here."""
    return RefundUpdate(
        RefundStatus.REJECTED,
        None,
        upstream_reference=upstream_reference,
        failure_code=code[:64],
        failure_detail=detail[:500],
    )


def replaced(refusal: RefundUpdate, next_leg: NextLeg | None) -> RefundUpdate:
    """The refusal stands, and the line goes on with `next_leg`; None: that is there already."""
    return replace(refusal, status=RefundStatus.REPLACED, next_leg=next_leg)


def refunded_elsewhere(detail: str) -> RefundUpdate:
    """The upstream says it is refunded and has no refund of ours.

    So it was somebody else's, and nothing is left to return.
    """
    return RefundUpdate(
        RefundStatus.SKIPPED,
        None,
        failure_code=ALREADY_REFUNDED_ELSEWHERE,
        failure_detail=detail[:500],
    )


def refunded_here(sibling: str) -> RefundUpdate:
    """Another refund of ours, `sibling`, has returned all that was left of the payment."""
    return RefundUpdate(
        RefundStatus.SKIPPED,
        None,
        failure_code=ALREADY_REFUNDED_HERE,
        failure_detail=f"by {sibling}"[:500],
    )


def perhaps_refunded_here(context: AttemptContext, sibling: str) -> RefundUpdate:
    """Refused while the outcome of another refund of ours, `sibling`, is unknown.

    Who did it is not known, either.
    """
    return refused_for_now(context, ALREADY_REFUNDED, f"{sibling} of the same payment is under way")


def processing(
    context: AttemptContext, upstream_reference: str | None, reason: str | None = None
) -> RefundUpdate:
    """The upstream accepted it, and its final word is still to come.

    Ask again, less and less often. What it waits for is shown, and says for how long a machine
    waits with it.
    """
    waits_for = reason if reason in _WAITS_SECONDS else None
    context = replace(context, waits_for=waits_for)
    if context.past_deadline:
        detail = "the upstream has accepted it and never said how it ended"
        return RefundUpdate(
            RefundStatus.PROCESSING,
            None,
            upstream_reference=upstream_reference,
            failure_code=GAVE_UP,
            failure_detail=detail,
        )
    return RefundUpdate(
        RefundStatus.PROCESSING,
        context.pause_of_look_up(),
        upstream_reference=upstream_reference,
        failure_code=None if reason is None else reason[:64],
        failure_detail=_WAITS_FOR.get(waits_for or ""),
    )


def without_balance(context: AttemptContext, detail: str) -> RefundUpdate:
    """The business's balance does not cover it yet: it is tried again and again.

    That is no fault of the refund.
    """
    return refused_for_now(context, INSUFFICIENT_BALANCE, detail)


def refused_for_now(context: AttemptContext, code: str, detail: str) -> RefundUpdate:
    """Refused for what may pass by itself: tried again under a new key.

    It is a person's once its retry deadline has passed.
    """
    if context.past_deadline:
        return rejected(code, detail)
    return RefundUpdate(
        RefundStatus.PENDING,
        context.pause(),
        uncounted=True,
        failure_code=code,
        failure_detail=detail[:500],
        new_key=True,
    )


def not_done(
    context: AttemptContext,
    code: str,
    detail: str,
    *,
    retry_after_seconds: float | None,
    throttled: bool,
) -> RefundUpdate:
    """The call surely had no effect: send again later.

    Past its retry deadline it is given to a person, after one more look if it was sent before.
    """
    if context.past_deadline and context.attempts > 1:
        # This call had no effect. An earlier one may have: one more look.
        return RefundUpdate(
            RefundStatus.INDETERMINATE,
            context.pause(),
            uncounted=True,
            failure_code="unknown",
            failure_detail=detail[:500],
        )
    if context.past_deadline:
        return rejected(UPSTREAM_UNAVAILABLE, detail)
    asked_for = min(retry_after_seconds or 0.0, MAX_RETRY_AFTER_SECONDS)
    if throttled and asked_for:
        pause = asked_for + context.jitter
    else:
        longest = _MAX_THROTTLED_SECONDS if throttled else _MAX_PAUSE_SECONDS
        pause = context.back_off(at_least=asked_for, at_most=longest)
    return RefundUpdate(
        RefundStatus.PENDING,
        pause,
        uncounted=True,
        failure_code=code[:64],
        failure_detail=detail[:500],
    )


def unknown(detail: str, *, quiet_in_seconds: float) -> RefundUpdate:
    """Nothing is known: look it up once the call can no longer land.

    That is `quiet_in_seconds` from now. Past its retry deadline too: a machine gives up after a
    look-up only. Until a call can no longer land, not even a person may have it sent again.
    """
    return RefundUpdate(
        RefundStatus.INDETERMINATE,
        quiet_in_seconds,
        failure_code="unknown",
        failure_detail=detail[:500],
    )


def not_found(context: AttemptContext) -> RefundUpdate:
    """The upstream knows nothing of it: send it again under the same key.

    Not so where that has failed too often, or its retry deadline has passed.
    """
    if context.past_deadline:
        detail = "sent, and the upstream has none of it"
        return RefundUpdate(
            RefundStatus.INDETERMINATE, None, failure_code=GAVE_UP, failure_detail=detail
        )
    if context.attempts >= MAX_SENDS:
        return unknown(
            "sent repeatedly, and the upstream has none of it", quiet_in_seconds=context.pause()
        )
    return RefundUpdate(RefundStatus.PENDING, 0.0, failure_code="looked_up_absent")


def lookup_failed(
    context: AttemptContext, status: RefundStatus, detail: str, *, pause_seconds: float
) -> RefundUpdate:
    """A look-up that told nothing: the refund stays what it was.

    It waits for what it did, and is looked up again until its retry deadline.
    """
    due = None if context.past_deadline else pause_seconds
    return RefundUpdate(
        status,
        due,
        failure_code=context.waits_for or "look_up_unanswered",
        failure_detail=detail[:500],
    )


def upstream_paused(
    context: AttemptContext, status: RefundStatus, *, due_in_seconds: float
) -> RefundUpdate:
    """Claimed while its upstream takes no calls: it waits on until its retry deadline."""
    if not context.past_deadline:
        return not_started(status, due_in_seconds=due_in_seconds, waits_for=context.waits_for)
    detail = "the upstream took no calls for as long as a machine tries"
    if status == RefundStatus.SUBMITTED and context.attempts > 1:
        return RefundUpdate(
            RefundStatus.INDETERMINATE,
            None,
            uncounted=True,
            failure_code=GAVE_UP,
            failure_detail=detail,
        )
    if status == RefundStatus.SUBMITTED:
        return RefundUpdate(
            RefundStatus.REJECTED,
            None,
            uncounted=True,
            failure_code=UPSTREAM_UNAVAILABLE,
            failure_detail=detail,
        )
    return lookup_failed(context, status, detail, pause_seconds=due_in_seconds)


def not_started(
    status: RefundStatus, *, due_in_seconds: float = 0.0, waits_for: str | None = None
) -> RefundUpdate:
    """Claimed but not acted on: the lease ran low, or the worker stops."""
    if status == RefundStatus.SUBMITTED:
        return RefundUpdate(RefundStatus.PENDING, due_in_seconds, uncounted=True)
    detail = _WAITS_FOR.get(waits_for or "")
    return RefundUpdate(status, due_in_seconds, failure_code=waits_for, failure_detail=detail)


def waits_for(status: RefundStatus, code: str | None) -> str | None:
    """What a claimed refund waits for at its upstream, by the code it has.

    None: for nothing that is known.
    """
    return code if status == RefundStatus.PROCESSING and code in _WAITS_SECONDS else None
