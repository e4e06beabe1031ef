"""What an answer about a payment says of a line of it. Pure."""

from datetime import datetime

from app.domain.plan_check import PlanRisk
from app.gateways.facts import (
    FactsUnknown,
    PaymentAnswer,
    PaymentFacts,
    PaymentNotFound,
    Unsupported,
)


def risk_of(
    answer: PaymentAnswer, *, currency: str, needed_minor: int, as_of: datetime
) -> PlanRisk | None:
    """Why the line may not come back; None: nothing speaks against it.

    The first that is true of the payment, the one that only a person can mend before others.

    Args:
        answer: about the line's payment.
        currency: of the line.
        needed_minor: what all lines together are to have of this payment.
        as_of: when.
    """
    match answer:
        case PaymentNotFound():
            return PlanRisk.NOT_FOUND
        case FactsUnknown() | Unsupported():
            return PlanRisk.UNKNOWN
        case PaymentFacts() if answer.currency != currency:
            return PlanRisk.UNKNOWN  # it is another payment than the schedule says
        case PaymentFacts(disputed=True):
            return PlanRisk.DISPUTED
        case PaymentFacts(captured=False):
            return PlanRisk.NOT_CAPTURED
        case PaymentFacts(refundable_until=datetime() as until) if until < as_of:
            return PlanRisk.WINDOW_OVER
        case PaymentFacts() if answer.remaining_minor < needed_minor:
            return PlanRisk.PART_REFUNDED
        case _:
            return None


def remaining_of(answer: PaymentAnswer, currency: str) -> int | None:
    """What is left of the payment in this currency; None: it is not known."""
    is_known = isinstance(answer, PaymentFacts) and answer.currency == currency
    return answer.remaining_minor if is_known and isinstance(answer, PaymentFacts) else None
