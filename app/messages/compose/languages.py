"""Which language a message is in, and its phrases.

A tag decides the phrases by its language, and how dates and money look by its territory too.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final, Self

from babel import Locale, UnknownLocaleError
from langcodes import Language, closest_supported_match
from langcodes.tag_parser import LanguageTagError

from app.domain.messages.facts import LANGUAGES

Plural = Mapping[str, str]

_TAG: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_MAX_TAG: Final = 35  # characters (RFC 5646, section 4.4.1)
# By CLDR's distances: Swiss German reads German; a Catalan reader is not written to in Spanish.
_MAX_DISTANCE: Final = 10
_OTHERWISE: Final = "en"


@dataclass(frozen=True, slots=True)
class Phrases:
    """All phrases of one language, as its file has them."""

    sentence_gap: str
    greeting: str
    greeting_unknown: str
    reason: str
    changed: str
    changed_details: str
    still: str
    bonus: str
    arrival: str
    use_by: str
    use_by_first: str
    line_use_by: str
    waiting: str
    nothing_to_do: str
    nothing_paid_here: str
    with_instructor: str
    when: str
    in_zone: str
    choice: str
    choice_default: str
    choice_bonus: str
    choose_here: str
    page_here: str
    own_here: str
    unsubscribe_here: str
    questions: str
    closing: str
    test: str
    subject: Plural
    subject_waiting: Plural
    subject_update: Plural
    opening: Plural
    opening_waiting: Plural
    heading: Plural
    nothing_paid: Plural
    credits: Plural
    undone: Mapping[str, str]
    returned: Mapping[str, str]
    under_way: Mapping[str, str]
    with_a_person: Mapping[str, str]
    elsewhere: Mapping[str, str]
    kept: Mapping[str, str]
    line: Mapping[str, str]
    form: Mapping[str, str]
    staff: Mapping[str, str]
    approval: Mapping[str, str]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        return cls(**document)


@dataclass(frozen=True, slots=True)
class Words:
    """The language that one message is in: its tag, phrases, forms by CLDR, and hours.

    `hours` is `h` or `H`, as skeletons have it.
    """

    tag: str
    phrases: Phrases
    locale: Locale
    hours: str

    def plural(self, forms: Plural, count: int) -> str:
        """The form for so many; `other` where a language has none for it."""
        return forms.get(self.locale.plural_form(count), forms["other"])


def language_for(client_tag: str | None, business_tag: str | None) -> str:
    """The tag that a client is written to in: theirs, else the business's, else English.

    Its language is one of `LANGUAGES`; it has the territory where CLDR knows one (`fr-CA`).
    """
    for tag in (client_tag, business_tag):
        if tag is not None and (found := _supported(tag)) is not None:
            return found
    return _OTHERWISE


@lru_cache(maxsize=1024)
def _supported(tag: str) -> str | None:
    if len(tag) > _MAX_TAG or not _TAG.fullmatch(tag):
        return None
    try:
        language = closest_supported_match(tag, [*LANGUAGES], max_distance=_MAX_DISTANCE)
        asked = Language.get(tag)
    except LanguageTagError:
        return None
    if language is None:
        return None
    if asked.language == language and asked.territory is not None:
        found = _locale(f"{language}-{asked.territory}")
        if found is not None and found.territory == asked.territory:
            return f"{language}-{asked.territory}"
    return language


def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


@lru_cache(maxsize=256)
def words_for(tag: str, hour_cycle: str | None = None) -> Words:
    """The words of a supported tag; `hour_cycle` is `h12`, `h23`, or the language's own."""
    tag = language_for(tag, None)
    locale = _locale(tag) or Locale.parse(_OTHERWISE)
    return Words(tag, phrases_of(locale.language), locale, _hours(locale, hour_cycle))


def _hours(locale: Locale, hour_cycle: str | None) -> str:
    if hour_cycle is not None:
        return "h" if hour_cycle == "h12" else "H"
    # Letters in quotes are words: Canada's French writes `18 h 30`.
    pattern = re.sub(r"'[^']*'", "", locale.time_formats["short"].pattern)
    return "h" if "h" in pattern else "H"


@cache
def phrases_of(language: str) -> Phrases:
    """The phrases of one of `LANGUAGES`."""
    path = files("app.messages.compose") / "phrases" / f"{language}.toml"
    return Phrases.of(tomllib.loads(path.read_text(encoding="utf-8")))
