"""Debian's OpenSMTPD in a process, spool and mailbox of its own, which may be killed.

Its spool and its socket have fixed places, so it sees folders of ours there, by mounts that nobody
else sees: that needs root. A filter plays the faults that a relay can play by its rules, at the
stages `mail`, `rcpt`, `data` and `dot`; its queue is full when the test says so.
"""

import contextlib
import email
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest
from worlds.smtp_server import (
    TESTS,
    Relay,
    Taken,
    empty_files,
    message_id_of,
    wait_until,
)

_CONFIGURATION = """\
proc script "/usr/bin/env PYTHONPATH={tests} {python} -m worlds.opensmtpd_filter {folder}" \
user root group root
filter script proc script
listen on 127.0.0.1 port {port} filter script
table everybody {{ "@" = nobody }}
action "keep" maildir "{folder}/mail" virtual <everybody>
match from any for any action "keep"
"""
# What it sees instead of /var/spool and /run, as long as this process lives, and so whoever is
# killed meanwhile. It ends with its input.
_PLACES = """\
set -e
mount -t tmpfs -o size=64m,mode=0711 tmpfs /var/spool
mkdir -m 0711 /var/spool/smtpd
mount --bind "$1/run" /run
echo ready
exec cat
"""
_QUEUE_ID: Final = re.compile(
    rb"^\tby \S+ \(OpenSMTPD\) with E?SMTP id ([0-9a-f]{8})$", re.MULTILINE
)


class OpenSmtpd(Relay):
    """The running relay: `kept` is what is in its mailbox."""

    def __init__(self, folder: Path, places: int, port: int, program: str) -> None:
        super().__init__(folder, f"smtp://127.0.0.1:{port}?tls=none")
        self.port, self.kills = port, 0
        self._places, self._program = places, program
        self._spool = Path(f"/proc/{places}/root/var/spool")
        self._process: psutil.Popen | None = None

    def start(self) -> None:
        """Start it, for the first time or after a kill, and wait until it listens."""
        starts = len(self.book("started"))
        ours = f"--mount=/proc/{self._places}/ns/mnt"
        command = ["nsenter", ours, self._program, "-d", "-f", str(self.folder / "smtpd.conf")]
        with (self.folder / "log.txt").open("a") as log:
            process = psutil.Popen(command, stdout=log, stderr=log)
        self._process = process
        wait_until(
            lambda: (
                (len(self.book("started")) > starts and _listens(self.port))
                or process.poll() is not None
            )
        )
        assert process.poll() is None, (self.folder / "log.txt").read_text()

    def kill(self) -> None:
        """Kill -9, all of it at once: what is in its queue stays there."""
        assert self._process is not None
        its = [self._process, *self._process.children(recursive=True)]
        for one in its:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(its)
        self.kills += 1

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def fill(self) -> None:
        """Fill the disk of its queue to the last block, while nobody sends.

        What it has in its queue goes on its way first, for that makes room.
        """
        others = self._spool / "others"

        def is_full() -> bool:
            is_empty = self._queue_is_empty()
            disk = os.statvfs(self._spool)
            if disk.f_bfree:
                with others.open("ab") as file:
                    os.posix_fallocate(file.fileno(), file.tell(), disk.f_bfree * disk.f_frsize)
            return is_empty and not disk.f_bfree

        wait_until(is_full)

    def make_room(self) -> None:
        (self._spool / "others").unlink()

    def kept(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.folder / "mail" / "new").glob("*"))]

    def message_ids(self) -> list[str]:
        return [message_id_of(one) for one in self.kept()]

    def places(self) -> int:
        """How many places there are so far: mails that it may have taken."""
        return len(self.book("asked"))

    def placed(self) -> dict[int, Taken]:
        """What has come into its mailbox, by place, once nothing is in its queue any more.

        What it delivers twice itself, because it was killed meanwhile, is one.
        """
        wait_until(self._queue_is_empty)
        asked = {one["mail"]: (place, one) for place, one in enumerate(self.book("asked"))}
        kept = self.kept()
        placed = {}
        for raw in kept:
            found = _QUEUE_ID.search(raw)
            assert found, raw
            place, event = asked[found[1].decode()]
            placed[place] = _kept(raw, event["connection"])
        assert len(placed) == len(kept) or self.kills
        return dict(sorted(placed.items()))

    def lost_answers(self) -> Counter[int]:
        """By place: mails whose answer the relay was killed with, if nobody had heard it yet."""
        last: dict[str, int] = {}
        lost: Counter[int] = Counter()
        place = 0
        for event in self.events():
            match event["event"]:
                case "asked":
                    last[event["connection"]] = place
                    place += 1
                case "mail" | "closed":
                    last.pop(event["connection"], None)
                case "started":
                    lost.update(last.values())
                    last.clear()
        return lost

    def has_answered(self) -> bool:
        """Whether nobody who is there still waits to hear that a mail was taken."""
        return "asked" not in self._connected().values()

    def is_left(self) -> bool:
        """Whether it knows of no connection."""
        return not self._connected()

    def _queue_is_empty(self) -> bool:
        return not [*self._spool.glob("smtpd/queue/*/*"), *self._spool.glob("smtpd/incoming/*")]

    def _connected(self) -> dict[str, str]:
        """Its connections, and the last event of each."""
        there: dict[str, str] = {}
        for event in self.events():
            match event["event"]:
                case "started":
                    there.clear()
                case "closed":
                    there.pop(event["connection"], None)
                case kind:
                    there[event["connection"]] = kind
        return there


def _kept(raw: bytes, connection: str) -> Taken:
    mail = email.message_from_bytes(raw)
    sender = str(mail["Return-Path"]).strip("<>")
    return Taken(str(mail["Message-ID"]), sender, str(mail["Delivered-To"]), raw, connection)


@contextlib.contextmanager
def opensmtpd() -> Iterator[OpenSmtpd]:
    """A relay until the block ends; without one here the test is skipped, and fails in CI."""
    program = shutil.which("smtpd", path="/usr/sbin:/usr/local/sbin")
    if program is None or os.geteuid() != 0 or shutil.which("unshare") is None:
        lacking = "OpenSMTPD is missing" if program is None else "OpenSMTPD needs root and unshare"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(lacking)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Its processes give root up, and must find their folders: those of pytest are shut again for
    # all but their owner by each run that starts.
    with tempfile.TemporaryDirectory(prefix="opensmtpd-") as name:
        folder = Path(name)
        empty_files(folder)
        for place in ("run", "mail"):
            (folder / place).mkdir()
        folder.chmod(0o711)
        shutil.chown(folder / "mail", "nobody")
        (folder / "smtpd.conf").write_text(
            _CONFIGURATION.format(port=port, folder=folder, tests=TESTS, python=sys.executable)
        )
        with _places(folder) as places:
            relay = OpenSmtpd(folder, places, port, program)
            relay.start()
            try:
                yield relay
            finally:
                relay.stop()


@contextlib.contextmanager
def _places(folder: Path) -> Iterator[int]:
    """Hold spool and socket of a relay; gives the id of the process that does."""
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", _PLACES, "sh", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.stdin.close()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
