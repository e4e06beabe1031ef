"""Each benchmark in its short form, which shows that it works: what it finds means nothing."""

import math
import os
import re
import shutil
import subprocess
import sys

import pytest
from benchmarks.__main__ import NAMES
from benchmarks.bench import ROOT
from benchmarks.figures import AT_LEAST, Figure, Goal
from benchmarks.kept import keep
from benchmarks.kills import BEFORE_RATES
from benchmarks.others import PYTHON
from worlds.builds import build_of

# How the names of its lines begin: a size that follows is another one in the full form.
LINES = {
    "refunds": [
        "durable refunds, PostgreSQL",
        "CPU of a durable refund, PostgreSQL",
        "durable refunds, SQLite",
        "CPU of a durable refund, SQLite",
    ],
    "isolation": ["durable refunds, isolated", "CPU of a durable refund, isolated"],
    "tracing": ["durable refunds, traced", "CPU of a durable refund, traced"],
    "terms": [
        f"{what}, {db}"
        for db in ("PostgreSQL", "SQLite")
        for what in (
            "durable refunds with terms on every line",
            "CPU of a durable refund with terms",
        )
    ],
    "workers": ["durable refunds, two workers"],
    "pacing": [
        *(
            f"durable refunds, {what}"
            for what in (
                "1 % stray 429, Retry-After: 1",
                "1 % stray 429 without Retry-After",
                "0.2 % each of five faults",
            )
        ),
        *(
            f"a bucket that changes{workers}: {what}"
            for workers in ("", ", 2 workers")
            for what in (
                "100 a second",
                "refused at 100",
                "25 a second",
                "refused at 25",
                "from 100 to 25",
            )
        ),
    ],
    "kills": [
        f"refunds, {what}"
        for what in (
            "25 kills, 2.5 % each of five faults",
            "1 % stray 429, Retry-After: 1",
            "0.2 % each of five faults",
        )
    ],
    "accept": ["accept 5 sessions", "accept one session", "CPU of accepting one session"],
    "accept_many": [
        f"accept {count} sessions, {db}" for db in ("SQLite", "PostgreSQL") for count in (5, 25)
    ],
    "reads": ["poll of a job with its ETag", "week list", "a client's bookings", "public schedule"],
    "wake": ["POST answered to first call, arq", "POST answered to first call, embedded"],
    "idle": ["idle worker, CPU", "idle worker, queries"],
    "audit": ["audit CSV", "its first line", "the API's memory growth"],
    "expand": ["bookings into refund rows", "bookings into refund rows, with terms"],
    "load": ["import of"],
    "listing": ["list of a week"],
    "million": [
        "a refund of 500",
        "a refund of 5,000",
        "worker's memory growth",
        "API's memory growth",
    ],
    "webhooks": [
        *("webhooks delivered", "CPU of a delivery"),
        *(
            f"durable refunds with an endpoint told of each, {where}"
            for where in ("in one process", "two workers")
        ),
    ],
    "mail": ["mails sent"],
    "messages": ["clients told"],
    "told": [
        f"{what}, {db}"
        for db in ("PostgreSQL", "SQLite")
        for what in (
            "durable refunds whose clients are told",
            "CPU of a durable refund whose client is told",
        )
    ],
    "worst": ["others' p99 while one key does its worst"],
    "others": [
        f"{what} side by side, {who}".strip()
        for who in ("ours, PostgreSQL", "ours, SQLite", "DBOS", "Celery", "one arq task each")
        for what in ("", "CPU")
    ],
}
NEEDS_THE_OTHERS = pytest.mark.skipif(
    not PYTHON.exists(), reason=f"{PYTHON.relative_to(ROOT)} is missing (make bench makes it)"
)
NEEDS_PSQL = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is missing")
NEEDS = {"audit": [NEEDS_PSQL], "others": [NEEDS_THE_OTHERS]}
# The rest, which makes nothing that others need, runs with the long tests.
QUICK = {"expand", "mail"}


def marks(name):
    return [*NEEDS.get(name, ()), *(() if name in QUICK else [pytest.mark.long])]


def rows_of(table):
    """What is printed, by column."""
    head, rule, *lines = table.splitlines()
    columns = [found.span() for found in re.finditer("-+", rule)]
    names = [head[start:end].strip() for start, end in columns]
    cells = [[line[start:end].strip() for start, end in columns] for line in lines]
    return [dict(zip(names, row, strict=True)) for row in cells]


def is_finite(cell):
    return math.isfinite(float(cell.replace(",", "")))


def test_every_benchmark_is_tested():
    assert set(LINES) == set(NAMES)


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in NAMES])
@pytest.mark.usefixtures("empty_postgresql_url", "redis_url")
def test_a_benchmark_works_in_its_short_form(name):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--short", "--rounds", "1"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert len(rows) == len(LINES[name])
    for row, begins in zip(rows, LINES[name], strict=True):
        assert row["what"].startswith(begins)
        assert is_finite(row["median"])
        assert row["unit"]
        assert bool(row["of"]) == bool(row["floor"]) == bool(row["ratio"])
        assert all(is_finite(row[column]) for column in ("floor", "ratio") if row[column])


def test_a_checkout_without_the_history_has_no_earlier_build(tmp_path):
    assert build_of(tmp_path, BEFORE_RATES, root=tmp_path) is None


@NEEDS_THE_OTHERS
def test_kept_figures_are_drawn(tmp_path):
    refunds = Figure("refunds", "1/s", [90.0], "the wire", [100.0], Goal(AT_LEAST, 0.9))
    beside = Figure("side by side, ours", "refunds/s", [90.0], "the wire", [100.0])

    said = keep({"refunds": [refunds], "others": [beside]}, NAMES, tmp_path)

    drawn = sorted(tmp_path.glob("*.svg"))
    assert [path.name for path in drawn] == ["goals.svg", "pace.svg", "refunds.svg"]
    assert all(path.name in said and path.read_text().rstrip().endswith("</svg>") for path in drawn)
