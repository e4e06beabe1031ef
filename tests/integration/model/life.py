"""One run's life: a business, its upstream, workers and watch, and what takes several of them."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import cycle

from integration.model.books import Books, Deed, Look
from integration.model.desk import CLAIMED, ENDED, SESSIONS, Desk, Row
from integration.model.rules import Watch
from integration.model.workers import Crew, Held

from app.cancellation import amend
from app.cancellation.amend import Retried
from app.config.settings import Settings
from app.db.core.engine import Database
from app.domain.nouns.administration import COMMAND
from app.gateways.outcomes import UpstreamMethod
from app.queue import LocalQueue
from app.refunds.runtime import Runtime
from app.refunds.settle import settle_job
from app.refunds.verify import verify

_LONGER_THAN_ANY_PAUSE = 400
_ROUNDS = 20
_NEVER = 1e9
_ALL_WELL = ((Deed.DONE, Look.TRUE),)


class Death(StrEnum):
    """Where a worker dies in its turn."""

    NEVER = "never"
    BEGUN = "the job is running, and not all of its refunds are written"
    CLAIMED = "refunds are claimed, and no call made"
    CALLING = "some calls are made"
    CALLED = "all calls are made, and nothing is recorded"
    RECORDING = "some outcomes are recorded"
    RECORDED = "all are recorded, and the job is not settled"


class Life:
    """A business and all that works on it."""

    def __init__(self, db: Database, desk: Desk, books: Books) -> None:
        self.db = db
        self.desk = desk
        self.books = books
        self.crew = Crew(db, desk, books)
        self.watch = Watch(desk, books)
        self.jobs: list[str] = []
        self.runtime = Runtime(db, LocalQueue(), {}, Settings())

    def unexpanded(self) -> list[str]:
        """Jobs that have not all their refund rows."""
        jobs = self.desk.jobs()
        return [
            one
            for one in self.jobs
            if jobs[one]["expanded_sessions"] < jobs[one]["accepted_sessions"]
        ]

    def unfinished(self) -> list[str]:
        """Jobs that a sweep would find, now or later."""
        jobs = self.desk.jobs()
        return [one for one in self.jobs if jobs[one]["due_at"] is not None]

    async def begin(self, job_id: str, at_most: int) -> None:
        """Start a job that may start, and write the refunds of some of its sessions."""
        if await self.crew.begin(job_id):
            await self.crew.expand(job_id, at_most)

    async def slice(
        self, job_id: str, drawn: Sequence[tuple[Deed, Look]], dies: Death = Death.NEVER
    ) -> float | None:
        """A worker's turn: what is drawn becomes of its calls, which are made one after the other.

        Where it dies, all it had in hand is left as it is.
        """
        await self.begin(job_id, 1 if dies is Death.BEGUN else SESSIONS)
        if dies is Death.BEGUN:
            return None
        group = []
        for method in UpstreamMethod:
            group += await self.crew.claim(job_id, method, SESSIONS)
        for held, (deed, look) in zip(group[: _made(dies, group)], cycle(drawn), strict=False):
            await self.crew.act(held, deed, look)
        if recorded := group[: _recorded(dies, group)]:
            await self.record(recorded)
        return await self.settle(job_id) if dies is Death.NEVER else None

    async def record(self, group: list[Held]) -> None:
        """Write what these workers of one job heard.

        Exactly what the fence lets through must change.
        """
        rows = {row["id"]: row for row in self.desk.refunds()}
        due = {held.claimed.id for held in group if _lets_through(rows[held.claimed.id], held)}
        changed = set(await self.crew.record(group))
        assert changed == due, (
            f"{[rows[held.claimed.id] for held in group]} changed: {changed}, not {due}"
        )

    async def settle(self, job_id: str) -> float | None:
        """Settle the job: it ends if nothing of it is open, and not before."""
        due_in = await settle_job(self.runtime, job_id)
        job = self.desk.jobs()[job_id]
        if job["status"] in ("held", "withdrawn"):
            assert due_in is None
            return None
        rows = [row for row in self.desk.refunds() if row["job_id"] == job_id]
        is_open = job["expanded_sessions"] < job["accepted_sessions"] or any(
            row["due_at"] for row in rows
        )
        assert (due_in is not None) == is_open, (job, rows, due_in)
        assert (job["status"] in ENDED) != is_open, (job, rows)
        return due_in

    async def verify(self, overdue_seconds: float = _NEVER) -> None:
        """What an operator would be told is nothing."""
        assert await verify(self.db, self.desk.business_id, overdue_seconds=overdue_seconds) == []

    async def comes_to_rest(self) -> None:
        """All is well from now on, and every line is returned.

        Machines end all they can, and people ask for the rest.
        """
        await self._rests()
        for _ in range(_ROUNDS):
            left = {row["job_id"] for row in self.watch.retriable()}
            for job_id in sorted(left):
                # By their names: disputed ones are tried again no other way.
                named = Retried(
                    tuple(row["id"] for row in self.watch.retriable() if row["job_id"] == job_id)
                )
                queue, business_id = LocalQueue(), self.desk.business_id
                await amend.retry(self.db, queue, business_id, job_id, actor=COMMAND, retried=named)
                self.watch.look()
            if not left:
                break
            await self._rests()
        for row in self.watch.rows.values():
            self._is_settled(row)

    async def _rests(self) -> None:
        for entry in self.books.pending():
            entry.status = "succeeded"
        for _ in range(_ROUNDS):
            await self.crew.pass_time(_LONGER_THAN_ANY_PAUSE)
            going_on = self.unfinished()
            for job_id in going_on:
                await self.slice(job_id, _ALL_WELL)
            self.watch.look()
            if not going_on:
                return
        raise AssertionError(f"never comes to rest: {self.watch.rows}")

    def _is_settled(self, row: Row) -> None:
        effects = self.books.effects(row["id"])
        match row["status"]:
            case "succeeded":
                assert len(effects) == 1, (row, effects)
            case "skipped" if row["failure_code"] == "already_refunded_elsewhere":
                subject = row["payment_id"] or row["account_id"]
                assert subject in self.books.refunded_elsewhere, row
                assert not effects, (row, effects)
            case "skipped":
                assert row["method"] == "none" or row["failure_code"] == "withdrawn", row
            case status:
                assert status == "resolved", (
                    f"{row} is not settled, and the upstream is well: {self.books.of(row['id'])}"
                )


def _made(dies: Death, group: Sequence[Held]) -> int:
    """How many of its calls a worker makes that dies there."""
    if dies is Death.CLAIMED:
        return 0
    return len(group) // 2 if dies is Death.CALLING else len(group)


def _recorded(dies: Death, group: Sequence[Held]) -> int:
    """How many of its outcomes it records."""
    if dies in {Death.NEVER, Death.RECORDED}:
        return len(group)
    return len(group) // 2 if dies is Death.RECORDING else 0


def _lets_through(row: Row, held: Held) -> bool:
    if held.verdict.definitive:
        is_known = row["followed"] and row["status"] == "indeterminate"
        return row["status"] not in ("succeeded", "resolved") and not is_known
    still_its_own = row["epoch"] == held.claimed.epoch
    return still_its_own and row["status"] in CLAIMED and row["due_at"] is not None
