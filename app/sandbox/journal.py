"""The books' file: one JSON line per change.

A line is in the system's hands before anybody is told of it.
"""

import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


class Journal:
    """A file of one JSON line per change.

    A line that a crash cut short is cut off the file too.
    """

    def __init__(self, path: Path) -> None:
        """Take the journal at `path`; `begin` opens it for writing."""
        self._path = path
        self._close: weakref.finalize[..., Journal] | None = None
        self._file = -1

    def lines(self) -> Iterator[dict[str, Any]]:
        """The whole lines written before, oldest first."""
        if not self._path.exists():
            return
        with self._path.open("rb+") as file:
            whole = 0
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(whole)
                    return
                whole += len(line)
                yield orjson.loads(line)

    def write(self, line: dict[str, Any]) -> None:
        """Append one line; it has left this process on return.

        Before `begin` nothing is written.
        """
        if self._close is not None:
            os.write(self._file, orjson.dumps(line) + b"\n")

    def begin(self, *, anew: bool) -> None:
        """Start to write, after what is there or from nothing."""
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if anew else 0)
        self._file = os.open(self._path, flags, 0o644)
        # An app that is mounted in another gets no shutdown: the file closes with the last
        # reference, then.
        self._close = weakref.finalize(self, os.close, self._file)

    def close(self) -> None:
        """Close the file."""
        if self._close is not None:
            self._close()
            self._close = None
