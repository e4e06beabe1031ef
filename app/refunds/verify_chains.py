"""Checks the chain of each job: whatever was changed behind it in the database is found.

Each link is hashed anew, from the rows of the refunds' history and from what of the refunds never
changes. A database that was set back as a whole is at one with itself: only the end of a chain that
was handed out before finds that (`compare`).
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.engine import Database
from app.db.evidence import reading
from app.db.evidence.links import OF_HISTORY
from app.db.evidence.reading import ChainedJob, Link
from app.domain.chain import link_hash
from app.domain.nouns.deeds import DeedKind
from app.domain.statuses import JobStatus
from app.refunds.verify import Violation

HANDED_OUT: Final = "chain-handed-out"
_STATUS: Final = OF_HISTORY.index("status")
RULES: Final = {
    "chain": "Each link's hash is that of the one before, of its facts and of the rows it names.",
    "chain-end": "A job's chain has all its links, and ends with the last.",
    "chain-left-out": "Each outcome of a job with a chain is in a link.",
    "chain-job": "A job is what its chain says: who asked, what it returns, how it ended.",
    HANDED_OUT: "A chain goes on from each end of it that was handed out.",
}
# How a job stands after each deed that ends it.
_ENDS: Final = {
    DeedKind.WITHDRAWN: JobStatus.WITHDRAWN,
    DeedKind.REFUSED: JobStatus.REFUSED,
    DeedKind.EXPIRED: JobStatus.REFUSED,
}


@dataclass(frozen=True, slots=True)
class HandedOut:
    """The end of a job's chain as somebody outside has kept it."""

    job_id: str
    links: int
    link: str


@dataclass(slots=True)
class Walk:
    """What is known of a job's chain as far as it was followed."""

    job_id: str
    number: int = 0
    hash: str = ""
    outcomes: int = 0  # rows of the history in it that only a link's deed writes
    said: dict[str, Any] = field(default_factory=dict)  # the last word on each fact of the job


async def verify(db: Database, business_id: str | None = None) -> list[Violation]:
    """What is wrong with the chains of a business's jobs, or (None) of all. Empty: all is well."""
    found: list[Violation] = []
    async for job in _jobs(db, business_id):
        # Of one job: it may have gone on since it was found.
        async with db.snapshot(across=True) as conn:
            found += await _verify_job(conn, job)
    return found


async def follow(conn: AsyncConnection, walk: Walk) -> tuple[list[Violation], bool]:
    """Follow a job's chain by some links; what is wrong there, and whether that was the end.

    `walk` goes on from them. Of one snapshot: at the end all of the job is compared with it.
    """
    page = await reading.links_after(conn, walk.job_id, walk.number)
    rows = await reading.rows_of(conn, page)
    broken = [link.number for link in page if not _follow(walk, link, rows)]
    found = [_violation("chain", walk.job_id, number) for number in broken]
    if len(page) == reading.LINKS_AT_ONCE:
        return found, False
    return found + await _end(conn, walk), True


async def compare(db: Database, handed_out: Sequence[HandedOut]) -> list[Violation]:
    """Which of these ends of chains no chain has, or has otherwise."""
    async with db.snapshot(across=True) as conn:
        return [
            _violation(HANDED_OUT, one.job_id, one.links)
            for one in handed_out
            if await reading.hash_of(conn, one.job_id, one.links) != one.link
        ]


async def _jobs(db: Database, business_id: str | None) -> AsyncIterator[str]:
    after: str | None = None
    while True:
        async with db.read(across=True) as conn:
            page = await reading.jobs_with_chains(conn, business_id, after=after)
        if not page:
            return
        for job_id in page:
            yield job_id
        after = page[-1]


async def _verify_job(conn: AsyncConnection, job_id: str) -> list[Violation]:
    walk, found, ended = Walk(job_id), list[Violation](), False
    while not ended:
        more, ended = await follow(conn, walk)
        found += more
    return found


async def _end(conn: AsyncConnection, walk: Walk) -> list[Violation]:
    """What is wrong with the job, or with the end of its chain, which was followed to there."""
    job_id, found = walk.job_id, list[Violation]()
    job = await reading.chained_job(conn, job_id)
    if job is None or (job.links, job.head) != (walk.number, walk.hash):
        found.append(_violation("chain-end", job_id, walk.number))
    if job is not None:
        if await reading.count_outcomes(conn, job_id) != walk.outcomes:
            found.append(_violation("chain-left-out", job_id, walk.outcomes))
        found += [_violation("chain-job", job_id, what) for what in _differences(job, walk)]
    return found


def _follow(walk: Walk, link: Link, rows: reading.Rows) -> bool:
    """Whether the link is what it says, after those before it; the walk goes on from it."""
    before, number = walk.hash, walk.number
    walk.number, walk.hash = link.number, link.hash
    try:
        facts = orjson.loads(link.facts)
        kind = DeedKind(facts["kind"])
    except (ValueError, KeyError, TypeError):
        return False  # no words of ours: a link's hash would not be of them either
    present = [rows[id_] for id_ in reading.ids_of(link) if id_ in rows]
    hashed = link_hash(before, link.facts, present)
    follows = link.number == number + 1 and hashed == link.hash
    walk.outcomes += sum(row[_STATUS] in reading.BY_A_DEED for row in present)
    if kind is DeedKind.ACCEPTED:
        walk.said["requested_by"] = facts.get("actor")
    if kind in _ENDS:
        walk.said["status"] = _ENDS[kind].value
    elif "status" in facts:
        walk.said["status"] = facts["status"]
    if "totals" in facts:
        walk.said["totals"] = facts["totals"]
    return follows


def _differences(job: ChainedJob, walk: Walk) -> Iterator[str]:
    if job.requested_by != walk.said.get("requested_by"):
        yield "requested_by"
    if job.totals != walk.said.get("totals"):
        yield "totals"
    if job.has_ended and job.status != walk.said.get("status"):
        yield "status"


def _violation(code: str, job_id: str, row: int | str) -> Violation:
    return Violation(code, RULES[code], job_id, str(row))
