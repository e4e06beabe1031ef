"""What a booking of a cancelled session is owed, by the terms of its acceptance.

Pure.
"""

from enum import StrEnum
from typing import Final

from app.domain.statuses import BookingStatus

# A job is settled by the policy of its acceptance, whatever is in force since.
FIRST_POLICY: Final = 1  # kept what waiting clients had paid, and named no sum of what it kept
POLICY: Final = 2


class SkipReason(StrEnum):
    """Why a booking has nothing to return."""

    WAITLISTED = "waitlisted"
    ATTENDED = "attended"
    NOTHING_PAID = "nothing_paid"


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
