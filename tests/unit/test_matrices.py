"""What `make test` and the short form leave of the long matrices."""

import pytest
from crash.test_fault_points import CASES as FAULT_POINTS
from crash.test_leg_points import CASES as LEG_POINTS
from matrices import KINDS, PARTS, marks


def played(cases, part, turn):
    """The cases that `make test` plays, and those that the short form plays in a turn."""
    of = {
        (name, kind): marks(place, kind, part, turn)
        for kind in KINDS
        for place, name in enumerate(cases)
    }
    return (
        {case for case, its in of.items() if not its},
        {case for case, its in of.items() if its == ["long"]},
    )


@pytest.mark.parametrize("name", PARTS)
def test_in_a_few_turns_all_are_played_and_none_by_both(name):
    part, cases = PARTS[name], [str(number) for number in range(40)]
    seen = set()
    for turn in range(part.one_in):
        at_once, short = played(cases, part, turn)
        assert not at_once & short
        seen |= at_once | short
    assert seen == {(case, kind) for case in cases for kind in KINDS}


@pytest.mark.parametrize(
    ("name", "cases"),
    [("test_fault_points.py", FAULT_POINTS), ("test_leg_points.py", LEG_POINTS)],
)
def test_at_every_step_something_dies_in_make_test_already(name, cases):
    at_once, _ = played(cases, PARTS[name], 0)
    steps = {case.point.rpartition(".")[0] for case in cases.values()}
    assert {cases[case].point.rpartition(".")[0] for case, _ in at_once} == steps
