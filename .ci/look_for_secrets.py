"""Fails where a file holds what looks like a secret, and nobody has said that it is none.

`known-secrets.txt` beside it has what was looked at, a line each: the file, and the SHA-1 of the
text. It says nothing of lines, which move.
"""

import multiprocessing
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings

KNOWN: Final = Path(__file__).with_name("known-secrets.txt")
# Made by a machine from files that are looked at: digests, sizes, the API's document.
_MADE: Final = {"uv.lock", "openapi/bulk-cancel.json", f".ci/{KNOWN.name}"}
_PROCESSES: Final = 2


def found_in(path: str) -> list[tuple[str, str, str]]:
    """What looks like a secret in a file: a line as the list has them, its place and its kind."""
    with default_settings():
        secrets = SecretsCollection()
        secrets.scan_file(path)
    return [
        (f"{name} {one.secret_hash}", f"{name}:{one.line_number}", one.type)
        for name, one in secrets
    ]


def found(paths: Iterable[str]) -> list[tuple[str, str, str]]:
    """As `found_in`, of many files."""
    with multiprocessing.Pool(_PROCESSES) as pool:
        return [one for some in pool.imap(found_in, paths, chunksize=20) for one in some]


if __name__ == "__main__":
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout  # noqa: S607 - as everybody's shell finds it
    everything = found(name for name in listed.decode().split("\0")[:-1] if name not in _MADE)
    if sys.argv[1:] == ["--take"]:  # after somebody has looked at each of them
        KNOWN.write_text("".join(sorted({f"{line}\n" for line, _, _ in everything})))
        sys.exit()
    known = {*KNOWN.read_text().splitlines()}
    if told := [f"{place}: {kind}" for line, place, kind in everything if line not in known]:
        sys.exit("These look like secrets (.ci/look_for_secrets.py):\n  " + "\n  ".join(told))
