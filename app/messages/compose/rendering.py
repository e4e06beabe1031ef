"""A letter as plain text that reads well by itself, and as a page for mail programs.

The page's style is put into its elements once a process. What mail programs keep of a style sheet
besides is `@media`: dark, and narrow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from css_inline import CSSInliner
from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.messages.compose.languages import Words
from app.messages.compose.letter import Details, Paragraph
from app.messages.compose.said import plain


@dataclass(frozen=True, slots=True)
class Letter:
    """A message: paragraphs, and among them once or never the details."""

    subject: str
    parts: Sequence[Paragraph | Details]


def text_of(letter: Letter) -> str:
    """As plain text: paragraphs with an empty line between them, and a line feed at the end."""
    paragraphs: list[str] = []
    for part in letter.parts:
        if isinstance(part, Details):
            paragraphs.extend(_paragraphs(part))
        else:
            paragraphs.append("\n".join(map(plain, part)))
    return "\n\n".join(paragraphs) + "\n"


def _paragraphs(details: Details) -> Iterator[str]:
    if details.changed is not None:
        yield "\n".join((plain(details.changed), *(f"- {plain(one)}" for one in details.news)))
    if details.still is not None:
        yield plain(details.still)
    for paragraph in details.own_words:
        yield "\n".join(map(plain, paragraph))
    yield "\n".join(map(plain, filter(None, (details.opening, details.reason))))
    yield from map(plain, details.summary)
    if details.choice is not None:
        here = () if details.choose_here is None else (plain((details.choose_here,)),)
        yield "\n".join((plain(details.choice), *here))
    yield "\n".join((details.heading, *_session_lines(details)))


def _session_lines(details: Details) -> Iterator[str]:
    for session in details.sessions:
        yield f"\n* {session.name}"
        yield from (f"  {plain(line)}" for line in (*session.facts, *session.sums))


def html_of(letter: Letter, words: Words) -> str:
    """As a complete page; nothing in it is loaded from elsewhere."""
    direction = "rtl" if words.locale.character_order == "right-to-left" else "ltr"
    return _layout().render(
        letter=letter, language=words.tag, direction=direction, is_details=_is_details
    )


def _is_details(part: object) -> bool:
    return isinstance(part, Details)


@cache
def _layout() -> Template:
    environment = ImmutableSandboxedEnvironment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.pop("safe")
    inliner = CSSInliner(keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False)
    source = (files("app.messages.compose") / "layout.html").read_text(encoding="utf-8")
    return environment.from_string(inliner.inline(source))
