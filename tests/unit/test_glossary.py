"""The glossary has a word for every status that a row may have, and for every table."""

import importlib
import re
from enum import StrEnum
from pathlib import Path

import pytest

from app.auth.callers import CallerKind
from app.auth.roles import Role, Scope
from app.db.tables import webhooks as webhook_tables
from app.domain import events, statuses
from app.domain.owed import goodwill, terms

GLOSSARY = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
WORDS = frozenset(re.findall(r"`([^`]+)`", GLOSSARY))
ENUMS = sorted(
    {
        one
        for module in (events, goodwill, statuses, terms)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, StrEnum) and one is not StrEnum
    }
    | {CallerKind, Role, Scope},
    key=lambda one: one.__name__,
)


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_every_word_that_a_row_may_hold_is_in_the_glossary_under_its_enum(enum):
    assert {enum.__name__, *enum} <= WORDS


def test_every_table_is_in_the_glossary():
    assert set(webhook_tables.metadata.tables) <= WORDS


def test_every_file_that_the_glossary_names_is_there():
    root = Path(__file__).parents[2]
    named = {word for word in WORDS if word.startswith("app/")}
    assert named
    assert not {word for word in named if not (root / word).exists()}


def test_every_class_that_it_names_is_one():
    places = (
        "app.gateways.outcomes",
        "app.errors",
        "app.domain.statuses",
        "app.domain.events",
        "app.domain.owed.goodwill",
        "app.domain.owed.terms",
        "app.domain.refund_update",
        "app.domain.nouns.cancellations",
        "app.db.jobs.job",
    )
    modules = [
        importlib.import_module(name) for name in (*places, "app.auth.callers", "app.auth.roles")
    ]
    named = {word for word in WORDS if re.fullmatch(r"([A-Z][a-z]+)+", word)}
    assert {word for word in named if not any(hasattr(module, word) for module in modules)} == set()
