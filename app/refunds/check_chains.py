"""Follows the chains of all jobs, a little each minute, so that no lie waits for a person's look.

A walk goes through all jobs in the order of their ids and begins once a day; a round of it takes
two seconds, and goes on where the last one of any worker has stopped. Each step only reads, of a
snapshot of its own: twenty links at most, or one job's end.
"""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any, Final, Self

import structlog

from app.db.core.dialect import clock
from app.db.evidence import reading
from app.db.invariants import last_check
from app.db.invariants.last_check import Check, Checked
from app.domain.days import instant_text
from app.refunds import verify, verify_chains
from app.refunds.runtime import Runtime
from app.refunds.verify import Violation
from app.refunds.verify_chains import Walk

log = structlog.get_logger()

EVERY_SECONDS: Final = 60.0
_ROUND_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 50.0  # between two rounds, whoever makes them: some worker looks by then
_LEASE_SECONDS: Final = 120.0  # a round that is not recorded by then is done again
_REST_SECONDS: Final = 86_400.0  # from the end of a walk that found nothing to the next
_YIELDS_SECONDS: Final = 0.05  # after each step, while refunds are at work


@dataclass(slots=True)
class _Progress:
    """How far a walk through all chains has come."""

    began_at: str
    after_job: str | None = None  # all up to this one were followed to their ends
    walk: Walk | None = None  # of the job that is being followed
    found: Counter[str] = field(default_factory=Counter)  # by the rules' codes

    def document(self) -> dict[str, Any]:
        """As it is kept: JSON's own types."""
        walk = None if self.walk is None else asdict(self.walk)
        return {
            "began_at": self.began_at,
            "after_job": self.after_job,
            "walk": walk,
            "found": dict(self.found),
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What `document` has made."""
        walk = document["walk"]
        return cls(
            document["began_at"],
            document["after_job"],
            None if walk is None else Walk(**walk),
            Counter(document["found"]),
        )


async def check(runtime: Runtime) -> list[Violation] | None:
    """Go on with the walk for a round, if it is time; what it found.

    None: it is not, or another worker does it. What is broken is logged, and kept in the database,
    where `/metrics` reads it until a whole walk has found nothing.
    """
    async with runtime.db.write() as conn:
        last = await last_check.claim(conn, Checked.CHAINS, every_seconds=_LEASE_SECONDS)
        now = instant_text(await clock(conn))
    if last is None:
        return None
    progress = _Progress(now) if last.progress is None else _Progress.of(last.progress)
    found, ended = await _round(runtime, progress)
    progress.found.update(violation.code for violation in found)
    await _record(runtime, last, progress, ended=ended)
    verify.tell(found)
    if ended:
        log.info("chains.checked", violations=progress.found.total())
    return found


async def _round(runtime: Runtime, progress: _Progress) -> tuple[list[Violation], bool]:
    """What some steps found, and whether no job is left."""
    found: list[Violation] = []
    stops_at = monotonic() + _ROUND_SECONDS
    while True:
        async with runtime.db.snapshot(across=True) as conn:
            if progress.walk is None:
                job_id = await reading.next_job(conn, after=progress.after_job)
                if job_id is None:
                    return found, True
                progress.walk = Walk(job_id)
            more, job_ended = await verify_chains.follow(conn, progress.walk)
        found += more
        if job_ended:
            progress.after_job, progress.walk = progress.walk.job_id, None
        if monotonic() >= stops_at or runtime.stopping.is_set():
            return found, False
        if runtime.is_at_work():
            await asyncio.sleep(_YIELDS_SECONDS)


async def _record(runtime: Runtime, last: Check, progress: _Progress, *, ended: bool) -> None:
    """Keep how far the walk has come, and what is known to be broken.

    What the last walk found counts until this one has ended. Where it found something the next one
    begins at once, so that what was mended is soon seen to be.
    """
    rests = ended and not progress.found
    async with runtime.db.write() as conn:
        if ended:
            began_at = dt.datetime.fromisoformat(progress.began_at)
            await last_check.record(conn, began_at, progress.found, Checked.CHAINS)
        else:
            known = Counter(last.violations) | progress.found
            await last_check.record(
                conn, last.checked_at, known, Checked.CHAINS, progress=progress.document()
            )
        seconds = _REST_SECONDS if rests else _PAUSE_SECONDS
        await last_check.put_off(conn, Checked.CHAINS, seconds=seconds)
