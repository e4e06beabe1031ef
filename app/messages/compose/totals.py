"""What became of all sums of a message, by topic, and what of them is new since the last one."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from app.domain.messages.facts import ToldFacts, ToldLine, ToldSession, ToldState
from app.domain.statuses import BookingStatus, Method, RefundForm
from app.messages.compose.formats import last_day


class Kind(StrEnum):
    """What is said of a sum, within its state: the phrases' own keys."""

    # Of what is returned: in which form.
    PAYMENT = "payment"
    VOID = "void"
    STORE_CREDIT = "store_credit"
    CREDITS = "credits"
    GOODWILL = "goodwill"
    # Of what is not: whether it was owed (or goodwill), and why it is kept.
    OWED = "owed"
    TERMS = "terms"
    LATE_CANCELLED = "late_cancelled"
    NO_SHOW = "no_show"
    ATTENDED = "attended"
    GIVEN_UP = "given_up"


_OF_FORM: Final = {
    RefundForm.VOID: Kind.VOID,
    RefundForm.STORE_CREDIT: Kind.STORE_CREDIT,
    RefundForm.GOODWILL: Kind.GOODWILL,
}
_KEPT_BY_STATUS: Final = {
    BookingStatus.LATE_CANCELLED: Kind.LATE_CANCELLED,
    BookingStatus.NO_SHOW: Kind.NO_SHOW,
    BookingStatus.CHECKED_IN: Kind.ATTENDED,
}
# A bonus is said where the client has it or is getting it; to what failed it adds no promise.
_WITH_BONUS: Final = (ToldState.RETURNED, ToldState.UNDER_WAY)


class Topic(NamedTuple):
    """What one sentence is about."""

    state: ToldState
    kind: Kind


_STATES: Final = [*ToldState]
_KINDS: Final = [*Kind]


def order(topic: Topic) -> tuple[int, int]:
    """The order in which topics are told: first what came back, last what is kept."""
    return _STATES.index(topic.state), _KINDS.index(topic.kind)


@dataclass(slots=True)
class Total:
    """A sum by currency, and credits. `money` includes `bonus`.

    `usable_until`: the last days on which parts of it may be used; None for a part without one.
    """

    money: Counter[str] = field(default_factory=Counter)
    credits: int = 0
    bonus: Counter[str] = field(default_factory=Counter)
    usable_until: set[dt.date | None] = field(default_factory=set)

    @property
    def is_nothing(self) -> bool:
        return not self.credits and not any(self.money.values())


Totals = dict[Topic, Total]


def totals(sessions: Iterable[ToldSession]) -> Totals:
    """What became of all that these bookings are about, in the order in which it is told."""
    found: Totals = {}
    for session in sessions:
        for line in session.lines:
            for topic, total in _parts(session, line):
                _add(found.setdefault(topic, Total()), total)
    return {
        topic: found[topic] for topic in sorted(found, key=order) if not found[topic].is_nothing
    }


def _parts(session: ToldSession, line: ToldLine) -> Iterator[tuple[Topic, Total]]:
    """One line: what is said of it, and beside it what a rule keeps of it."""
    is_bonus = line.state in _WITH_BONUS and line.bonus_minor
    of = Total(credits=line.credits)
    if line.currency is not None:
        of.money[line.currency] = line.amount_minor + (line.bonus_minor if is_bonus else 0)
        of.bonus[line.currency] = line.bonus_minor if is_bonus else 0
    if line.state is ToldState.RETURNED and not of.is_nothing:
        until = line.expires_after
        of.usable_until = {None if until is None else last_day(until, session.timezone)}
    yield Topic(line.state, _kind(line)), of

    kept = Total(credits=line.kept_credits)
    if line.currency is not None:
        kept.money[line.currency] = line.kept_amount_minor
    yield Topic(ToldState.KEPT, _KEPT_BY_STATUS.get(session.booking_status, Kind.TERMS)), kept


def _kind(line: ToldLine) -> Kind:
    if line.state is ToldState.RETURNED:
        own = Kind.CREDITS if line.method is Method.CREDIT else Kind.PAYMENT
        return _OF_FORM.get(line.form, own)
    if line.form is RefundForm.GOODWILL:
        return Kind.GOODWILL
    # Of a kept line the amount is what a person gave up; a rule's part stands in `kept_*`.
    return Kind.GIVEN_UP if line.state is ToldState.KEPT else Kind.OWED


def _add(total: Total, more: Total) -> None:
    total.money.update(more.money)
    total.credits += more.credits
    total.bonus.update(more.bonus)
    total.usable_until |= more.usable_until


@dataclass(frozen=True, slots=True)
class Changes:
    """What is otherwise since the last message.

    `undone`: what had come back and has not; `news`: what is more in its topic than it was.
    """

    undone: Totals
    news: Totals

    @property
    def are_of_details(self) -> bool:
        return not self.undone and not self.news


def changes(before: ToldFacts | None, now: ToldFacts) -> Changes | None:
    """What to say first; None where nothing was told before, or it is still so."""
    if before is None or _told(before) == _told(now):
        return None
    old, new = totals(before.sessions), totals(now.sessions)
    return Changes(
        undone={
            topic: lost
            for topic, total in old.items()
            if topic.state is ToldState.RETURNED
            and not (lost := _more(total, new.get(topic))).is_nothing
        },
        news={
            topic: gained
            for topic, total in new.items()
            if not (gained := _more(total, old.get(topic))).is_nothing
        },
    )


def _told(facts: ToldFacts) -> object:
    """All that a message says of them: that they are final is not said."""
    return facts.sessions, facts.reason, facts.choice


def _more(total: Total, than: Total | None) -> Total:
    if than is None:
        return total
    return Total(
        total.money - than.money,  # a Counter's difference leaves out what is not more
        max(0, total.credits - than.credits),
        total.bonus - than.bonus,
        total.usable_until,
    )
