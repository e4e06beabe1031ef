"""A collector of OpenTelemetry traces in a process of its own, and the book of what it took.

No collector of OpenTelemetry's can be had as a package; this one reads the protocol by the classes
that are made of its `.proto` files.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_PROGRAM: Final = Path(__file__).with_name("collector_process.py")


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it was taken."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str  # empty: it is a root
    status: str
    said: str  # with its status
    attributes: dict[str, Any]
    events: list[str]
    seconds: float
    resource: dict[str, Any]
    scope: str
    headers: dict[str, str]  # of the request that brought it


@dataclass(slots=True)
class Collector:
    """Where it listens, and what it has."""

    port: int
    folder: Path
    process: subprocess.Popen[str] | None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spans(self) -> list[Span]:
        """All that it took, in the order that they came."""
        book = self.folder / "spans.jsonl"
        lines = book.read_text().splitlines() if book.exists() else []
        return [Span(**json.loads(line)) for line in lines]

    def fault(self, what: str | int | None) -> None:
        """`hang`, `drip`, or a status to refuse with; None: it takes what comes."""
        file = self.folder / "fault"
        if what is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(str(what))

    @property
    def has_refused(self) -> bool:
        """Whether it ever refused one as it was told to."""
        return (self.folder / "refused").exists()

    def start(self) -> None:
        """Listen, where it did before."""
        command = [sys.executable, str(_PROGRAM), str(self.folder / "spans.jsonl")]
        command += [str(self.folder / "fault"), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        """Nobody listens there any more."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Collector]:
    """One while the block runs."""
    folder.mkdir(exist_ok=True)
    collector = Collector(0, folder, None)
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()
