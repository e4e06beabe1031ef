"""What a booking of a cancelled session is owed, by the terms of its acceptance.

Pure. A job without terms of its own is settled by a policy (`nothing_to_return`), one with terms by
`owed`. The database runs the same rule: `db/terms/owed_lines.py` compiles `treatment`, and a test
holds both together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from app.domain.money import percent_of
from app.domain.owed.choice import Choice
from app.domain.owed.goodwill import NO_GOODWILL, Goodwill
from app.domain.statuses import BookingStatus, Method, RefundForm

# A job is settled by the policy of its acceptance, whatever is in force since.
FIRST_POLICY: Final = 1  # kept what waiting clients had paid, and named no sum of what it kept
POLICY: Final = 2


class SkipReason(StrEnum):
    """Why nothing of a booking comes back, or what keeps a part of it."""

    WAITLISTED = "waitlisted"
    ATTENDED = "attended"
    NOTHING_PAID = "nothing_paid"
    LATE_CANCELLED = "late_cancelled"
    NO_SHOW = "no_show"
    TERMS = "terms"
    FEE = "fee"
    OVERRIDE = "override"
    PART_REFUNDED = "part_refunded"  # less was left of the payment than was to be returned


class ReturnAs(StrEnum):
    """In which form payments come back."""

    ORIGINAL = "original"
    STORE_CREDIT = "store_credit"
    NOTHING = "nothing"


class Fallback(StrEnum):
    """What follows a refusal that no further try can mend."""

    ORIGINAL = "original"
    STORE_CREDIT = "store_credit"
    PERSON = "person"


class PartRefunded(StrEnum):
    """What follows where less is left of a payment than was to be returned."""

    REST = "rest"
    PERSON = "person"


class KeepPer(StrEnum):
    """Of what a fee is reckoned: of the booking's lines together, or of each."""

    BOOKING = "booking"
    LINE = "line"


class FeeRule(StrEnum):
    """What becomes of lines that were kept before the session was cancelled."""

    KEEP = "keep"
    RETURN = "return"


class OverrideAction(StrEnum):
    """What a person says of one booking, or one of its lines."""

    SKIP = "skip"
    RETURN = "return"


class LineShare(StrEnum):
    """How much of a line comes back, where no rule keeps it whole."""

    RETURNED = "returned"
    LESS_FEE = "less_fee"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is owed: by default all comes back, and fees are kept.

    `keep_basis_points` are hundredths of a percent, `keep_fixed` minor units by currency.
    `fallback` are the forms that follow a refusal, in their order; after them it is a person's.
    """

    return_as: ReturnAs = ReturnAs.ORIGINAL
    keep_basis_points: int = 0
    keep_fixed: tuple[tuple[str, int], ...] = ()
    keep_per: KeepPer = KeepPer.BOOKING
    part_refunded: PartRefunded = PartRefunded.PERSON
    fallback: tuple[RefundForm, ...] = ()
    return_credits: bool = True
    valid_for_days: int | None = None
    late_cancelled: FeeRule = FeeRule.KEEP
    no_show: FeeRule = FeeRule.KEEP
    goodwill: Goodwill = NO_GOODWILL
    choice: Choice | None = None  # None: no client is asked

    @property
    def has_fee(self) -> bool:
        """Whether anything is kept of payments that come back."""
        return self.keep_basis_points > 0 or any(amount for _, amount in self.keep_fixed)


class PaidLine(NamedTuple):
    """A payment line of more than 0: minor units of a currency, or credits.

    `action` is what a person said of it, `returned` how much of it they said comes back, and
    `return_as` in which form.
    """

    method: Method
    amount: int
    currency: str | None
    action: OverrideAction | None = None
    returned: int | None = None
    return_as: RefundForm | None = None


class Owed(NamedTuple):
    """What of a line comes back and in which form, what is kept and why.

    The form is that in which it is tried first.
    """

    returned: int
    kept: int
    kept_by: SkipReason | None
    form: RefundForm = RefundForm.ORIGINAL
    is_asked: bool = False  # whether the client may choose the form


def nothing_to_return(
    status: str, *, started: bool, include_attended: bool, paid: bool, policy: int = POLICY
) -> SkipReason | None:
    """Why a booking of an accepted session gets nothing back.

    None if its payment lines are returned whole. Whoever got no place gets back what they paid, as
    whoever had one.

    Args:
        status: `booked`, `waitlisted` or `checked_in`.
        started: whether its session had started when the cancellation was accepted.
        include_attended: whether the request asked to return attended bookings as well.
        paid: whether the booking has payment lines of more than 0 (a free or membership booking has
            none).
        policy: that of the cancellation's acceptance.
    """
    if status == BookingStatus.WAITLISTED and policy == FIRST_POLICY:
        return SkipReason.WAITLISTED
    if status == BookingStatus.CHECKED_IN and started and not include_attended:
        return SkipReason.ATTENDED
    if not paid:
        return SkipReason.NOTHING_PAID
    return None


def owed(
    status: str, lines: Sequence[PaidLine], terms: Terms, *, started: bool, include_attended: bool
) -> list[Owed]:
    """What each line of one booking comes to, in their order.

    Returned and kept are together what was paid.
    """
    treated = [
        treatment(
            status,
            line.method,
            line.action,
            terms,
            started=started,
            include_attended=include_attended,
        )
        for line in lines
    ]
    fees = _fees(
        [
            line if how is LineShare.LESS_FEE else None
            for line, how in zip(lines, treated, strict=True)
        ],
        terms,
    )
    return [
        _in_form(_owed(line, how, fee), line, terms)
        for line, how, fee in zip(lines, treated, fees, strict=True)
    ]


def _in_form(owed: Owed, line: PaidLine, terms: Terms) -> Owed:
    form = form_of(line.method, line.return_as, terms)
    is_free = line.method is Method.PAYMENT and line.return_as is None and owed.returned > 0
    return owed._replace(form=form, is_asked=is_free and asks(terms))


def asks(terms: Terms) -> bool:
    """Whether clients may choose: of what comes back in the form that is their default."""
    return terms.choice is not None and terms.choice.default is first_form(terms)


def form_of(method: Method, said: RefundForm | None, terms: Terms) -> RefundForm:
    """In which form a line is tried first: credits always come back as credits."""
    if method is not Method.PAYMENT:
        return RefundForm.ORIGINAL
    return said or first_form(terms)


def first_form(terms: Terms) -> RefundForm:
    """In which form payments come back, where nobody said otherwise of one."""
    as_value = terms.return_as is ReturnAs.STORE_CREDIT
    return RefundForm.STORE_CREDIT if as_value else RefundForm.ORIGINAL


def treatment(
    status: str,
    method: Method,
    action: OverrideAction | None,
    terms: Terms,
    *,
    started: bool,
    include_attended: bool,
) -> SkipReason | LineShare:
    """The rule that keeps a line whole, or how much of it comes back.

    What a person said comes first, then who was there, then fees of before, then the form of the
    return: nobody who cancelled late gets more than who is booked.
    """
    kept_by = booking_kept_by(
        status, action, terms, started=started, include_attended=include_attended
    )
    if kept_by is not None:
        return kept_by
    if action is OverrideAction.RETURN:
        return LineShare.RETURNED
    is_payment = method is Method.PAYMENT
    returns = terms.return_as is not ReturnAs.NOTHING if is_payment else terms.return_credits
    if not returns:
        return SkipReason.TERMS
    had_fee = status in (BookingStatus.LATE_CANCELLED, BookingStatus.NO_SHOW)
    return (
        LineShare.LESS_FEE if is_payment and terms.has_fee and not had_fee else LineShare.RETURNED
    )


def booking_kept_by(
    status: str,
    action: OverrideAction | None,
    terms: Terms,
    *,
    started: bool,
    include_attended: bool,
) -> SkipReason | None:
    """The rule that keeps all lines of a booking, whatever they are."""
    if action is not None:
        return SkipReason.OVERRIDE if action is OverrideAction.SKIP else None
    if status == BookingStatus.CHECKED_IN and started and not include_attended:
        return SkipReason.ATTENDED
    if status == BookingStatus.LATE_CANCELLED and terms.late_cancelled is FeeRule.KEEP:
        return SkipReason.LATE_CANCELLED
    if status == BookingStatus.NO_SHOW and terms.no_show is FeeRule.KEEP:
        return SkipReason.NO_SHOW
    return None


def fee_of(amount: int, currency: str, terms: Terms) -> int:
    """What is kept of an amount, and never more than there is.

    That is the percentage, rounded half to even in the minor unit, and then the fixed sum of the
    currency.
    """
    rounded = percent_of(amount, terms.keep_basis_points)
    return min(amount, rounded + dict(terms.keep_fixed).get(currency, 0))


def _owed(line: PaidLine, how: SkipReason | LineShare, fee: int) -> Owed:
    if isinstance(how, SkipReason):
        return Owed(0, line.amount, how)
    if how is LineShare.LESS_FEE:
        return Owed(line.amount - fee, fee, SkipReason.FEE if fee else None)
    returned = line.amount if line.returned is None else line.returned
    kept = line.amount - returned
    return Owed(returned, kept, SkipReason.OVERRIDE if kept else None)


def _fees(lines: Sequence[PaidLine | None], terms: Terms) -> list[int]:
    """The fee that each line bears; a line that is None takes no part.

    A booking's fee is spread so that each line bears no more than it has, and the first bears the
    remainder of two (ADR 17).
    """
    if terms.keep_per is KeepPer.LINE:
        return [fee_of(one.amount, one.currency or "", terms) if one else 0 for one in lines]
    fees = [0] * len(lines)
    for currency in {one.currency for one in lines if one}:
        amounts = [one.amount if one and one.currency == currency else 0 for one in lines]
        whole = sum(amounts)
        fee = fee_of(whole, currency or "", terms)
        for place, amount in enumerate(amounts):
            if amount:
                from_here = sum(amounts[place:])
                fees[place] = fee * from_here // whole - fee * (from_here - amount) // whole
    return fees
