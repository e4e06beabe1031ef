"""Kills servers with -9 at random while a job runs, and counts what had to be claimed again."""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import sqlalchemy as sa
from crash.processes import Server, Town

from app.db.core.engine import Database

# A claim of a refund leaves one row, its outcome another: a claim with no outcome that a later
# claim follows is a row that was claimed again. This is the one look into our own database, and
# decides nothing but whether a run means much.
CLAIMED_AGAIN = sa.text(
    "SELECT count(*) FROM ("
    "SELECT count(*) AS rows, epoch, max(epoch) OVER (PARTITION BY refund_id) AS last"
    " FROM refund_history GROUP BY refund_id, epoch) AS claims"
    " WHERE rows = 1 AND epoch > 0 AND epoch < last"
)


def claimed_again(database_url: str) -> int:
    async def count() -> int:
        db = Database(database_url)
        async with db.read() as conn:
            found = (await conn.execute(CLAIMED_AGAIN)).scalar_one()
        await db.close()
        return found

    return asyncio.run(count())


@dataclass(slots=True)
class Killer:
    """Kills one of the servers every `pause` seconds or so, until there were enough.

    It starts another in its place.
    """

    enough: int
    pause: tuple[float, float]
    dice: random.Random = field(default_factory=lambda: random.Random(20261122))
    kills: int = 0

    def kill(self, servers: list[Server], again) -> None:
        time.sleep(self.dice.uniform(*self.pause))
        number = self.dice.randrange(len(servers))
        servers[number].kill()
        servers[number] = again()
        self.kills += 1

    def kill_until_finished(
        self, town: Town, job_id: str, servers: list[Server], again, *, seconds: float
    ) -> None:
        """Kill while the job runs; the last time is left to whoever lives."""
        deadline = time.monotonic() + seconds
        while self.kills < self.enough and not finished(town, job_id):
            assert time.monotonic() < deadline, (
                f"after {self.kills} kills: {town.effects()} effects"
            )
            self.kill(servers, again)
        town.wait_for(job_id, max(deadline - time.monotonic(), 1))


def finished(town: Town, job_id: str) -> bool:
    """Whether the job has ended, as far as an API that may be dead can tell."""
    with suppress(httpx.TransportError):
        return town.finished(job_id)
    return False
