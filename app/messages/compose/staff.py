"""Composes what staff are sent when a job has ended: sums and causes, nobody's name."""

from collections.abc import Iterator, Sequence

from app.domain.messages.facts import Correspondents
from app.domain.messages.staff import StaffFacts, StaffSum
from app.messages.compose.formats import number, sums
from app.messages.compose.languages import Words, words_for
from app.messages.compose.letter import Paragraph
from app.messages.compose.message import Composed
from app.messages.compose.rendering import Letter, html_of, text_of
from app.messages.compose.said import Link, Said, say, shown


def compose_for_staff(
    facts: StaffFacts, to: Correspondents, *, page_url: str | None = None
) -> Composed:
    """A summary; `page_url` is the job's page in the console."""
    words = words_for(to.language, to.hour_cycle)
    phrases = words.phrases.staff
    subject = phrases["subject_needs" if facts.needs_a_person else "subject"]
    parts: list[Paragraph] = [
        (say(phrases["greeting"]),),
        tuple(_opening(words, facts)),
        tuple(_counts(words, facts)),
    ]
    if page_url is not None:
        parts.append(((Link(page_url, phrases["look_here"]),),))
    letter = Letter(subject, parts)
    return Composed(words.tag, subject, text_of(letter), html_of(letter, words))


def _opening(words: Words, facts: StaffFacts) -> Iterator[Said]:
    yield say(words.phrases.staff["ended"])
    if reason := shown(facts.reason):
        yield say(words.phrases.reason, reason=reason)


def _counts(words: Words, facts: StaffFacts) -> Iterator[Said]:
    phrases = words.phrases.staff
    yield say(phrases["sessions"], n=number(words, facts.sessions))
    yield say(phrases["clients"], n=number(words, facts.clients))
    if facts.returned:
        yield say(phrases["returned"], sum=_sums(words, facts.returned))
    by_code: dict[str, list[StaffSum]] = {}
    for code, one in facts.needs_a_person:
        by_code.setdefault(code, []).append(one)
    for code, its in by_code.items():
        yield say(phrases["needs_a_person"], code=code, sum=_sums(words, its))
    if facts.clients_not_told:
        yield say(phrases["not_told"], n=number(words, facts.clients_not_told))


def _sums(words: Words, of: Sequence[StaffSum]) -> str:
    money = {one.currency: one.amount_minor for one in of if one.currency is not None}
    return sums(words, money, sum(one.credits for one in of))
