"""The catalogue: the same keys in each language, CLDR's plural forms, and no promise."""

import re
import tomllib
from importlib.resources import files
from string import Formatter

import pytest
from babel import Locale

from app.domain.messages.facts import LANGUAGES
from app.messages.compose.languages import phrases_of

PLURALS = (
    *("subject", "subject_waiting", "subject_update", "opening", "opening_waiting"),
    *("heading", "nothing_paid", "credits"),
)
# What would promise, in sentences of what is not back.
PROMISES = {
    "en": r"\b(will|shall|soon|promise\w*|guarantee\w*|going to|refunded|have returned)\b",
    "fr": r"(rembours|restituerons|recevrez|\bsera\b|bientôt|garanti|promett|avons restitué)",
    "de": r"\b(werden|wird|bald|garantier\w*|versprech\w*|haben wir|wir haben)\b",
    "es": r"(reembols|devolveremos|recibirá|pronto|garanti|promete|hemos devuelto)",
    "pt": r"(reembols|devolveremos|receberá|em breve|garanti|promete|devolvemos)",
    "ja": r"(いたします|お返しします|返金|予定|必ず|近日|いたしました)",
    "ar": r"(\bس[ينتأ]|سوف|قريبًا|نضمن|نعد ب|أعدنا|أُعيد|ستتم|ستحصل|استرد)",
}


def document(language):
    path = files("app.messages.compose") / "phrases" / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def flat(language):
    """Phrases by key; those of a table by `table.key`, plurals by their form."""
    found = {}
    for key, value in document(language).items():
        if isinstance(value, dict):
            found |= {f"{key}.{member}": text for member, text in value.items()}
        else:
            found[key] = value
    return found


def names(phrase):
    return {name for _, name, _, _ in Formatter().parse(phrase) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_same_keys(language):
    phrases_of(language)  # holds the outer ones
    plural = tuple(f"{key}." for key in PLURALS)
    keys = {key for key in flat(language) if not key.startswith(plural)}
    assert keys == {key for key in flat("en") if not key.startswith(plural)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_plural_has_the_forms_that_cldr_has(language):
    forms = {*Locale.parse(language).plural_form.tags, "other"}
    for key in PLURALS:
        assert set(document(language)[key]) == forms, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_phrase_names_what_the_english_one_names(language):
    english = flat("en")
    for key, phrase in flat(language).items():
        table = key.partition(".")[0]
        wanted = names(english.get(key, english.get(f"{table}.other", "")))
        # A form of one need not say so; the opening's other forms may name the business or not.
        assert names(phrase) - {"n"} == wanted - {"n"}, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_phrase_of_what_is_not_back_promises(language):
    tables = ("under_way", "with_a_person", "kept")
    for key, phrase in flat(language).items():
        if key.startswith(tables):
            assert not re.search(PROMISES[language], phrase, re.IGNORECASE), key
