"""Composes a message from frozen facts; what is said is what the facts say, and no more."""

from contextlib import suppress
from dataclasses import dataclass, replace

from app.domain.messages.facts import Correspondents, ToldFacts
from app.messages.compose.languages import words_for
from app.messages.compose.letter import (
    Links,
    details,
    ending,
    foot,
    greeting,
    subject_of,
)
from app.messages.compose.rendering import Letter, html_of, text_of
from app.messages.compose.said import plain, say, shown
from app.messages.compose.templates.fill import Template, body_by, subject_by
from app.messages.compose.templates.rules import TemplateFault
from app.messages.compose.templates.values import template_values


@dataclass(frozen=True, slots=True)
class Composed:
    """A message as its reader sees it: plain text, and a complete page of the same words."""

    language: str
    subject: str
    text: str
    html: str


def compose(
    facts: ToldFacts,
    to: Correspondents,
    *,
    told_before: ToldFacts | None = None,
    subject: str | None = None,
    text: str | None = None,
    choice_url: str | None = None,
    page_url: str | None = None,
    template: Template | None = None,
) -> Composed:
    """One message about all bookings of one client.

    `subject` and `text` are the job's own words, taken literally. `template` is its business's: one
    that fails is left out, since a client is to hear of it all the same.

    Args:
        facts: what became of each booking.
        to: who writes to whom.
        told_before: the facts of the last message to this client about this job.
        subject: instead of the template's, and of ours.
        text: at the message's head.
        choice_url: where the client chooses; only used while there is a choice.
        page_url: the business's schedule.
        template: the business's own, of this language.
    """
    words = words_for(to.language, to.hour_cycle)
    links = Links(choice_url, page_url)
    said = details(words, facts, to, told_before=told_before, text=text, links=links)
    own_subject, own_body = None, None
    if template is not None:
        values = template_values(words, facts, to, said=said, text=text, links=links)
        with suppress(TemplateFault):
            own_subject = subject_by(template, values)
        with suppress(TemplateFault):
            own_body = body_by(template, values)
    letter = Letter(
        subject=shown(subject)
        or shown(own_subject)
        or shown(subject_of(words, facts, to, told_before)),
        parts=[
            *(own_body or [(greeting(words, to),), said, *ending(words, to, links)]),
            *foot(words, to),
        ],
    )
    return Composed(words.tag, letter.subject, text_of(letter), html_of(letter, words))


def as_test(composed: Composed) -> Composed:
    """The same message for its own business to see: its subject says that it is a test."""
    phrase = words_for(composed.language).phrases.test
    return replace(composed, subject=plain(say(phrase, subject=shown(composed.subject))))
