"""Processes on a machine whose zone files are older than the pinned `tzdata`, or newer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tzdata

ZONES = {
    "America/Vancouver": "-8:00 - PST",
    "America/Edmonton": "-7:00 - MST",
    "America/Winnipeg": "-6:00 - CST",
    "America/Havana": "-5:00 - CST",
    "Africa/Casablanca": "1:00 - +01",
    "America/Toronto": "-5:00 - EST",
    "UTC": "0 - UTC",
}
VANCOUVER = """
import {module}, datetime as dt, zoneinfo
at = dt.datetime(2026, 12, 7, 7, 15, tzinfo=dt.UTC)
print(at.astimezone(zoneinfo.ZoneInfo("America/Vancouver")).isoformat())
"""
PLACES = [
    "app.main",
    "app.cli",
    "app.document",
    "app.schedule.sample",
    "app.db.schema",
    "workers.tasks",
]


@pytest.fixture
def machine(tmp_path):
    """Makes zone files as those of a release before 2026; gives their environment.

    In such a release clocks still change.
    """
    zic = shutil.which("zic", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if zic is None:
        pytest.skip("zic is missing, which compiles zone files")

    def at_release(release):
        rules = tmp_path / "rules"
        rules.write_text("".join(f"Zone {name} {rule}\n" for name, rule in ZONES.items()))
        subprocess.run([zic, "-d", str(tmp_path / "zoneinfo"), str(rules)], check=True)
        (tmp_path / "zoneinfo/tzdata.zi").write_text(f"# version {release}\n")
        return os.environ | {"PYTHONTZPATH": str(tmp_path / "zoneinfo")}

    return at_release


def said_by(command, environment, cwd=None):
    ran = subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=800
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("module", PLACES)
def test_wherever_a_process_starts_the_newer_rules_decide(machine, module):
    command = [sys.executable, "-c", VANCOUVER.format(module=module)]
    assert said_by(command, machine("2025b")) == "2026-12-07T00:15:00-07:00\n"
    assert said_by(command, machine("2099a")) == "2026-12-06T23:15:00-08:00\n"


def test_the_command_line_says_which_rules_it_goes_by(machine):
    command = [sys.executable, "-m", "app.cli", "--version"]
    assert said_by(command, machine("2025b")).endswith(
        f", tzdata {tzdata.IANA_VERSION} (package)\n"
    )
    assert said_by(command, machine("2099a")).endswith(", tzdata 2099a (machine)\n")


def test_every_answer_agrees_on_a_machine_with_old_zone_files(machine):
    root = Path(__file__).parents[2]
    suite = "tests/integration/schedule/test_schedule_zones.py"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:xdist",
        "-o",
        "cache_dir=" + str(root / ".pytest_cache"),
        suite,
    ]
    environment = {
        name: value for name, value in machine("2025b").items() if not name.startswith("PYTEST_")
    }
    assert " passed" in said_by(command, environment, cwd=root)
