"""What benchmarks make of their rounds: ratios and goals, a table, and figures that are kept."""

import json
import re

import pytest
from benchmarks import kept
from benchmarks.figures import AT_LEAST, AT_MOST, Figure, Goal, in_turns
from benchmarks.report import markdown, table

ORDER = ("refunds", "accept", "idle")


def figure(name="refunds a second", rounds=(90.0,), floor=(100.0,), goal=None):
    return Figure(name, "1/s", list(rounds), "the wire" if floor else "", list(floor), goal)


def test_a_ratio_is_of_the_medians():
    taken = figure(rounds=[1.0, 8.0, 1000.0], floor=[2.0, 4.0, 90.0])

    assert (taken.median, taken.floor, taken.ratio) == (8.0, 4.0, 2.0)


def test_without_a_floor_there_is_no_ratio():
    taken = figure(floor=())

    assert (taken.floor, taken.ratio) == (None, None)


@pytest.mark.parametrize(
    ("which", "asked", "is_met"),
    [
        (AT_LEAST, 0.9, True),
        (AT_LEAST, 0.91, False),
        (AT_MOST, 0.9, True),
        (AT_MOST, 0.89, False),
    ],
)
def test_a_goal_is_of_the_ratio_to_the_floor(which, asked, is_met):
    assert figure(rounds=[90.0], floor=[100.0], goal=Goal(which, asked)).is_met is is_met


@pytest.mark.parametrize(("which", "is_met"), [(AT_LEAST, True), (AT_MOST, False)])
def test_without_a_floor_a_goal_is_of_the_median(which, is_met):
    assert figure(rounds=[90.0], floor=(), goal=Goal(which, 50.0)).is_met is is_met


def test_where_nothing_is_asked_nothing_is_met_or_missed():
    assert figure(goal=None).is_met is None


async def test_subject_and_floor_take_turns_and_the_first_of_one_round_is_the_last_of_the_next():
    calls = []

    def taking(name):
        async def take():
            calls.append(name)
            return float(len(calls))

        return take

    taken = await in_turns(3, subject=taking("subject"), floor=taking("floor"))

    assert calls == ["subject", "floor", "floor", "subject", "subject", "floor"]
    assert taken == {"subject": [1.0, 4.0, 5.0], "floor": [2.0, 3.0, 6.0]}


def test_the_columns_of_a_table_line_up():
    long = figure(
        "one with a name that is longer than the others",
        rounds=[12_345.6],
        goal=Goal(AT_LEAST, 0.9),
    )

    head, rule, *rows = table([figure(goal=Goal(AT_MOST, 2.0)), long]).splitlines()

    edges = [at for at in range(1, len(rule)) if rule[at - 1] == " " and rule[at] == "-"]
    assert len(edges) == len(head.split()) - 1
    for line in (head, *rows):
        assert all(line[at - 2 : at] == "  " and line[at] != " " for at in edges), line


def test_a_table_has_the_median_the_floor_the_ratio_and_the_goal():
    row = table(
        [figure(rounds=[12_345.6], floor=[15_000.0], goal=Goal(AT_MOST, 2.0))]
    ).splitlines()[-1]

    shown = ["refunds a second", "12,346", "1/s", "15,000", "the wire", "0.82", "at most 2", "yes"]
    assert re.split(" {2,}", row) == shown


def test_a_missed_goal_shows():
    missed = figure(rounds=[80.0], goal=Goal(AT_LEAST, 0.9))

    assert table([missed]).endswith("at least 0.9  NO")
    assert "| NO |" in markdown([("2027-01-11", missed)])


def test_a_kept_figure_is_read_back_as_it_was():
    for taken in (figure(goal=Goal(AT_LEAST, 0.9)), figure(floor=(), goal=None)):
        assert Figure.from_json(json.loads(json.dumps(taken.as_json()))) == taken


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where figures are kept, on a machine that has nothing to draw with."""
    monkeypatch.setattr(kept, "PYTHON", tmp_path / "absent")
    return tmp_path / "kept"


def names_in(folder):
    return [
        (entry["benchmark"], entry["name"])
        for entry in json.loads((folder / "figures.json").read_text())
    ]


def test_a_run_replaces_what_is_kept_of_its_benchmarks_and_leaves_the_others(folder):
    kept.keep(
        {"refunds": [figure("old")], "idle": [figure("CPU"), figure("queries")]}, ORDER, folder
    )
    kept.keep({"accept": [figure("one session")], "refunds": [figure("new")]}, ORDER, folder)

    assert names_in(folder) == [
        ("refunds", "new"),
        ("accept", "one session"),
        ("idle", "CPU"),
        ("idle", "queries"),
    ]
    lines = (folder / "table.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| new",
        "| one session",
        "| CPU",
        "| queries",
    ]


def test_a_benchmark_that_found_nothing_replaces_nothing(folder):
    kept.keep({"refunds": [figure("old")]}, ORDER, folder)
    kept.keep({"refunds": []}, ORDER, folder)

    assert names_in(folder) == [("refunds", "old")]


def test_figures_of_a_benchmark_that_is_gone_are_no_longer_kept(folder):
    kept.keep({"refunds": [figure("old")], "idle": [figure("CPU")]}, ORDER, folder)
    kept.keep({"idle": [figure("CPU")]}, ("idle",), folder)

    assert names_in(folder) == [("idle", "CPU")]


def test_each_kept_figure_has_its_rounds_its_day_and_its_machine(folder):
    said = kept.keep({"refunds": [figure(rounds=[1.0, 2.0, 4.0])]}, ORDER, folder)

    (entry,) = json.loads((folder / "figures.json").read_text())
    assert entry["rounds"] == [1.0, 2.0, 4.0]
    assert {"taken_on", "machine"} <= entry.keys()
    assert "no plots" in said
