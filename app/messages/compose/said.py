"""A sentence whose values are marked: a page isolates each, as a name may run the other way."""

from collections.abc import Iterable
from dataclasses import dataclass
from string import Formatter
from typing import Final

from app.domain.texts.display_text import cut, displayed


@dataclass(frozen=True, slots=True)
class Value:
    """What a phrase is filled with: an amount, a date, or text from outside.

    One that `is_whole` is not broken at a line's end where that can be helped.
    """

    text: str
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """An address of our own, and what it is called on a page.

    In text that stands above it where it is `named`.
    """

    url: str
    label: str
    named: bool = True


Said = tuple[str | Value | Link, ...]

_SPLIT: Final = Formatter()
_WHOLE: Final = frozenset({"time"})  # 18:00 and 19:00 stand on one line


def say(phrase: str, **values: str) -> Said:
    """`phrase` with its placeholders filled; what a value says is never read as a placeholder."""
    parts: list[str | Value | Link] = []
    for words, name, _, _ in _SPLIT.parse(phrase):
        if words:
            parts.append(words)
        if name is not None:
            parts.append(Value(values[name], is_whole=name in _WHOLE))
    return tuple(parts)


def joined(sentences: Iterable[Said], gap: str) -> Said:
    """Sentences one after the other, with what their language puts between them."""
    parts: list[str | Value | Link] = []
    for sentence in sentences:
        if parts and gap:
            parts.append(gap)
        parts.extend(sentence)
    return tuple(parts)


def plain(said: Said) -> str:
    """As text; of a link its address."""
    return "".join(map(_plain, said))


def _plain(part: str | Value | Link) -> str:
    match part:
        case Link():
            return f"{part.label}\n{part.url}" if part.named else part.url
        case Value():
            return part.text
        case _:
            return part


def shown(text: str | None) -> str:
    """Text from outside as a value: on one line, nothing unseen in it, and not long."""
    return cut(displayed(_without_private(text or "")))


def literal_lines(text: str) -> tuple[tuple[Said, ...], ...]:
    """A business's own words: its paragraphs, each of its lines."""
    lines = [displayed(_without_private(line)) for line in text.splitlines()]
    paragraphs: list[list[Said]] = [[]]
    for line in lines:
        if line:
            paragraphs[-1].append((line,))
        elif paragraphs[-1]:
            paragraphs.append([])
    return tuple(tuple(one) for one in paragraphs if one)


# Where templates put what is ours: private characters, which nothing from outside may hold.
PRIVATE: Final = dict.fromkeys(range(0xE000, 0xF900))


def _without_private(text: str) -> str:
    return text.translate(PRIVATE)
