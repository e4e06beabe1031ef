"""Of long matrices `make test` plays a part, on either kind of database.

`make test-long` plays all others, and its short form the part of them whose turn it is (TEST_TURN:
a number, which CI makes of the commit): in a few turns all are played. With TEST_MATRICES=whole in
the environment nothing is left out.
"""

import os
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import pytest


class Part(NamedTuple):
    """How much of a file's cases (their parameter `name`) is played."""

    one_in: int  # by `make test`
    short: int = 0  # of the others, how many in so many the short form plays; 0: all


# Of the fault points, so that every step takes part (tests/unit/test_matrices.py looks).
PARTS: Final = {
    "test_fault_matrix.py": Part(one_in=3, short=1),
    "test_fault_points.py": Part(one_in=9, short=2),
    "test_leg_points.py": Part(one_in=11, short=2),
    "test_fairness.py": Part(one_in=2),
    "test_hooks.py": Part(one_in=2),
    "test_leg_hooks.py": Part(one_in=3),
}
KINDS: Final = ("sqlite", "postgresql")


def shorten(items: Sequence[pytest.Item]) -> None:
    """Mark as long what `make test` leaves to `make test-long`, and as whole what CI leaves too."""
    if os.environ.get("TEST_MATRICES") == "whole":
        return
    for path, of_file in groupby(items, key=lambda item: item.path):
        mine = [item for item in of_file if hasattr(item, "callspec")]
        if path.parent.name == "crash" and path.name in PARTS:
            cases = [item for item in mine if "running" in item.fixturenames]
            _keep(cases, "name", "running", PARTS[path.name])
        elif path.parent.name == "browser":
            # A page does not know its database: what has both kinds is played on one, in turns.
            _keep(_on_both_kinds(mine), "", "database", Part(one_in=2))
        elif path.name == "test_schemathesis.py":
            for item in mine:
                if "postgresql" in item.callspec.params.values():
                    item.add_marker(pytest.mark.long)


def _on_both_kinds(items: Sequence[Any]) -> list[Any]:
    kinds: dict[str, set[Any]] = {}
    for item in items:
        kinds.setdefault(item.originalname, set()).add(item.callspec.params.get("database"))
    return [item for item in items if kinds[item.originalname] == set(KINDS)]


def _keep(items: Sequence[Any], name: str, kind: str, part: Part) -> None:
    """Leave a part: of the cases of a parameter of this name, or of tests where it has none."""
    turn = int(os.environ.get("TEST_TURN", "0"))
    places: dict[str, int] = {}
    for item in items:
        case = item.callspec.params[name] if name else item.originalname
        place = places.setdefault(case, len(places))
        for mark in marks(place, item.callspec.params[kind], part, turn):
            item.add_marker(mark)


def marks(place: int, kind: str, part: Part, turn: int) -> list[str]:
    """The marks of the case at a place of its matrix, on this kind of database."""
    # The kinds are half a round apart: what one leaves, the other is near.
    half = KINDS.index(kind) * ((part.one_in + 1) // 2)
    in_round = (place + half) % part.one_in
    if in_round == 0:
        return []
    others = part.one_in - 1
    turns = {(turn * part.short + n) % others for n in range(part.short or others)}
    return ["long"] if in_round - 1 in turns else ["long", "whole"]
