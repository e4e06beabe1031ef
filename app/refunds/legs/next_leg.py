"""After a refusal: whether another leg of the line follows, or a person.

Whatever that depends on is read first; `decide` and the ladder are pure.
"""

from collections.abc import Awaitable, Callable
from typing import assert_never

from app.db.core.engine import Database
from app.db.refunds import legs
from app.db.refunds.claims import ClaimedRefund
from app.domain.refund_update import RefundUpdate
from app.domain.statuses import RefundStatus
from app.gateways.facts import (
    FactsUnknown,
    PaymentAnswer,
    PaymentFacts,
    PaymentNotFound,
    Unsupported,
)
from app.gateways.outcomes import Order
from app.refunds import decide, policy
from app.refunds.legs.ladder import Ladder, asks_for_rest, may_go_on
from app.refunds.policy import AttemptContext


async def with_next_leg(
    db: Database,
    ladder: Ladder,
    claimed: ClaimedRefund,
    order: Order,
    context: AttemptContext,
    update: RefundUpdate,
    *,
    read_payment: Callable[[Order], Awaitable[PaymentAnswer]],
) -> RefundUpdate:
    """The same update, or with the leg that follows where it is a refusal.

    Args:
        db: where the line's legs are.
        ladder: what the job's terms say of refusals.
        claimed: the refund that was asked for.
        order: what was asked.
        context: what is known of the refund.
        update: what became of it.
        read_payment: asks what is left of the order's payment; only where that decides.
    """
    code = update.failure_code or ""
    if update.status != RefundStatus.REJECTED or claimed.payment_id is None:
        return update
    if not claimed.followed and not may_go_on(ladder, order.form, code):
        return update
    async with db.read() as conn:
        line = await legs.line_so_far(conn, claimed.id)
    remaining: int | None = None
    if not claimed.followed and asks_for_rest(ladder, order.form, code):
        match await read_payment(order):
            case PaymentFacts(left, currency, disputed=False) if currency == order.currency:
                remaining = left
            case PaymentFacts() | PaymentNotFound() | Unsupported():
                pass
            case FactsUnknown(detail):
                return policy.refused_for_now(context, code, detail)
            case answer:
                assert_never(answer)
    return decide.decide_by_ladder(claimed, update, ladder, line, remaining_minor=remaining)
