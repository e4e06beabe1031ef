import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = """
[[package]]
name = "tzdata"
version = "2026.6"
sdist = { path = "tzdata-2026.6.tar.gz", upload-time = "2026-10-28T09:57:09Z" }
"""


def said(tmp_path, today):
    (tmp_path / "uv.lock").write_text(LOCK)
    command = [sys.executable, str(ROOT / ".ci/old_zones.py"), str(tmp_path / "uv.lock"), today]
    environment = os.environ | {"PYTHONTZPATH": str(tmp_path)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    return ran.stderr


def test_a_check_warns_of_zone_rules_older_than_half_a_year_and_does_not_fail(tmp_path):
    assert said(tmp_path, "2027-04-29") == ""
    warned = said(tmp_path, "2027-04-30")
    assert warned.startswith("check: warning: The zone rules at hand are of 2026-10-28")
    assert "make lock UPGRADE=1" in warned


def test_young_zone_files_of_the_machine_are_enough(tmp_path):
    (tmp_path / "tzdata.zi").write_text("# version 2027a\n")
    at = dt.datetime(2027, 2, 1, tzinfo=dt.UTC).timestamp()
    os.utime(tmp_path / "tzdata.zi", (at, at))
    assert said(tmp_path, "2027-08-03") == ""
    assert "2027-02-01" in said(tmp_path, "2027-08-04")


def test_the_check_reads_our_own_lock():
    subprocess.run(
        [sys.executable, str(ROOT / ".ci/old_zones.py"), str(ROOT / "uv.lock")], check=True
    )
