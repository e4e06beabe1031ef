"""Composes what staff are sent when a job needs an approval: sums and limits, no client's name."""

import datetime as dt
from collections.abc import Iterator

from app.domain.approval import Exceeded, Limit
from app.domain.messages.approval import ApprovalFacts
from app.domain.messages.facts import Correspondents
from app.messages.compose.formats import credit_count, day, moment, money, number, percent, sums
from app.messages.compose.languages import Words, words_for
from app.messages.compose.letter import Paragraph
from app.messages.compose.message import Composed
from app.messages.compose.rendering import Letter, html_of, text_of
from app.messages.compose.said import Link, Said, say, shown

_BASIS_POINTS = 100  # of a percent


def compose_for_approvers(
    facts: ApprovalFacts, to: Correspondents, *, page_url: str | None = None
) -> Composed:
    """It asks for a decision; `page_url` is the job's page in the console, where it is made."""
    words = words_for(to.language, to.hour_cycle)
    phrases = words.phrases.approval
    parts: list[Paragraph] = [
        (say(words.phrases.staff["greeting"]),),
        tuple(_opening(words, facts)),
        tuple(_counts(words, facts)),
        tuple(_limits(words, facts)),
        (say(phrases["until"], when=moment(words, facts.expires_at, facts.timezone)),),
    ]
    if page_url is not None:
        parts.append(((Link(page_url, phrases["look_here"]),),))
    subject = phrases["subject"]
    letter = Letter(subject, parts)
    return Composed(words.tag, subject, text_of(letter), html_of(letter, words))


def _opening(words: Words, facts: ApprovalFacts) -> Iterator[Said]:
    yield say(words.phrases.approval["asked"], who=shown(facts.requested_by))
    if reason := shown(facts.reason):
        yield say(words.phrases.reason, reason=reason)


def _counts(words: Words, facts: ApprovalFacts) -> Iterator[Said]:
    phrases = words.phrases.approval
    yield say(phrases["sessions"], n=number(words, facts.sessions))
    yield say(phrases["clients"], n=number(words, facts.clients))
    if any(facts.amounts.values()) or facts.credits:
        yield say(phrases["returned"], sum=sums(words, facts.amounts, facts.credits))


def _limits(words: Words, facts: ApprovalFacts) -> Iterator[Said]:
    yield say(words.phrases.approval["above"])
    for one in facts.exceeded:
        yield _limit(words, one)


def _limit(words: Words, one: Exceeded) -> Said:
    phrases = words.phrases.approval
    match one.limit:
        case Limit.MONEY:
            currency = one.currency or ""
            asked, allowed = (money(words, sum_, currency) for sum_ in (one.asked, one.allowed))
            return say(phrases["money"], asked=asked, allowed=allowed)
        case Limit.CREDITS:
            asked, allowed = (credit_count(words, count) for count in (one.asked, one.allowed))
            return say(phrases["credits"], asked=asked, allowed=allowed)
        case Limit.SHARE_OF_WEEK:
            asked, allowed = (
                percent(words, share * _BASIS_POINTS) for share in (one.asked, one.allowed)
            )
            monday = day(words, dt.date.fromisoformat(one.monday or ""))
            return say(phrases["share"], date=monday, asked=asked, allowed=allowed)
        case Limit.PEOPLE | Limit.SESSIONS:
            phrase = phrases["people" if one.limit is Limit.PEOPLE else "count"]
            asked, allowed = number(words, one.asked), number(words, one.allowed)
            return say(phrase, asked=asked, allowed=allowed)
