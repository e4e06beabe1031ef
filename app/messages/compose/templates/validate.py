"""Checks a business's template before it is saved, on messages of every kind."""

from collections.abc import Callable
from functools import cache
from typing import Final

from app.errors import FieldError
from app.messages.compose.languages import words_for
from app.messages.compose.letter import Links, details
from app.messages.compose.templates.fill import Template, body_by, filled, subject_by
from app.messages.compose.templates.rules import IN_BODIES, TemplateFault
from app.messages.compose.templates.samples import SAMPLES
from app.messages.compose.templates.values import CHOICE, DETAILS, Shown, template_values


def validate(template: Template, language: str) -> list[FieldError]:
    """What is wrong with a template: at most one fault of each of its fields.

    A body is to say all that a client must hear: by `details`, or by naming each.
    """
    found: list[FieldError] = []
    fields: tuple[tuple[str, Callable[[Shown], object]], ...] = (
        ("/subject", lambda shown: subject_by(template, shown)),
        ("/body", lambda shown: _whole_body(template, shown)),
    )
    for pointer, render in fields:
        for name, shown in _samples(language):
            try:
                render(shown)
            except TemplateFault as fault:
                told = f"{fault.detail} (Sample: {name}.)" if fault.code in _BY_SAMPLE else None
                found.append(FieldError(pointer, fault.code, told or fault.detail))
                break
    return found


@cache
def _samples(language: str) -> tuple[tuple[str, Shown], ...]:
    words = words_for(language)
    made = []
    for name, sample in SAMPLES.items():
        links = Links(sample.choice_url, sample.page_url)
        said = details(
            words,
            sample.facts,
            sample.to,
            told_before=sample.told_before,
            text=sample.text,
            links=links,
        )
        shown = template_values(
            words, sample.facts, sample.to, said=said, text=sample.text, links=links
        )
        made.append((name, shown))
    return tuple(made)


_BY_SAMPLE: Final = ("template-failed", "template-output-too-long", "template-leaves-out")


def _whole_body(template: Template, shown: Shown) -> None:
    if template.body is None:
        return
    body_by(template, shown)
    text = filled(template.body, IN_BODIES, shown)
    if DETAILS in text:
        return
    must: dict[str, str] = {**shown.sums, "text": shown.text}
    must["choice_url"] = CHOICE if shown.choice is not None else ""
    for name, value in must.items():
        if value not in text:
            raise TemplateFault("template-leaves-out", f"Says neither {name} nor details.")
    if any(session.name not in text for session in shown.sessions):
        raise TemplateFault("template-leaves-out", "Names neither sessions nor details.")
