"""How processes come to fault points in a job with terms, where refusals are followed by legs.

The judge makes whatever it is asked for, as often as it is asked, and counts nothing of it: only
our side keeps a line from moving twice. It still refuses what stands so: a payment that is too old
to it, one that was never captured, one of which somebody else has returned a part.
"""

import asyncio
from typing import Any, ClassVar, Final, Self

import httpx
import sqlalchemy as sa
from crash.fault_scenes import LATENCY_SECONDS, Case, Scene
from crash.leg_week import KINDS as ALL_KINDS
from crash.leg_week import (
    LADDER,
    LegWeek,
    assert_audit_tells_the_legs,
    assert_legs_once,
    leg_week,
)
from crash.processes import Server, Town
from crash.week import audit_rows

from app.db.core.engine import Database
from app.fault_points import Call, Step
from app.refunds.verify import verify

HARD: Final = {"ignore_keys": True, "forget_keys": True, "forget_amounts": True}
# Points that only a job with terms comes to.
OF_LEGS: Final = (Step.NEXT_LEG, Call.READ_PAYMENT)
# The one look into our own database: what the dead process has left there. It decides nothing but
# whether a refusal and the leg after it are one commit.
_LEFT: Final = sa.text(
    "SELECT coalesce(sum(CASE WHEN followed THEN 1 ELSE 0 END), 0),"
    " coalesce(sum(CASE WHEN leg > 1 THEN 1 ELSE 0 END), 0) FROM refunds"
)


class LegScene(Scene):
    """A town in which one case is played with terms."""

    __slots__ = ()
    made: LegWeek
    hard: ClassVar[dict[str, bool]] = HARD
    asked: ClassVar[dict[str, Any]] = {"terms": LADDER}

    @classmethod
    def build(cls, town: Town, case: Case, *, has_workers: bool) -> Self:
        """The scene, with its week imported, and its payments as they stand."""
        made = leg_week(case.bookings, kinds=case.kinds or ALL_KINDS)
        town.settle_in(made)
        asyncio.run(_stand(made, town.sandbox_url))
        return cls(town, made, case, has_workers)

    @property
    def switches(self) -> dict[str, Any]:
        """What the upstreams do until the process has ended.

        Not every call is lost: a refusal must be heard before a leg can follow.
        """
        late = self.hard | {"latency_seconds": LATENCY_SECONDS}
        if not self.case.done:
            return late | {"drop_before": 0.5}
        return late | ({"drop_after": 1} if self.case.point.startswith("look_up") else {})

    def set_faults(self, **switches: Any) -> None:
        """The same, and the credits service has no account for who is gone."""
        refused = {"refuse_ids": self.made.refusals(), "seed": 2}
        self.town.faults_of(payments=switches, credits=switches | refused)

    def has_ended(self, server: Server) -> None:
        """The process has ended, and no refusal is without its leg."""
        super().has_ended(server)
        followed, following, broken = asyncio.run(_left_behind(self.town.database_url))
        assert not broken, broken
        assert followed == following
        point = self.case.point
        if point.startswith(Step.NEXT_LEG) and self.case.at == 1:
            assert (followed > 0) is point.endswith(".committed")

    def judge(self, jobs: list[str]) -> None:
        """By the books of all forms each line moved as it must, and the audit tells the same."""
        is_whole = all(line.due is not None for line in self.made.owed)
        for job_id in jobs:
            ended = self.town.wait_for(job_id)["status"]
            assert ended == ("completed" if is_whole else "completed_with_failures")
        books = self.town.books()
        assert_legs_once(books, self.made.owed)
        rows = [row for job_id in jobs for row in audit_rows(self.town.audit(job_id))]
        assert_audit_tells_the_legs(books, rows, self.made.owed)


async def _stand(made: LegWeek, sandbox_url: str) -> None:
    async with httpx.AsyncClient(base_url=sandbox_url, trust_env=False, verify=False) as sandbox:
        await made.stand(sandbox)


async def _left_behind(database_url: str) -> tuple[int, int, list[Any]]:
    db = Database(database_url)
    try:
        async with db.read() as conn:
            followed, following = (await conn.execute(_LEFT)).one()
        return followed, following, await verify(db)
    finally:
        await db.close()
