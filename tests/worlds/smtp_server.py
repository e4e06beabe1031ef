"""A relay in a process of its own, which does as the test says and keeps its own book.

    with smtp_server(tmp_path) as relay:
        relay.faults(Fault("rcpt", "answer", code=450, each=True, times=1))  # greylisting
        ...
        assert [one.message_id for one in relay.taken()] == [...]

It outlives whoever sends to it, so that senders may be killed; book and faults are files in its
folder, and a relay that is started again there goes on with both.
"""

import base64
import contextlib
import email
import itertools
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from worlds.patience import PATIENCE_SECONDS

TESTS = Path(__file__).parents[1]
# In the order in which a mail meets them. `content`: the mail's words were asked for and come;
# `dot`: they have come, and nothing is taken yet; `taken`: it is in the book, and not answered yet.
Stage = Literal[
    "greeting", "ehlo", "tls", "auth", "mail", "rcpt", "data", "content", "dot", "taken"
]
Act = Literal["answer", "drop", "silence", "delay", "hold", "bytes"]
_ids = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong at a stage: so many times (None: always), of all or of `each` recipient.

    `seconds` are waited before; with `delay` all goes well after them, with `hold` once the fault
    is taken away. `bytes` are sent raw.
    """

    stage: Stage
    act: Act = "answer"
    code: int = 451
    text: str = "4.3.0 not now"
    times: int | None = None
    each: bool = False
    recipient: str | None = None
    seconds: float = 0.0
    id: int = field(default_factory=lambda: next(_ids))

    @classmethod
    def raw(cls, stage: Stage, sent: bytes, **rest) -> "Fault":
        return cls(stage, "bytes", text=base64.b64encode(sent).decode(), **rest)


@dataclass(frozen=True, slots=True)
class Taken:
    """One mail that the relay answers for, or would: it may not have said so."""

    message_id: str
    sender: str
    recipient: str
    raw: bytes
    connection: int | str


class Relay:
    """A running relay: what it is to do wrong, and its book. `url` is what the setting takes.

    A mail's place is where in the relay's order it was taken, or may have been.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self._read: list[dict] = []
        self._read_bytes = 0

    def faults(self, *faults: Fault) -> None:
        """From now on these, and no others. Of several at a stage the first has its turn."""
        new = self.folder / "faults.new"
        new.write_text(json.dumps([asdict(one) for one in faults]))
        new.replace(self.folder / "faults.json")

    def events(self) -> list[dict]:
        """All of its book, in order."""
        with (self.folder / "book.jsonl").open("rb") as book:
            book.seek(self._read_bytes)
            # The last line may be half written.
            whole = book.read().rpartition(b"\n")[0]
        if whole:
            self._read += map(json.loads, whole.split(b"\n"))
            self._read_bytes += len(whole) + 1
        return [*self._read]

    def forget(self) -> None:
        """Begin the book anew."""
        (self.folder / "book.jsonl").write_text("")
        self._read, self._read_bytes = [], 0

    def book(self, event: str) -> list[dict]:
        """The events of a kind: `connected`, `mail`, `fault`, `taken`, `closed`."""
        return [one for one in self.events() if one["event"] == event]

    def tries(self) -> int:
        """How many mails were begun."""
        return len(self.book("mail"))


class SmtpServer(Relay):
    """aiosmtpd in its process. A login is in its `url`."""

    def __init__(self, folder: Path, url: str, port: int, process: subprocess.Popen) -> None:
        super().__init__(folder, url)
        self.port, self.process = port, process

    def taken(self) -> list[Taken]:
        """What it has taken, in order; one mail twice is two."""
        return [_taken(one) for one in self.book("taken")]

    def places(self) -> int:
        """How many places there are so far."""
        return len(self.book("taken"))

    def placed(self) -> dict[int, Taken]:
        """What it has taken, by place."""
        return dict(enumerate(self.taken()))

    def lost_answers(self) -> Counter[int]:
        """By place: mails that were taken, and whose answer was dropped."""
        last: dict[int, int] = {}
        lost: Counter[int] = Counter()
        place = 0
        for event in self.events():
            match event:
                case {"event": "taken"}:
                    last[event["connection"]] = place
                    place += 1
                case {"event": "fault", "stage": "taken", "act": "drop"}:
                    lost[last[event["connection"]]] += 1
        return lost

    def is_left(self) -> bool:
        """Whether it knows of no connection."""
        return self.connections() == len(self.book("closed"))

    def connections(self) -> int:
        return len(self.book("connected"))


def _taken(event: dict) -> Taken:
    assert event["recipients"] == 1, "a mail has one recipient"
    raw = base64.b64decode(event["raw"])
    return Taken(message_id_of(raw), event["sender"], event["recipient"], raw, event["connection"])


def message_id_of(raw: bytes) -> str:
    return str(email.message_from_bytes(raw)["Message-ID"])


def empty_files(folder: Path) -> None:
    """Make a relay's folder, with no faults and an empty book, where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, empty in (("faults.json", "[]"), ("book.jsonl", "")):
        if not (folder / name).exists():
            (folder / name).write_text(empty)


@contextlib.contextmanager
def smtp_server(
    folder: Path,
    *,
    port: int = 0,
    certificate: Path | None = None,
    implicit: bool = False,
    login: str | None = None,
    max_mails: int = 0,
    smtputf8: bool = False,
) -> Iterator[SmtpServer]:
    """A relay until the block ends.

    With a `certificate` it offers STARTTLS, or is under TLS from the first byte on (`implicit`).
    `login` is `user:password`; `max_mails` of one connection are taken, and no more (0: any).
    """
    empty_files(folder)
    options = [f"--port={port}", f"--max-mails={max_mails}"]
    options += [f"--certificate={certificate}"] if certificate else []
    options += ["--implicit"] if implicit else []
    options += [f"--login={login}"] if login else []
    options += ["--smtputf8"] if smtputf8 else []
    with (folder / "log.txt").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "worlds.smtp_process", str(folder), *options],
            env=os.environ | {"PYTHONPATH": str(TESTS)},
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        port = int(process.stdout.readline())
        scheme, tls = ("smtps", "") if implicit else ("smtp", _tls(certificate))
        user = f"{login}@" if login else ""
        yield SmtpServer(folder, f"{scheme}://{user}localhost:{port}{tls}", port, process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _tls(certificate: Path | None) -> str:
    return "?tls=none" if certificate is None else "?tls=starttls"


def wait_until(found, *, seconds: float = PATIENCE_SECONDS) -> None:
    """For what a test outside an event loop counts."""
    begun = time.monotonic()
    while not found():
        assert time.monotonic() - begun < seconds, f"it did not happen within {seconds} s"
        time.sleep(0.01)
