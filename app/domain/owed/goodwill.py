"""Credits on top of what is owed: who gets them, and for which bookings.

Pure. `db/terms/goodwill.py` compiles `gives` for the database, and a test holds both together.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.statuses import TAKES_A_PLACE


class GoodwillPer(StrEnum):
    """How often goodwill is given: once a client of a job, or a booking."""

    CLIENT = "client"
    BOOKING = "booking"


class GoodwillFor(StrEnum):
    """Which bookings goodwill is given for, by what was paid of them.

    A schedule does not tell a membership's booking from a free one: both words mean one of which
    nothing was paid.
    """

    PAID = "paid"
    CREDIT = "credit"
    MEMBERSHIP = "membership"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Goodwill:
    """So many credits, usable for so many days from acceptance on; 0: none are given."""

    credits: int = 0
    valid_for_days: int | None = None
    per: GoodwillPer = GoodwillPer.CLIENT
    given_for: tuple[GoodwillFor, ...] = (GoodwillFor.MEMBERSHIP,)


NO_GOODWILL: Final = Goodwill()


def gives(
    goodwill: Goodwill, status: str, *, is_kept: bool, has_payment: bool, has_credits: bool
) -> bool:
    """Whether goodwill is given for a booking of an accepted session.

    Args:
        goodwill: by which terms.
        status: only who had a place gets any.
        is_kept: a rule keeps the whole booking: its client attended, or a person said so.
        has_payment: whether it has a payment line of more than 0.
        has_credits: whether it has a line of credits of more than 0.
    """
    if goodwill.credits == 0 or status not in TAKES_A_PLACE or is_kept:
        return False
    if not (has_payment or has_credits):
        return not {GoodwillFor.MEMBERSHIP, GoodwillFor.FREE}.isdisjoint(goodwill.given_for)
    return (has_payment and GoodwillFor.PAID in goodwill.given_for) or (
        has_credits and GoodwillFor.CREDIT in goodwill.given_for
    )
