"""Decides by whose time zone rules this process goes, and which zones there are.

That is decided once, as `app` is imported. Python reads the machine's zone files before the
`tzdata` package, however old they are. Here the newer of the two releases decides, for every zone
in the process: a country may change its clocks a week after it said so.
"""

import re
import zoneinfo
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import tzdata  # type: ignore[import-untyped]

# How releases name themselves: tzdata.zi (Debian, Fedora, Alpine), +VERSION (macOS, BSD).
_RELEASE_FILES: Final = {
    "tzdata.zi": re.compile(r"# version (\d{4}[a-z]+)\s"),
    "+VERSION": re.compile(r"(\d{4}[a-z]+)\s"),
}
_MAX_FIRST_LINE: Final = 100
# The areas of the tz database. Its other names (EST5EDT, Japan, localtime, posix/…) are links and
# tools for machines, and some of them are taken by no browser.
_REGION: Final = re.compile(
    r"(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe"
    r"|Indian|Mexico|Pacific|US)"
    r"/[A-Za-z0-9_+/-]+"
)
_NO_ZONES: Final = re.compile(r"localtime|posixrules|Factory|(posix|right)/.*")


class RulesSource(StrEnum):
    """Where zone rules are from."""

    MACHINE = "machine"
    PACKAGE = "package"


class Rules(NamedTuple):
    """The zone rules of a process.

    A release of the tz database (`2026f`), and where it is from.
    """

    release: str
    source: RulesSource


def newer(machine: str | None, package: str) -> Rules:
    """The newer of two releases; the package's where the machine's is unknown or the same."""
    if machine is not None and age(machine) > age(package):
        return Rules(machine, RulesSource.MACHINE)
    return Rules(package, RulesSource.PACKAGE)


def age(release: str) -> tuple[int, int, str]:
    """A key by which releases order: after `2026z` comes `2026za`."""
    return int(release[:4]), len(release), release


def release_of(directories: Sequence[str]) -> str | None:
    """The release of a machine's zone files: of its directories the oldest.

    None where one that exists says none.
    """
    found = [_release_in(Path(one)) for one in directories if Path(one).is_dir()]
    known = [one for one in found if one is not None]
    return min(known, key=age) if known and len(known) == len(found) else None


def _release_in(directory: Path) -> str | None:
    for name, pattern in _RELEASE_FILES.items():
        try:
            with (directory / name).open(encoding="ascii", errors="replace") as file:
                line = file.readline(_MAX_FIRST_LINE)
        except OSError:
            continue
        if said := pattern.match(line + "\n"):
            return said[1]
    return None


def _decide() -> Rules:
    rules = newer(release_of(zoneinfo.TZPATH), tzdata.IANA_VERSION)
    if rules.source is RulesSource.PACKAGE:
        zoneinfo.reset_tzpath(())
        ZoneInfo.clear_cache()  # of what others may have made before
    return rules


RULES: Final = _decide()
UTC: Final = ZoneInfo("UTC")


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if not _NO_ZONES.fullmatch(name))


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """The IANA zone of this name, spelt exactly; None when there is none."""
    return ZoneInfo(name) if name in _names() else None


def region_named(name: str) -> ZoneInfo | None:
    """The zone of a name that is taken from outside.

    `UTC`, or of a region, as `Area/Place`; None for all others.
    """
    return zone_named(name) if name == "UTC" or _REGION.fullmatch(name) else None


def zone_of(name: str, otherwise: ZoneInfo = UTC) -> ZoneInfo:
    """The zone of this name; `otherwise` where it is none here.

    A row may hold such a name.
    """
    return zone_named(name) or otherwise
