"""What a plan promises and an acceptance freezes: counts, sums of money and credits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class LineSums:
    """What would be returned of some lines, and what would be kept.

    These are counts, sums by currency in minor units, and credits.
    """

    refunds: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    credits: int = 0
    nothing_to_return: int = 0
    kept_amounts: dict[str, int] = field(default_factory=dict)
    kept_credits: int = 0
    # The same by the rule that keeps it: each a sum by currency, and `credits`.
    kept: dict[str, dict[str, int]] = field(default_factory=dict)
    # Of `amounts`, what comes back as value at the credits service.
    store_credits: dict[str, int] = field(default_factory=dict)
    # On top of all that, and counted in none of it.
    goodwill_grants: int = 0
    goodwill_credits: int = 0


@dataclass(frozen=True, slots=True)
class PlanTotals(LineSums):
    """The sums of all lines, and of how many sessions, bookings and clients they are.

    Of a job of an earlier version members may be missing: it counted nothing there.
    """

    sessions: int = 0
    bookings: int = 0
    clients: int = 0


def members(sums: LineSums) -> dict[str, Any]:
    """All members by their names, as they are: `asdict` would copy what is in each, too."""
    return {each.name: getattr(sums, each.name) for each in fields(sums)}


def totals_fields(totals: PlanTotals) -> dict[str, Any]:
    """The totals as every answer has them: sums of money are lists."""
    return {
        "sessions": totals.sessions,
        "bookings": totals.bookings,
        "clients": totals.clients,
        **sums_fields(totals),
    }


def sums_fields(sums: LineSums) -> dict[str, Any]:
    """Sums as every answer has them."""
    return {
        "refunds": sums.refunds,
        "amounts": money_fields(sums.amounts),
        "credits": sums.credits,
        "nothing_to_return": sums.nothing_to_return,
        "kept_amounts": money_fields(sums.kept_amounts),
        "kept_credits": sums.kept_credits,
        "kept": kept_fields(sums.kept),
        "store_credits": money_fields(sums.store_credits),
        "goodwill": {"grants": sums.goodwill_grants, "credits": sums.goodwill_credits},
    }


def money_fields(amounts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Sums by currency, as every answer has them."""
    return [{"currency": currency, "amount_minor": amount} for currency, amount in amounts.items()]


def kept_fields(kept: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Sums by rule and currency, as every answer has them."""
    return [
        {"kept_by": rule, "credits": amount}
        if currency == "credits"
        else {"kept_by": rule, "currency": currency, "amount_minor": amount}
        for rule, sums in kept.items()
        for currency, amount in sums.items()
    ]
