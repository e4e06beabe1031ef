"""Of long matrices `make test` plays a part, on either kind of database.

`make test-long` plays all others. With TEST_MATRICES=whole in the environment nothing is left out.
"""

import os
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import pytest

# Of a file's cases (their parameter `name`) one in so many. Prime to the eight cases of a fault
# point, so that all of its columns take part.
ONE_CASE_IN: Final = {
    "test_fault_matrix.py": 3,
    "test_fault_points.py": 7,
    "test_fairness.py": 2,
    "test_hooks.py": 2,
}
KINDS: Final = ("sqlite", "postgresql")


def shorten(items: Sequence[pytest.Item]) -> None:
    """Mark as long what `make test` leaves to `make test-long`."""
    if os.environ.get("TEST_MATRICES") == "whole":
        return
    for path, of_file in groupby(items, key=lambda item: item.path):
        mine = [item for item in of_file if hasattr(item, "callspec")]
        if path.parent.name == "crash" and path.name in ONE_CASE_IN:
            cases = [item for item in mine if "running" in item.fixturenames]
            _keep(cases, "name", "running", ONE_CASE_IN[path.name])
        elif path.parent.name == "browser":
            # A page does not know its database: what has both kinds is played on one, in turns.
            _keep(_on_both_kinds(mine), "", "database", 2)
        elif path.name == "test_schemathesis.py":
            for item in mine:
                if "postgresql" in item.callspec.params.values():
                    item.add_marker(pytest.mark.long)


def _on_both_kinds(items: Sequence[Any]) -> list[Any]:
    kinds: dict[str, set[Any]] = {}
    for item in items:
        kinds.setdefault(item.originalname, set()).add(item.callspec.params.get("database"))
    return [item for item in items if kinds[item.originalname] == set(KINDS)]


def _keep(items: Sequence[Any], name: str, kind: str, one_in: int) -> None:
    """Leave one in so many cases: those of a parameter of this name, or tests where it has none."""
    places: dict[str, int] = {}
    for item in items:
        case = item.callspec.params[name] if name else item.originalname
        place = places.setdefault(case, len(places))
        if (place + KINDS.index(item.callspec.params[kind])) % one_in:
            item.add_marker(pytest.mark.long)
