"""Warns where all the zone rules at hand are older than half a year; it never fails a check.

It asks no network. Countries change their clocks several times a year. Of the pinned `tzdata` the
lock says when it came out; of the machine's zone files the date is that of the file that names
their release.
"""

import datetime as dt
import sys
import tomllib
import zoneinfo
from pathlib import Path

_HALF_A_YEAR = dt.timedelta(days=183)


def newest_rules(lock: Path, directories: tuple[str, ...]) -> dt.date:
    """When the newest of the rules at hand came out."""
    (pinned,) = (
        one for one in tomllib.loads(lock.read_text())["package"] if one["name"] == "tzdata"
    )
    dates = [dt.datetime.fromisoformat(pinned["sdist"]["upload-time"]).date()]
    files = [
        Path(directory) / name for directory in directories for name in ("tzdata.zi", "+VERSION")
    ]
    dates += [
        dt.datetime.fromtimestamp(one.stat().st_mtime, dt.UTC).date()
        for one in files
        if one.is_file()
    ]
    return max(dates)


def warning(newest: dt.date, today: dt.date) -> str | None:
    """What to say of rules that came out then; None while they are young enough."""
    if today - newest <= _HALF_A_YEAR:
        return None
    return (
        f"The zone rules at hand are of {newest}, more than half a year ago."
        " Run: make lock UPGRADE=1"
    )


if __name__ == "__main__":
    lock, today = (
        Path(sys.argv[1]),
        dt.date.fromisoformat(sys.argv[2]) if sys.argv[2:] else dt.datetime.now(dt.UTC).date(),
    )
    if said := warning(newest_rules(lock, zoneinfo.TZPATH), today):
        sys.stderr.write(f"check: warning: {said}\n")
