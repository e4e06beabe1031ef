"""What is returned, and what an upstream's word makes of a refund: pure decisions, no clock, no database, no network.

Nothing here may repeat a call whose outcome is unknown: an `indeterminate` refund only becomes `pending` again after
the upstream has said that it knows nothing of it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class SkipReason(StrEnum):
    """Why a booking has nothing to return."""

    WAITLISTED = "waitlisted"
    ATTENDED = "attended"
    NOTHING_PAID = "nothing_paid"


ALREADY_REFUNDED: Final = "already_refunded"
INSUFFICIENT_BALANCE: Final = "insufficient_balance"
ALREADY_REFUNDED_ELSEWHERE: Final = "already_refunded_elsewhere"
UPSTREAM_UNAVAILABLE: Final = "upstream_unavailable"
GAVE_UP: Final = "gave_up"

# An upstream that keeps answering 5xx under our key may have cached the answer: after this many sends, only look.
MOST_SENDS: Final = 8
_FIRST_PAUSE_SECONDS: Final = 1.0
_PAUSE_PER_AGE: Final = 4.0  # what has waited a minute is tried again after a quarter of one
_LONGEST_PAUSE_SECONDS: Final = 300.0
LONGEST_RETRY_AFTER_SECONDS: Final = 900.0


def nothing_to_return(status: str, *, started: bool, include_attended: bool, paid: bool) -> SkipReason | None:
    """Why a booking of an accepted session gets nothing back, or None if its payment lines are returned whole.

    Args:
        status: `booked`, `waitlisted` or `checked_in`.
        started: whether its session had started when the cancellation was accepted.
        include_attended: whether the request asked to return attended bookings as well.
        paid: whether the booking has payment lines (a free or membership booking has none).
    """
    if status == "waitlisted":
        return SkipReason.WAITLISTED
    if status == "checked_in" and started and not include_attended:
        return SkipReason.ATTENDED
    if not paid:
        return SkipReason.NOTHING_PAID
    return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a refund row.

    `due_in_seconds` is None when no machine will touch it again. A `definitive` verdict says that money moved: it is
    recorded whoever heard it, all others only by the claim that is still theirs. `uncounted`: the call surely had no
    effect. `new_key`: it was refused, and the next try is to be judged anew; under its key an upstream may repeat the
    refusal for a day (docs.stripe.com/api/idempotent_requests), whatever has changed since.
    """

    status: str
    due_in_seconds: float | None
    definitive: bool = False
    uncounted: bool = False
    upstream_reference: str | None = None
    failure_code: str | None = None
    failure_detail: str | None = None
    new_key: bool = False


@dataclass(frozen=True, slots=True)
class Trail:
    """What is known of a refund when an outcome arrives; `attempts` may have had an effect, this call's own too."""

    attempts: int
    age_seconds: float
    give_up_after_seconds: float
    jitter: float

    @property
    def out_of_patience(self) -> bool:
        return self.age_seconds >= self.give_up_after_seconds

    def pause(self, *, at_least: float = 0.0) -> float:
        """Seconds to the next try: longer the older the refund is, with jitter, never beyond the longest pause."""
        grown = min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, self.age_seconds / _PAUSE_PER_AGE))
        return max(at_least, grown * (0.5 + self.jitter / 2))


def succeeded(upstream_reference: str | None) -> Verdict:
    """The upstream has returned the money or the credits."""
    return Verdict("succeeded", None, definitive=True, upstream_reference=upstream_reference)


def rejected(code: str, detail: str, upstream_reference: str | None = None) -> Verdict:
    """The upstream refused; only a person can go on from here."""
    return Verdict(
        "rejected",
        None,
        upstream_reference=upstream_reference,
        failure_code=code[:64],
        failure_detail=detail[:500],
    )


def refunded_elsewhere(detail: str) -> Verdict:
    """The upstream says it is refunded and has no refund of ours: somebody else's, so nothing is left to return."""
    return Verdict("skipped", None, failure_code=ALREADY_REFUNDED_ELSEWHERE, failure_detail=detail[:500])


def processing(trail: Trail, upstream_reference: str | None) -> Verdict:
    """The upstream accepted it and its final word is still to come: ask again, less and less often."""
    if trail.out_of_patience:
        detail = "the upstream has accepted it and never said how it ended"
        return Verdict(
            "processing", None, upstream_reference=upstream_reference, failure_code=GAVE_UP, failure_detail=detail
        )
    return Verdict("processing", trail.pause(at_least=2.0), upstream_reference=upstream_reference)


def without_balance(trail: Trail, detail: str) -> Verdict:
    """The business's balance does not cover it yet: no fault of the refund, so it is tried again and again."""
    if trail.out_of_patience:
        return rejected(INSUFFICIENT_BALANCE, detail)
    return Verdict(
        "pending",
        trail.pause(),
        uncounted=True,
        failure_code=INSUFFICIENT_BALANCE,
        failure_detail=detail[:500],
        new_key=True,
    )


def not_done(trail: Trail, code: str, detail: str, *, retry_after_seconds: float | None, throttled: bool) -> Verdict:
    """The call surely had no effect: send again later, or give it to a person when patience is out."""
    if trail.out_of_patience and trail.attempts > 1:
        # This call had no effect. An earlier one may have: one more look.
        return Verdict(
            "indeterminate", trail.pause(), uncounted=True, failure_code="unknown", failure_detail=detail[:500]
        )
    if trail.out_of_patience:
        return rejected(UPSTREAM_UNAVAILABLE, detail)
    asked_for = min(retry_after_seconds or 0.0, LONGEST_RETRY_AFTER_SECONDS)
    pause = asked_for + trail.jitter if throttled and asked_for else trail.pause(at_least=asked_for)
    return Verdict("pending", pause, uncounted=True, failure_code=code[:64], failure_detail=detail[:500])


def unknown(detail: str, *, quiet_in_seconds: float) -> Verdict:
    """Nothing is known: look it up once the call can no longer land (`quiet_in_seconds` from now).

    Out of patience too: a machine gives up after a look-up only. Until a call can no longer land, not even a person may
    have it sent again.
    """
    return Verdict("indeterminate", quiet_in_seconds, failure_code="unknown", failure_detail=detail[:500])


def absent(trail: Trail) -> Verdict:
    """The upstream knows nothing of it: send it again under the same key, unless that has failed too often."""
    if trail.out_of_patience:
        detail = "sent, and the upstream has none of it"
        return Verdict("indeterminate", None, failure_code=GAVE_UP, failure_detail=detail)
    if trail.attempts >= MOST_SENDS:
        return unknown("sent repeatedly, and the upstream has none of it", quiet_in_seconds=trail.pause())
    return Verdict("pending", 0.0, failure_code="looked_up_absent")


def unanswered(trail: Trail, status: str, detail: str, *, pause_seconds: float) -> Verdict:
    """A look-up that told nothing: the refund stays what it was, and is looked up again."""
    due = None if trail.out_of_patience else pause_seconds
    return Verdict(status, due, failure_code="look_up_unanswered", failure_detail=detail[:500])


def left_alone(trail: Trail, status: str, *, due_in_seconds: float) -> Verdict:
    """Claimed while its upstream takes no calls: it waits on, unless patience is out."""
    if not trail.out_of_patience:
        return unstarted(status, due_in_seconds=due_in_seconds)
    detail = "the upstream took no calls for as long as a machine tries"
    if status == "submitted" and trail.attempts > 1:
        return Verdict("indeterminate", None, uncounted=True, failure_code=GAVE_UP, failure_detail=detail)
    if status == "submitted":
        return Verdict("rejected", None, uncounted=True, failure_code=UPSTREAM_UNAVAILABLE, failure_detail=detail)
    return unanswered(trail, status, detail, pause_seconds=due_in_seconds)


def unstarted(status: str, *, due_in_seconds: float = 0.0) -> Verdict:
    """Claimed but not acted on: the lease ran low, or the worker stops."""
    if status == "submitted":
        return Verdict("pending", due_in_seconds, uncounted=True)
    return Verdict(status, due_in_seconds)
