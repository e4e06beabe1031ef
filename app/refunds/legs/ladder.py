"""What follows a refusal: the next leg of the line, or a person. Pure.

A leg only ever follows a recorded refusal that no further try can mend, and never a dispute: the
payer's bank has that money. No leg is of more than the one before it, so that all legs of a line
together never move more than the line.
"""

from dataclasses import dataclass
from typing import Final

from app.domain.owed.terms import PartRefunded, Terms
from app.domain.refund_update import NextLeg
from app.domain.statuses import FORM_NOT_SUPPORTED, NOT_CAPTURED, RefundForm

EXCEEDS_REMAINING: Final = "amount_exceeds_remaining"
# The payment can't be refunded any more, and the next try would be told the same.
CANNOT_BE_REFUNDED: Final = frozenset(
    {
        "refund_window_expired",
        "card_closed",
        "account_closed",
        "expired_or_canceled_card",  # docs.stripe.com/refunds#failed-refunds, as the next one
        "lost_or_stolen_card",
        "declined_by_issuer",
        "declined",
        FORM_NOT_SUPPORTED,
        "not_refundable",
    }
)
# Of the credits service: there is nobody to have value. Of a payments service they may be an
# operator's to mend.
HAS_NO_ACCOUNT: Final = frozenset({"client_closed", "client_not_found", "account_not_found"})
MAX_LEGS: Final = 8


@dataclass(frozen=True, slots=True)
class Ladder:
    """The forms that are tried one after the other, and whether a rest is returned."""

    fallback: tuple[RefundForm, ...] = ()
    returns_rest: bool = False


NO_LADDER: Final = Ladder()


@dataclass(frozen=True, slots=True)
class RefusedLeg:
    """A leg that was refused for good.

    `is_whole` says whether it was to return all that was paid by its payment. `remaining_minor` is
    what is left of the payment at its upstream, None where that is not known.
    """

    leg: int
    form: RefundForm
    tried: frozenset[RefundForm]  # the forms of all legs of the line so far, this one's too
    amount_minor: int
    code: str
    is_whole: bool = False
    remaining_minor: int | None = None


def ladder_of(terms: Terms | None) -> Ladder:
    """The ladder of a job's terms; without any, a refusal is a person's."""
    if terms is None:
        return NO_LADDER
    return Ladder(terms.fallback, terms.part_refunded is PartRefunded.REST)


def asks_for_rest(ladder: Ladder, form: RefundForm, code: str) -> bool:
    """Whether what is left of the payment decides how the line goes on."""
    return ladder.returns_rest and form is RefundForm.ORIGINAL and code == EXCEEDS_REMAINING


def cannot_be_made(form: RefundForm, code: str) -> bool:
    """Whether no further try in this form can be told otherwise."""
    return code in CANNOT_BE_REFUNDED or (
        form is RefundForm.STORE_CREDIT and code in HAS_NO_ACCOUNT
    )


def may_go_on(ladder: Ladder, form: RefundForm, code: str) -> bool:
    """Whether a refusal with this code may have a leg after it."""
    return (
        code == NOT_CAPTURED
        or asks_for_rest(ladder, form, code)
        or (bool(ladder.fallback) and cannot_be_made(form, code))
    )


def next_leg(ladder: Ladder, refused: RefusedLeg) -> NextLeg | None:
    """The leg that follows; None: it is a person's."""
    if refused.leg >= MAX_LEGS or refused.form is RefundForm.VOID:
        return None  # a payment that was never captured is not given back in another form
    if refused.form is RefundForm.ORIGINAL and refused.code == NOT_CAPTURED:
        return NextLeg(RefundForm.VOID, refused.amount_minor) if refused.is_whole else None
    if asks_for_rest(ladder, refused.form, refused.code):
        return _rest(refused)
    if not cannot_be_made(refused.form, refused.code):
        return None
    for form in ladder.fallback:
        if form not in refused.tried:
            return NextLeg(form, refused.amount_minor)
    return None


def _rest(refused: RefusedLeg) -> NextLeg | None:
    """What is left, where that is something and less than was asked for."""
    rest = refused.remaining_minor
    if rest is None or not 0 < rest < refused.amount_minor:
        return None
    return NextLeg(RefundForm.ORIGINAL, rest)
