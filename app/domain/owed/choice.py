"""What clients may choose between, until when, and what is given on top. Pure.

A client who does nothing gets the default when the time is up. What is on top is a gift to who
chooses store credit: nobody has paid it.
"""

import datetime as dt
from dataclasses import dataclass

from app.domain.money import percent_of
from app.domain.statuses import RefundForm

MAX_HOURS = 720
FORMS = (RefundForm.ORIGINAL, RefundForm.STORE_CREDIT)


@dataclass(frozen=True, slots=True)
class Choice:
    """The forms that are offered, in order, and what holds by default."""

    offer: tuple[RefundForm, ...] = FORMS
    default: RefundForm = RefundForm.ORIGINAL
    within_hours: int = 72
    bonus_basis_points: int = 0


def open_until(
    choice: Choice, *, accepted_at: dt.datetime, hold_until: dt.datetime | None
) -> dt.datetime:
    """When the time to choose is up.

    It begins when returning may: nobody is asked while the cancellation may be withdrawn.
    """
    return (hold_until or accepted_at) + dt.timedelta(hours=choice.within_hours)


def bonus_of(amount: int, form: RefundForm, choice: Choice) -> int:
    """What is on top of an amount in minor units for choosing this form."""
    if form is not RefundForm.STORE_CREDIT:
        return 0
    return percent_of(amount, choice.bonus_basis_points)
