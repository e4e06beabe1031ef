"""A town that tells its clients through a relay, while all who send are killed again and again.

What must then be true of it, whichever relay it is. The judges are what the relay has kept, and the
upstream's books.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final

import pytest
import sqlalchemy as sa
from crash.processes import Server, Town, until
from crash.told_week import ToldWeek, assert_tells, booked, text_of, told_week
from worlds.opensmtpd import OpenSmtpd
from worlds.smtp_server import SmtpServer, Taken

from app.db.core.dialect import later
from app.db.core.engine import Database
from app.db.tables.messages import messages
from app.lanes.way import MAX_WINDOW

_SETTINGS: Final = {"mail_from": "bookings@studio.example", "log_level": "warning"}
_MAIL_SECONDS: Final = 20.0  # a busy machine is no lost answer
# More than a claim's lease, and less than any pause before another try.
_RETRY_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much, and how often there is a strike: seconds from and to after a mail."""

    clients: int
    rounds: int
    pause: tuple[float, float]


IN_SHORT: Final = Plan(60, rounds=8, pause=(0.0, 0.4))
LONG_SHORT: Final = Plan(500, rounds=20, pause=(0.0, 1.0))
FULL: Final = Plan(5_000, rounds=60, pause=(0.0, 2.0))


@dataclass(slots=True)
class Post:
    """A town and its relay; `start` starts all who send, dead or new."""

    town: Town
    relay: SmtpServer | OpenSmtpd
    start: Callable[[], list[Server]]
    senders: list[Server] = field(default_factory=list)
    kills: int = 0
    # How many places the relay had given when all who might have sent mails to it were dead.
    places_at_deaths: list[int] = field(default_factory=list)

    def kill_all(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Kill all who send, and start them anew; something may be done while nobody is there."""
        for one in self.senders:
            one.kill()
        self.kills += len(self.senders)
        until(self.relay.is_left)
        self.let_time_pass(0.0)
        self.places_at_deaths.append(self.relay.places())
        meanwhile()
        self.senders = self.start()

    def mails_go(self, job_id: str) -> bool:
        """Wait until one more is taken; False: all have been told.

        However many it refuses before that: patience is with each.
        """
        before = self.relay.places()

        def found(heard: int) -> str | None:
            if self.relay.places() > before:
                return "taken"
            if self.is_told(job_id):
                return "told"
            self.put_forward()
            return "heard" if self.relay.tries() > heard else None

        came = "heard"
        while came == "heard":
            came = until(partial(found, self.relay.tries()), pause=0.1)
        return came == "taken"

    def is_told(self, job_id: str) -> bool:
        return self.town.finished(job_id) and not self.counts(job_id)["pending"]

    def put_forward(self) -> None:
        """All that were put off are due now."""
        self.let_time_pass(_RETRY_SECONDS)

    def let_time_pass(self, than_seconds: float) -> None:
        """As if it were now when those messages are due that are due later than that.

        Of those that have been tried; with 0.0, nobody who claimed one may live.
        """

        async def pass_() -> None:
            db = Database(self.town.database_url)
            its = messages.c
            tried = sa.update(messages).where(
                its.facts.is_not(None), its.due_at > later(sa.literal(than_seconds, sa.Float))
            )
            async with db.write() as conn:
                await conn.execute(tried.values(due_at=later(sa.literal(-1.0, sa.Float))))
            await db.close()

        asyncio.run(pass_())

    def counts(self, job_id: str) -> dict[str, int]:
        answer = self.town.call("GET", f"/{job_id}/messages/counts")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_until_told(self, job_id: str) -> None:
        while self.mails_go(job_id):
            pass

    def settle_in(self, made: ToldWeek) -> None:
        """Import the week, and start all that is needed; none of the senders is there before."""
        self.town.settle_in(made.week)
        if self.town.settings.get("redis_url"):
            self.town.api()
        self.senders = self.start()


@contextmanager
def post_by(
    relay: SmtpServer | OpenSmtpd,
    found_towns: Callable[..., Town],
    database_url: str,
    request: pytest.FixtureRequest,
) -> Iterator[Post]:
    """Embedded over SQLite; an API and two workers over PostgreSQL and Redis."""
    is_embedded = database_url.startswith("sqlite")
    settings: dict[str, Any] = _SETTINGS | {"smtp_timeout_seconds": _MAIL_SECONDS}
    if not is_embedded:
        settings["redis_url"] = request.getfixturevalue("redis_url")
    town = found_towns(database_url, smtp_url=relay.url, **settings)
    start = (lambda: [town.api()]) if is_embedded else (lambda: [town.worker() for _ in range(2)])
    yield Post(town, relay, start)


def told_under_strikes(
    post: Post, made: ToldWeek, plan: Plan, strike: Callable[[int, str], None]
) -> str:
    """Cancel the week and have all told, with a strike after each of so many mails; the job.

    A strike is told its number and the job.
    """
    town, dice = post.town, Random(20261129)
    refusals = dict.fromkeys(made.refused, "refund_window_expired")
    switches = {"latency_seconds": 0.05}
    town.faults_of(payments=switches | {"refuse_ids": refusals}, credits=switches)
    post.settle_in(made)
    job_id = town.cancel_all(messages={"clients": "email"})
    for number in range(plan.rounds):
        if not post.mails_go(job_id):
            break
        time.sleep(dice.uniform(*plan.pause))
        strike(number, job_id)
    post.wait_until_told(job_id)
    return job_id


def by_address(mails: Iterable[Taken]) -> dict[str, list[Taken]]:
    found: dict[str, list[Taken]] = defaultdict(list)
    for one in mails:
        found[one.recipient].append(one)
    return found


def assert_each_is_told_the_truth(kept: dict[int, Taken], post: Post, made: ToldWeek) -> None:
    """All clients have a mail, of one id, whose figures are the books'."""
    heard, books = by_address(kept.values()), booked(post.town.books(), made)
    assert heard.keys() == made.addresses
    wants = defaultdict(list)
    for subject, amount in made.refused.items():
        wants[made.owner[subject]].append(amount)
    for address, mails in heard.items():
        assert len({one.message_id for one in mails}) == 1, address
        (text,) = {text_of(one) for one in mails}
        assert_tells(text, books[address], wants[address])


def assert_copies_are_explained(kept: dict[int, Taken], post: Post) -> int:
    """Each copy follows a lost answer, or a kill shortly after the one before it; how many."""
    lost, before, copies = post.relay.lost_answers(), {}, 0
    at_once = MAX_WINDOW * len(post.senders)
    for place, one in kept.items():
        earlier = before.get(one.message_id)
        before[one.message_id] = place
        if earlier is None:
            continue
        copies += 1
        killed = any(death - at_once <= earlier < death for death in post.places_at_deaths)
        assert lost[earlier] or killed, f"mail {place} is {earlier} again, and nothing says why"
    assert copies <= lost.total() + post.kills * MAX_WINDOW
    return copies


def assert_told_again_once(kept: dict[int, Taken], post: Post, made: ToldWeek, job_id: str) -> None:
    """What was refused comes back after all: its clients hear so, once, and nobody else."""
    post.relay.faults()
    post.town.faults()
    ids = {one.message_id for one in kept.values()}
    assert post.town.call("POST", f"/{job_id}/retry").status_code in {200, 202}
    post.wait_until_told(job_id)
    books = booked(post.town.books(), made)
    again = [one for place, one in post.relay.placed().items() if place not in kept]
    assert Counter(one.recipient for one in again) == Counter(
        {made.owner[subject] for subject in made.refused}
    )
    for one in again:
        assert one.message_id not in ids
        assert_tells(text_of(one), books[one.recipient], [])


def all_hear_the_truth(post: Post, plan: Plan, strike: Callable[[int, str], None]) -> None:
    """The whole proof, of a town in which nobody has settled yet."""
    made, begun = told_week(plan.clients), time.monotonic()
    job_id = told_under_strikes(post, made, plan, strike)
    counts = post.counts(job_id)
    assert counts["sent"] == plan.clients, counts
    kept = post.relay.placed()
    assert_each_is_told_the_truth(kept, post, made)
    copies = assert_copies_are_explained(kept, post)
    assert_told_again_once(kept, post, made, job_id)
    assert copies, "no kill and no lost answer hit a mail"
    print(
        f"\n{plan.clients} clients, {post.kills} kills,"
        f" {post.relay.lost_answers().total()} lost answers:"
        f" {copies} copies, none lost, {time.monotonic() - begun:.0f} s"
    )
