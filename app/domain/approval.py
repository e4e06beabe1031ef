"""From which size on a cancellation needs somebody else's approval. Pure.

A business has limits, or none. What a cancellation would do is held against each; whatever is above
one is named with both numbers, so that who asks and who approves see the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from app.domain.plan_totals import PlanTotals

MAX_WITHIN_HOURS: Final = 720
DEFAULT_WITHIN_HOURS: Final = 72


class Limit(StrEnum):
    """What is limited."""

    MONEY = "money"
    CREDITS = "credits"
    PEOPLE = "people"
    SESSIONS = "sessions"
    SHARE_OF_WEEK = "share_of_week_percent"


@dataclass(frozen=True, slots=True)
class ApprovalLimits:
    """The most that one caller may cancel alone; None: as much as they like.

    `money` is in minor units by currency: where it has any, a currency that is not in it has the
    limit 0. `within_hours` is how long an approval is waited for.
    """

    money: Mapping[str, int] | None = None
    credits: int | None = None
    people: int | None = None
    sessions: int | None = None
    share_of_week_percent: int | None = None
    within_hours: int = DEFAULT_WITHIN_HOURS

    def document(self) -> dict[str, Any]:
        """As it is kept: JSON's own types."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self:
        """What `document` has made; None: no limits at all."""
        given = document or {}
        return cls(**{each.name: given[each.name] for each in fields(cls) if each.name in given})


class WeekCount(NamedTuple):
    """Sessions of a week of the business, and how many of them would then be cancelled by jobs.

    `monday` is written `YYYY-MM-DD`.
    """

    monday: str
    sessions: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit that is exceeded: what may be done alone, and what is asked for.

    Money is in minor units of `currency`; a share is in percent of the week from `monday` on,
    rounded up.
    """

    limit: Limit
    allowed: int
    asked: int
    currency: str | None = None
    monday: str | None = None

    def document(self) -> dict[str, Any]:
        """As it is kept and shown: JSON's own types."""
        return asdict(self) | {"limit": self.limit.value}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What `document` has made."""
        return cls(**{**document, "limit": Limit(document["limit"])})


def exceeded(
    limits: ApprovalLimits, totals: PlanTotals, weeks: Sequence[WeekCount]
) -> tuple[Exceeded, ...]:
    """Every limit that a cancellation of these totals exceeds; empty: nobody need approve it.

    What comes back as store credit counts as money, and credits on top count as credits.
    """
    counted = (
        (Limit.CREDITS, limits.credits, totals.credits + totals.goodwill_credits),
        (Limit.PEOPLE, limits.people, totals.clients),
        (Limit.SESSIONS, limits.sessions, totals.sessions),
    )
    found = [*_of_money(limits.money, totals.amounts)]
    found += [
        Exceeded(limit, allowed, asked)
        for limit, allowed, asked in counted
        if allowed is not None and asked > allowed
    ]
    return (*found, *_of_weeks(limits.share_of_week_percent, weeks))


def _of_money(limits: Mapping[str, int] | None, asked: Mapping[str, int]) -> Iterable[Exceeded]:
    if limits is None:
        return
    for currency, amount in sorted(asked.items()):
        # Nobody has said how much of this one is little: so any of it is much.
        allowed = limits.get(currency, 0)
        if amount > allowed:
            yield Exceeded(Limit.MONEY, allowed, amount, currency=currency)


def _of_weeks(percent: int | None, weeks: Sequence[WeekCount]) -> Iterable[Exceeded]:
    if percent is None:
        return
    for monday, sessions, cancelled in weeks:
        if cancelled * 100 > percent * sessions:
            share = -(-cancelled * 100 // sessions)
            yield Exceeded(Limit.SHARE_OF_WEEK, percent, share, monday=monday)
