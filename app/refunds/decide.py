"""What an upstream's answer or a look-up makes of a refund.

Every outcome is matched, and `policy` decides. A call whose outcome is unknown is never repeated
here; a refusal is believed only where no earlier call of ours can be the reason for it.
"""

from typing import assert_never

from app.db.jobs.ceilings import Sibling
from app.db.refunds.claims import ClaimedRefund
from app.db.refunds.legs import LineSoFar
from app.domain.refund_update import RefundUpdate
from app.domain.statuses import ALREADY_REFUNDED, FORM_NOT_SUPPORTED, RefundForm, RefundStatus
from app.gateways.outcomes import (
    Absent,
    Finding,
    Gateway,
    Indeterminate,
    Order,
    Outcome,
    Processing,
    Rejected,
    Succeeded,
    Throttled,
    Unavailable,
)
from app.refunds import policy
from app.refunds.legs.ladder import Ladder, RefusedLeg, next_leg
from app.refunds.policy import AttemptContext


async def decide_after_call(
    gateway: Gateway,
    order: Order,
    context: AttemptContext,
    outcome: Outcome,
    *,
    quiet_in_seconds: float,
) -> RefundUpdate:
    """What becomes of a refund that was just sent.

    A refusal that may be of our own making is looked up first.

    Args:
        gateway: where it was sent.
        order: what was sent.
        context: what is known of the refund, this call included.
        outcome: what came back.
        quiet_in_seconds: when a call that was never heard of can no longer land.
    """
    match outcome:
        case Succeeded(reference, before, after):
            return policy.succeeded(reference, expires_before=before, expires_after=after)
        case Processing(reference, reason):
            return policy.processing(context, reference, reason)
        case Rejected(code, _, _) if code == ALREADY_REFUNDED or context.attempts > 1:
            # Perhaps because of an earlier call of ours, never heard of: believed after a look.
            return _refused(context, outcome, await gateway.look_up(order))
        case Rejected():
            return _rejected(context, outcome)
        case Throttled(retry_after):
            return policy.not_done(
                context,
                "throttled",
                "the upstream asks us to wait",
                retry_after_seconds=retry_after,
                throttled=True,
            )
        case Unavailable(detail, retry_after):
            return policy.not_done(
                context, "unavailable", detail, retry_after_seconds=retry_after, throttled=False
            )
        case Indeterminate(detail, retry_after):
            return policy.unknown(
                detail, quiet_in_seconds=max(quiet_in_seconds, retry_after or 0.0)
            )
        case _:
            assert_never(outcome)


def decide_by_sibling(context: AttemptContext, sibling: Sibling | None) -> RefundUpdate | None:
    """What becomes of a refund whose payment another refund of ours may have returned.

    The upstream says that it is refunded already, and not by this refund. None: by none of ours.

    Args:
        context: what is known of the refund.
        sibling: the likeliest other refund of ours; None: there is none, so it was somebody else.
    """
    if sibling is None:
        return None
    named = f"refund {sibling.id} of booking {sibling.booking_id}"
    if sibling.status in {RefundStatus.SUCCEEDED, RefundStatus.PROCESSING}:
        return policy.refunded_here(named)
    return policy.perhaps_refunded_here(context, named)


def decide_by_ladder(
    claimed: ClaimedRefund,
    update: RefundUpdate,
    ladder: Ladder,
    line: LineSoFar,
    *,
    remaining_minor: int | None,
) -> RefundUpdate:
    """Whether another leg of the line follows a refusal, or a person.

    Args:
        claimed: the refund that was refused.
        update: the refusal, as it would be a person's.
        ladder: what the job's terms say of refusals.
        line: what the line has been tried in.
        remaining_minor: what its upstream says is left of the payment; None: it doesn't.
    """
    if claimed.followed:
        # Where the leg that followed was left out for this one, nothing returns the line now.
        return update if line.is_left_out else policy.replaced(update, None)
    if update.failure_code == FORM_NOT_SUPPORTED and claimed.attempts > 1:
        # It was asked for before, and nothing was heard: that the service says now that it has no
        # such form tells nothing of then.
        return update
    refused = RefusedLeg(
        leg=claimed.leg,
        form=RefundForm(claimed.returned_as),
        tried=line.forms,
        amount_minor=claimed.amount_minor or 0,
        code=update.failure_code or "",
        is_whole=line.is_whole,
        remaining_minor=remaining_minor,
    )
    following = next_leg(ladder, refused)
    return update if following is None else policy.replaced(update, following)


def decide_after_lookup(
    claimed: ClaimedRefund, context: AttemptContext, finding: Finding
) -> RefundUpdate:
    """What becomes of a refund that was looked up.

    Only a plain word that there is none lets it be sent again.
    """
    match finding:
        case Succeeded(reference, before, after):
            return policy.succeeded(reference, expires_before=before, expires_after=after)
        case Processing(reference, reason):
            return policy.processing(context, reference, reason)
        case Rejected(_, _, reference) if claimed.status == RefundStatus.PROCESSING and _is_another(
            claimed, reference
        ):
            detail = "the upstream shows a refund that failed, and not the one that it had accepted"
            return policy.lookup_failed(
                context, claimed.status, detail, pause_seconds=context.pause()
            )
        case Rejected(code, detail, reference):
            return policy.rejected(code, detail, reference)
        case Absent() if claimed.followed and claimed.upstream_reference is None:
            detail = "refused, and the upstream has none of it"
            return policy.rejected(claimed.failure_code or "refused", detail)
        case Absent() if claimed.status == RefundStatus.PROCESSING:
            # It has given the refund an id: not to know of it now is no leave to send it again.
            detail = "the upstream had accepted it and does not show it now"
            return policy.lookup_failed(
                context, claimed.status, detail, pause_seconds=context.pause()
            )
        case Absent():
            return policy.not_found(context)
        case Indeterminate(detail, retry_after):
            pause = context.pause(at_least=retry_after or 0.0)
            return policy.lookup_failed(context, claimed.status, detail, pause_seconds=pause)
        case _:
            assert_never(finding)


def _refused(context: AttemptContext, refusal: Rejected, finding: Finding) -> RefundUpdate:
    """Whose doing a refusal is: ours is a success that we had not heard of.

    Without one of ours the refusal stands.
    """
    match finding:
        case Succeeded(reference, before, after):
            return policy.succeeded(reference, expires_before=before, expires_after=after)
        case Processing(reference, reason):
            return policy.processing(context, reference, reason)
        case Absent() | Rejected():
            return _rejected(context, refusal)
        case Indeterminate(why, retry_after):
            return policy.unknown(why, quiet_in_seconds=context.pause(at_least=retry_after or 0.0))
        case _:
            assert_never(finding)


def _rejected(context: AttemptContext, refusal: Rejected) -> RefundUpdate:
    if refusal.code == ALREADY_REFUNDED:
        return policy.refunded_elsewhere(refusal.detail)
    if refusal.code == policy.INSUFFICIENT_BALANCE and refusal.upstream_reference is None:
        return policy.without_balance(context, refusal.detail)
    return policy.rejected(refusal.code, refusal.detail, refusal.upstream_reference)


def _is_another(claimed: ClaimedRefund, reference: str | None) -> bool:
    return (
        None not in {reference, claimed.upstream_reference}
        and reference != claimed.upstream_reference
    )
