"""What a plan promises and an acceptance freezes: counts, sums of money and credits."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PlanTotals:
    """What would be returned, and what would be kept.

    These are counts, sums by currency in minor units, and credits. Of a job of an earlier version
    members may be missing: it counted nothing there.
    """

    sessions: int = 0
    bookings: int = 0
    clients: int = 0
    refunds: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    credits: int = 0
    nothing_to_return: int = 0
    kept_amounts: dict[str, int] = field(default_factory=dict)
    kept_credits: int = 0
