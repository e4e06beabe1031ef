"""Fills a business's own subject and body, whose output is bounded.

A body is plain text. Where it names `details`, `choice_url` or `page_url` stands one private
character until all is rendered: nothing that a template does can bend an address of ours, and what
it says is escaped as a name is.
"""

from dataclasses import dataclass
from typing import Final

from jinja2 import TemplateError

from app.domain.texts.display_text import displayed
from app.messages.compose.letter import Details, Paragraph
from app.messages.compose.said import Link, Said
from app.messages.compose.templates.rules import IN_BODIES, IN_SUBJECTS, TemplateFault, compiled
from app.messages.compose.templates.values import CHOICE, DETAILS, PAGE, Shown

MAX_OUTPUT: Final = 100_000  # characters


@dataclass(frozen=True, slots=True)
class Template:
    """A business's own words in one language; None: ours."""

    subject: str | None = None
    body: str | None = None


def subject_by(template: Template, shown: Shown) -> str | None:
    """The subject, not yet cleaned; None: the template has none.

    Raises:
        TemplateFault: it is not taken, or failed.
    """
    if template.subject is None:
        return None
    return filled(template.subject, IN_SUBJECTS, shown)


def body_by(template: Template, shown: Shown) -> list[Paragraph | Details] | None:
    """The paragraphs, with the details where the template names them; None: it has no body.

    Raises:
        TemplateFault: it is not taken, or failed.
    """
    if template.body is None:
        return None
    parts: list[Paragraph | Details] = []
    for number, piece in enumerate(filled(template.body, IN_BODIES, shown).split(DETAILS)):
        if number == 1:  # a second time it would only be long
            parts.append(shown.details)
        parts.extend(_paragraphs(piece, shown))
    return parts


def filled(source: str, names: frozenset[str], shown: Shown) -> str:
    """What a source makes of these values; private characters stand for what is ours.

    Raises:
        TemplateFault: it is not taken, failed, or makes too much.
    """
    template = compiled(source, names)
    context = {name: value for name, value in shown.context().items() if name in names}
    pieces: list[str] = []
    length = 0
    try:
        for piece in template.generate(context):
            length += len(piece)
            if length > MAX_OUTPUT:
                raise TemplateFault(
                    "template-output-too-long", f"Makes more than {MAX_OUTPUT:,} characters."
                )
            pieces.append(piece)
    except (TemplateError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise TemplateFault("template-failed", "Fails for some messages.") from error
    return "".join(pieces)


def _paragraphs(text: str, shown: Shown) -> list[Paragraph]:
    paragraphs: list[list[Said]] = [[]]
    for line in text.splitlines():
        said = _line(displayed(line), shown)
        if said:
            paragraphs[-1].append(said)
        elif paragraphs[-1]:
            paragraphs.append([])
    return [tuple(one) for one in paragraphs if one]


def _line(text: str, shown: Shown) -> Said:
    parts: list[str | Link] = []
    words = ""
    for character in text:
        link = {CHOICE: shown.choice, PAGE: shown.page}.get(character)
        if link is None:
            words += character
            continue
        parts.extend((words, link) if words else (link,))
        words = ""
    return (*parts, words) if words else tuple(parts)
