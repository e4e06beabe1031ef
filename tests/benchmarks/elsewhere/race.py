"""What the programs here do alike: start workers, hold them, let them go, say how it went.

While they are held, refunds pile up. A program reads what is `Given` as JSON from its standard
input and prints what came of it as JSON. Its workers are processes of their own, as anybody would
run them, and find the same in their environment.
"""

import functools
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

HERE = Path(__file__).parent
CREATED = 201
PRICE_MINOR = 2_000
CURRENCY = "CAD"
_GIVEN = "REFUNDS_ELSEWHERE"
_WITHIN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Given:
    """How many refunds, at how many calls a time, and where everything is."""

    address: str
    refunds: int
    warm: int
    concurrency: int
    database_url: str
    redis_url: str

    @property
    def refunds_url(self) -> str:
        return f"{self.address}/payments/refunds"


@functools.cache
def given() -> Given:
    """What the program was given, in it and in its workers."""
    if _GIVEN not in os.environ:
        os.environ[_GIVEN] = sys.stdin.read()
    return Given(**json.loads(os.environ[_GIVEN]))


def request(reference: str) -> dict[str, object]:
    """The body of the request that makes a refund; the reference is its idempotency key as well."""
    return {
        "payment_id": reference,
        "amount_minor": PRICE_MINOR,
        "currency": CURRENCY,
        "reference": reference,
        "reason": "",
    }


def race(
    workers: Sequence[Sequence[str]],
    *,
    packages: Sequence[str],
    enqueue: Callable[[str, int], None],
    seconds: Callable[[str, int], float | None],
) -> None:
    """Start the workers, warm them with a few refunds, then time them with all the others.

    What came of it is printed.

    Args:
        workers: for each a module, run as `python -m`, and its arguments.
        packages: whose versions to print.
        enqueue: put so many refunds of a batch, which is a prefix of their references, before the
            workers.
        seconds: from the start of the batch's first refund to the end of its last; None until then.

    Raises:
        RuntimeError: a worker ended by itself, or the refunds are not made in time.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(_running(worker)) for worker in workers]
        warm, batch = _batch(), _batch()
        enqueue(warm, given().warm)
        _wait(running, warm, given().warm, seconds)
        with _held(running):
            enqueue(batch, given().refunds)
            before = _cpu_seconds(running)
        took = _wait(running, batch, given().refunds, seconds)
        cpu = _cpu_seconds(running) - before
    each = {"per_second": given().refunds / took, "cpu_ms_each": 1000 * cpu / given().refunds}
    print(json.dumps(each | {"versions": {package: version(package) for package in packages}}))


def _batch() -> str:
    return uuid.uuid4().hex[:8]


@contextmanager
def _running(worker: Sequence[str]) -> Iterator[psutil.Process]:
    # Its output is an error's text, and what we print last has to stay the last line.
    started = subprocess.Popen(
        [sys.executable, "-m", *worker], cwd=HERE, stdin=subprocess.DEVNULL, stdout=sys.stderr
    )
    try:
        yield psutil.Process(started.pid)
    finally:
        started.kill()  # its refunds are made: nothing is lost with it
        started.wait()


@contextmanager
def _held(running: Sequence[psutil.Process]) -> Iterator[None]:
    # What enqueuing costs is not theirs to pay: our worker too finds its refunds accepted.
    for process in running:
        process.suspend()
    yield
    for process in running:
        process.resume()


def _wait(
    running: Sequence[psutil.Process],
    batch: str,
    count: int,
    seconds: Callable[[str, int], float | None],
) -> float:
    deadline = time.monotonic() + _WITHIN_SECONDS
    while time.monotonic() < deadline:
        if (took := seconds(batch, count)) is not None:
            return took
        if any(process.status() == psutil.STATUS_ZOMBIE for process in running):
            raise RuntimeError("a worker ended by itself")
        time.sleep(0.1)
    raise RuntimeError(f"{count} refunds were not made within {_WITHIN_SECONDS} s")


def _cpu_seconds(running: Sequence[psutil.Process]) -> float:
    used = [
        one.cpu_times()
        for process in running
        for one in (process, *process.children(recursive=True))
    ]
    return sum(times.user + times.system for times in used)
