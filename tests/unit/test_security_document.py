"""What `docs/security.md` names is there: a sentence without its test would be a promise."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(test_\w+)`", TEXT)))


@pytest.fixture(scope="module")
def tests():
    """The names of all test modules and of all tests."""
    files = [*(ROOT / "tests").rglob("test_*.py")]
    functions = (
        re.findall(r"^(?:async )?def (test_\w+)", one.read_text(), re.MULTILINE) for one in files
    )
    return {one.stem for one in files} | {name for names in functions for name in names}


@pytest.mark.parametrize("name", NAMED)
def test_every_test_that_it_names_is_there(tests, name):
    assert name in tests


def test_every_point_says_whether_it_is_met():
    rows = [line.split(" | ") for line in TEXT.splitlines() if re.match(r"\| (API)?\d", line)]
    assert len(rows) > 60
    assert {row[1] for row in rows} <= {"yes", "part", "no"}
    assert all(row[2].removesuffix(" |").strip() for row in rows)


def test_every_chapter_that_was_asked_for_is_gone_through():
    for chapter in ("API1 ", "API10 ", "V6 ", "V7 ", "V8 ", "V9 ", "V14 ", "V16 "):
        assert chapter in TEXT
