"""A message's content: which sentences are said, and in which order. No markup."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.messages.facts import (
    Correspondents,
    ToldChoice,
    ToldFacts,
    ToldSession,
    ToldState,
)
from app.domain.statuses import BookingStatus
from app.messages.compose.formats import (
    alternatives,
    deadline,
    in_zone,
    number,
    percent,
    session_date,
    session_time,
)
from app.messages.compose.languages import Words
from app.messages.compose.said import Link, Said, joined, literal_lines, plain, say, shown
from app.messages.compose.sentences import session_lines, summary, undone
from app.messages.compose.totals import Changes, changes, totals

Paragraph = tuple[Said, ...]  # its lines


@dataclass(frozen=True, slots=True)
class SessionBlock:
    """One cancelled session: what, when, where and with whom; then what became of its sums."""

    name: str
    facts: tuple[Said, ...]
    sums: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Details:
    """All that a message has to say; a business's own template may stand around it.

    `changed` opens it where something is otherwise than was told; `own_words` are the business's.
    """

    changed: Said | None
    news: tuple[Said, ...]
    still: Said | None
    own_words: tuple[Paragraph, ...]
    opening: Said
    reason: Said | None
    summary: tuple[Said, ...]
    choice: Said | None
    choose_here: Link | None
    heading: str
    sessions: tuple[SessionBlock, ...]


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of our own; no other is ever a link."""

    choice: str | None
    page: str | None


def details(
    words: Words,
    facts: ToldFacts,
    to: Correspondents,
    *,
    told_before: ToldFacts | None,
    text: str | None,
    links: Links,
) -> Details:
    """What is said of these facts: first what has changed, then how all of it stands."""
    changed = changes(told_before, facts)
    sessions = by_session(facts)
    forms = words.phrases.opening_waiting if is_waiting_list(facts) else words.phrases.opening
    count = len(sessions)
    return Details(
        changed=None if changed is None else _changed(words, changed),
        news=() if changed is None else tuple(_news(words, changed)),
        still=None if changed is None else say(words.phrases.still),
        own_words=literal_lines(text or ""),
        opening=say(
            words.plural(forms, count), n=number(words, count), business=shown(to.business_name)
        ),
        reason=say(words.phrases.reason, reason=reason)
        if (reason := shown(facts.reason))
        else None,
        summary=tuple(_summary(words, facts)),
        choice=None if facts.choice is None else _choice(words, facts),
        choose_here=None
        if facts.choice is None or links.choice is None
        else Link(links.choice, words.phrases.choose_here),
        heading=words.plural(words.phrases.heading, count),
        sessions=tuple(_blocks(words, sessions)),
    )


def greeting(words: Words, to: Correspondents) -> Said:
    """How the client is addressed; by no name where there is none."""
    name = shown(to.client_name)
    return say(words.phrases.greeting, name=name) if name else say(words.phrases.greeting_unknown)


def ending(words: Words, to: Correspondents, links: Links) -> tuple[Paragraph, ...]:
    """Where to look and to ask, and who writes."""
    own = () if to.own_url is None else (((Link(to.own_url, words.phrases.own_here),),),)
    page = () if links.page is None else (((Link(links.page, words.phrases.page_here),),),)
    ask = () if to.reply_to is None else ((say(words.phrases.questions),),)
    closing = (say(words.phrases.closing), say("{business}", business=shown(to.business_name)))
    return (*own, *page, *ask, closing)


def foot(words: Words, to: Correspondents) -> tuple[Paragraph, ...]:
    """Where such messages are stopped; it stands below a business's own words as below ours."""
    if to.unsubscribe_url is None:
        return ()
    return (((Link(to.unsubscribe_url, words.phrases.unsubscribe_here),),),)


def subject_of(
    words: Words, facts: ToldFacts, to: Correspondents, told_before: ToldFacts | None
) -> str:
    """The subject where nobody has given one."""
    forms = words.phrases.subject_waiting if is_waiting_list(facts) else words.phrases.subject
    if changes(told_before, facts) is not None:
        forms = words.phrases.subject_update
    count = len(by_session(facts))
    return plain(
        say(words.plural(forms, count), n=number(words, count), business=shown(to.business_name))
    )


def by_session(facts: ToldFacts) -> dict[str, list[ToldSession]]:
    """The client's bookings by session, in their order: two places are one class."""
    found: dict[str, list[ToldSession]] = {}
    for session in facts.sessions:
        found.setdefault(session.session_id, []).append(session)
    return found


def is_waiting_list(facts: ToldFacts) -> bool:
    """Whether the client had no place in any of these sessions."""
    return all(one.booking_status is BookingStatus.WAITLISTED for one in facts.sessions)


def _changed(words: Words, changed: Changes) -> Said:
    phrases = words.phrases
    return say(phrases.changed_details if changed.are_of_details else phrases.changed)


def _news(words: Words, changed: Changes) -> Iterator[Said]:
    yield from undone(words, changed.undone)
    yield from summary(words, changed.news, with_kept_goodwill=True)


def _summary(words: Words, facts: ToldFacts) -> Iterator[Said]:
    """What became of all sums; a waiting client who paid nothing has heard enough."""
    found = totals(facts.sessions)
    yield from summary(words, found)
    if facts.choice is None and any(topic.state is ToldState.UNDER_WAY for topic in found):
        yield say(words.phrases.nothing_to_do)
    if not found and not is_waiting_list(facts):
        yield say(words.plural(words.phrases.nothing_paid, len(by_session(facts))))


def _choice(words: Words, facts: ToldFacts) -> Said:
    choice, zone = facts.choice, facts.sessions[0].timezone if facts.sessions else "UTC"
    assert choice is not None
    return joined(_choice_sentences(words, choice, zone), words.phrases.sentence_gap)


def _choice_sentences(words: Words, choice: ToldChoice, zone: str) -> Iterator[Said]:
    names = words.phrases.form
    forms = alternatives(words, [names[form] for form in choice.forms if form in names])
    yield say(words.phrases.choice, deadline=deadline(words, choice, zone), forms=forms)
    if choice.bonus_basis_points:
        yield say(words.phrases.choice_bonus, percent=percent(words, choice.bonus_basis_points))
    if choice.default in names:
        yield say(words.phrases.choice_default, form=names[choice.default])


def _blocks(words: Words, sessions: dict[str, list[ToldSession]]) -> Iterator[SessionBlock]:
    zones = {one.timezone for bookings in sessions.values() for one in bookings}
    for bookings in sessions.values():
        session = bookings[0]
        yield SessionBlock(
            name=shown(session.name),
            facts=tuple(_facts(words, session, with_zone=len(zones) > 1)),
            sums=tuple(_sums(words, bookings, is_only=len(sessions) == 1)),
        )


def _when(words: Words, session: ToldSession, *, with_zone: bool) -> Said:
    """The day and the hours; by whose clocks, where that needs to be said."""
    said = say(
        words.phrases.when, date=session_date(words, session), time=session_time(words, session)
    )
    if not with_zone:
        return said
    return say("{when}", when=in_zone(words, plain(said), session.timezone))


def _facts(words: Words, session: ToldSession, *, with_zone: bool) -> Iterator[Said]:
    yield _when(words, session, with_zone=with_zone)
    if place := shown(session.location):
        yield say("{place}", place=place)
    if instructor := shown(session.instructor):
        yield say(words.phrases.with_instructor, instructor=instructor)


def _sums(words: Words, bookings: list[ToldSession], *, is_only: bool) -> Iterator[Said]:
    """Of the only session all has been said above; only where others differ is more told."""
    if is_only:
        return
    found = totals(bookings)
    waits = all(one.booking_status is BookingStatus.WAITLISTED for one in bookings)
    if waits:
        yield say(words.phrases.waiting)
    yield from session_lines(words, found)
    if not found and not waits:
        yield say(words.phrases.nothing_paid_here)
