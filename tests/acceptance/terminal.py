"""The command line as an operator has it: commands, servers, and a week to import."""

import contextlib
import json
import os
import re
import time

import pytest

SANDBOX = {"payments_url": "sandbox", "credits_url": "sandbox"}
PATIENCE_SECONDS = 300  # with what comes if all is well, on a busy machine; holds are longer


def environment(**settings):
    left_out = ("BULK_CANCEL_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    named = {f"BULK_CANCEL_{name.upper()}": str(value) for name, value in settings.items()}
    return inherited | named


class Terminal:
    """Runs the command line as an operator would, in a directory of its own: in a fork."""

    def __init__(self, zygote, cwd, **settings):
        self.zygote = zygote
        self.cwd = cwd
        self.settings = settings

    def start(self, *arguments, **more):
        """A server, and what ends it."""
        log = self.cwd / f"{arguments[0]}-{time.monotonic_ns()}.log"
        log.touch()
        return self.zygote.start(arguments, self._named(more), self.cwd, log)

    def _named(self, more):
        return {
            f"BULK_CANCEL_{name.upper()}": str(value)
            for name, value in (self.settings | more).items()
        }

    def run(self, *arguments, stdin="", **more):
        code, out, err = self.zygote.command(arguments, self._named(more), self.cwd, stdin)
        assert "Traceback" not in err
        return code, out, err

    def ok(self, *arguments, **more):
        code, out, err = self.run(*arguments, **more)
        assert code == 0, err
        return out

    def told(self, *arguments, code=1, **more):
        """The one line of an error."""
        got, out, err = self.run(*arguments, **more)
        assert got == code, err
        assert out == ""
        (line,) = err.splitlines()
        return line

    def with_studio(self):
        """Create the business `studio`; gives the terminal."""
        place = ("--name=Studio", "--timezone=Europe/Lisbon", "--currency=EUR")
        self.ok("business", "create", "studio", *place)
        return self


@contextlib.contextmanager
def serving(terminal, *arguments, **more):
    """A server process, and the address it told; killed if it is still there at the end."""
    process = terminal.start(*arguments, **more)

    def told():
        assert process.alive, process.log.read_text()
        return re.search(r"http://127\.0\.0\.1:[1-9]\d*(?=\D)", process.log.read_text())

    try:
        yield process, wait_until(told)[0]
    finally:
        if process.alive:
            process.kill()


def wait_until(found, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.05)
    return pytest.fail("it did not happen in time")


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


WEEK = (
    {"type": "client", "id": "c1", "name": "Ada"},
    {
        "type": "session",
        "id": "s1",
        "name": "Yoga",
        "starts_at": "2026-11-23T09:00:00Z",
        "ends_at": "2026-11-23T10:00:00Z",
    },
    {
        "type": "booking",
        "id": "b1",
        "session_id": "s1",
        "client_id": "c1",
        "status": "booked",
        "payments": [],
    },
)
