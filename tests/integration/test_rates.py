"""An account's rate is one for all its workers, by a database row; a refusal stops nobody else."""

import asyncio
import datetime as dt
import time
from collections import Counter

import pytest
import sqlalchemy as sa
from worlds.patience import PATIENCE_SECONDS

from app.cancellation import accept
from app.cancellation.request import Request
from app.config.settings import Settings
from app.db.access import businesses
from app.db.core.dialect import later, now
from app.db.core.engine import Database
from app.db.tables import call_rates, refunds
from app.domain.nouns.administration import COMMAND
from app.gateways.outcomes import Absent, Indeterminate, Limit, Succeeded, Throttled, UpstreamMethod
from app.queue import LocalQueue
from app.refunds.pacing.pace import Account
from app.refunds.pacing.rate import Phase
from app.refunds.pacing.sharing import AccountRate
from app.refunds.rate_publisher import RatePublisher
from app.refunds.runtime import Runtime
from app.refunds.slices import run
from app.schedule.load import import_file

DAY = dt.date(2027, 1, 4)
CLIENT = '{"type":"client","id":"c","name":"Kim"}\n'
SESSION = (
    '{"type":"session","id":"s","name":"Yoga",'
    '"starts_at":"2027-01-04T09:00:00Z","ends_at":"2027-01-04T10:00:00Z"}\n'
)
BOOKING = (
    '{{"type":"booking","id":"b{n}","session_id":"s","client_id":"c","status":"booked",'
    '"payments":[{{"method":"payment","payment_id":"{paid}","amount_minor":100,"currency":"EUR"}}]}}\n'
)
CONCURRENCY = 4


class Peer:
    """A payments service in this process.

    `says` gives what it answers to an order, and the test holds its calls.
    """

    def __init__(self, says=lambda order: Succeeded(f"re_{order.refund_id}")):
        self.says = says
        self.sent, self.looked_up = Counter(), Counter()
        self.at_once, self.most_at_once = Counter(), Counter()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def refund(self, order):
        self.sent[order.payment_id] += 1
        self.at_once[order.payment_id] += 1
        self.most_at_once[order.payment_id] = max(
            self.most_at_once[order.payment_id], self.at_once[order.payment_id]
        )
        await asyncio.sleep(0)
        await self.goes_on.wait()
        self.at_once[order.payment_id] -= 1
        return self.says(order)

    async def look_up(self, order):
        self.looked_up[order.payment_id] += 1
        return Absent()

    async def aclose(self):
        pass


@pytest.fixture
async def job(database_url):
    """`job(peer, payments)`: a runtime whose payments service is that peer, and the id of a job.

    The job refunds these payments.
    """
    db = Database(database_url)
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")

    async def make(peer, payments, **settings):
        lines = [
            CLIENT,
            SESSION,
            *(BOOKING.format(n=n, paid=paid) for n, paid in enumerate(payments)),
        ]
        assert not (await import_file(db, "studio", [line.encode() for line in lines])).errors
        gateways = {UpstreamMethod.PAYMENT: peer, UpstreamMethod.CREDIT: peer}
        runtime = Runtime(db, LocalQueue(), gateways, Settings(concurrency=CONCURRENCY, **settings))
        named = {
            "business_id": "studio",
            "timezone": "UTC",
            "requested_by": COMMAND,
            "idempotency_key": "k",
        }
        accepted = await accept.accept(db, runtime.queue, **named, request=Request(DAY, DAY, "all"))
        return runtime, accepted.job.id

    yield make
    await db.close()


async def statuses(db):
    async with db.read() as conn:
        return Counter((await conn.execute(sa.select(refunds.c.status))).scalars())


async def until(holds):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - it asks what sets no event
            await asyncio.sleep(0.01)


# What a refusal stops.


@pytest.mark.parametrize("limit", Limit)
async def test_a_refund_that_is_put_off_for_long_keeps_no_other_waiting(limit, job):
    peer = Peer(
        lambda order: (
            Throttled(600.0, limit) if order.payment_id == "p7" else Succeeded(order.refund_id)
        )
    )
    runtime, job_id = await job(peer, [f"p{n}" for n in range(60)])
    due_in = await run.run_slice(runtime, job_id, seconds=PATIENCE_SECONDS)
    assert 600 - PATIENCE_SECONDS < due_in <= 601
    assert await statuses(runtime.db) == {"succeeded": 59, "pending": 1}
    assert peer.sent["p7"] == 1
    async with runtime.db.read() as conn:
        # While the rate is free nobody writes.
        assert await conn.scalar(sa.select(sa.func.count()).select_from(call_rates)) == 0


async def test_a_look_up_that_is_refused_is_no_trouble_of_the_upstream(job):
    class Busy(Peer):
        async def look_up(self, order):
            self.looked_up[order.payment_id] += 1
            return Indeterminate("look-up: HTTP 429", 600.0, Limit.RATE)

    peer = Busy(
        lambda order: (
            Indeterminate("HTTP 502") if int(order.payment_id[1:]) % 12 == 0 else Succeeded("re")
        )
    )
    settings = {
        "upstream_timeout_seconds": 0.2,
        "upstream_quiescence_seconds": 0,
        "lease_seconds": 5,
    }
    runtime, job_id = await job(peer, [f"p{n}" for n in range(60)], **settings)

    async def all_looked_up():
        await run.run_slice(runtime, job_id, seconds=0.3)
        return len(peer.looked_up) == 5

    await until(all_looked_up)
    assert await statuses(runtime.db) == {"succeeded": 55, "indeterminate": 5}
    async with runtime.db.read() as conn:
        assert await conn.scalar(sa.select(sa.func.max(refunds.c.attempts))) == 1


async def test_look_ups_are_made_while_every_send_hangs(job):
    peer = Peer()
    runtime, job_id = await job(peer, [f"p{n}" for n in range(40)])
    peer.goes_on.clear()
    slice_ = asyncio.create_task(run.run_slice(runtime, job_id, seconds=PATIENCE_SECONDS))

    async def all_hang():
        return sum(peer.sent.values()) == CONCURRENCY

    await until(all_hang)
    async with runtime.db.write() as conn:
        waiting = sa.select(refunds.c.id).where(refunds.c.status == "pending").limit(3)
        due = {"status": "indeterminate", "attempts": 1, "due_at": later(-1)}
        await conn.execute(sa.update(refunds).where(refunds.c.id.in_(waiting)).values(**due))

    async def all_looked_up():
        return len(peer.looked_up) == 3

    await until(all_looked_up)
    assert sum(peer.sent.values()) == CONCURRENCY  # they still do
    peer.goes_on.set()
    assert await slice_ is None
    assert await statuses(runtime.db) == {"succeeded": 40}
    assert set(peer.sent.values()) == {1}


async def test_one_payment_has_one_call_in_flight(job):
    peer = Peer()
    runtime, job_id = await job(peer, [f"p{n // 5}" for n in range(40)])
    assert await run.run_slice(runtime, job_id, seconds=PATIENCE_SECONDS) is None
    assert await statuses(runtime.db) == {"succeeded": 40}
    assert set(peer.most_at_once.values()) == {1}
    assert set(peer.sent.values()) == {5}


async def test_no_more_is_claimed_than_goes_in_half_a_second_of_the_pace(job):
    peer = Peer()
    runtime, job_id = await job(peer, [f"p{n}" for n in range(60)], slice_seconds=1)
    earlier = RatePublisher(runtime, "payment:business:studio", Account(AccountRate("earlier")))
    await earlier.begin()
    alarmed(earlier, per_second=10.0)
    await earlier.publish()
    peer.goes_on.clear()
    slice_ = asyncio.create_task(run.run_slice(runtime, job_id, seconds=1))

    async def some_went():
        return sum(peer.sent.values()) >= 2

    await until(some_went)
    claimed = (await statuses(runtime.db))["submitted"]
    peer.goes_on.set()
    await slice_
    assert claimed - 2 <= 5 + 2  # and what went, or was claimed, while we looked


# What workers publish for each other.


@pytest.fixture
async def workers(database_url):
    """Two publishers of one account, each of a process of its own."""
    runtimes = [Runtime(Database(database_url), LocalQueue(), {}, Settings()) for _ in range(2)]
    yield [
        RatePublisher(runtime, "payment:a", Account(AccountRate(f"w{n}")))
        for n, runtime in enumerate(runtimes)
    ]
    for runtime in runtimes:
        await runtime.db.close()


def alarmed(publisher, *, per_second):
    """Have a worker find that this is its account's rate."""
    account, at = publisher._account, time.monotonic() + publisher._account.ahead_seconds
    account.rate.rate.cruise(at, per_second)
    account.rate.rate.measured_at = at
    account.rate.wait(at)


async def test_a_rate_that_one_has_found_is_taken_up_by_the_next_and_shared(workers):
    one, other = workers
    await one.begin()
    alarmed(one, per_second=100.0)
    await one.publish()
    await other.begin()
    rates = [publisher._account.rate for publisher in workers]
    assert [rate.rate.phase for rate in rates] == [Phase.CRUISE] * 2
    at = time.monotonic() + other._account.ahead_seconds
    rates[1].wait(at)
    await other.publish()
    await one.publish()
    assert [rate.awake for rate in rates] == [2, 2]
    assert sum(rate.pace(at) for rate in rates) == pytest.approx(98.0)


async def test_of_two_who_find_a_rate_at_once_one_row_decides(workers):
    for publisher in workers:
        await publisher.begin()
    for publisher, per_second in zip(workers, (100.0, 40.0), strict=True):
        alarmed(publisher, per_second=per_second)
    await asyncio.gather(*(publisher.publish() for publisher in workers))
    for publisher in workers:
        publisher._account.rate.wait(time.monotonic() + publisher._account.ahead_seconds)
        await publisher.publish()
    found = {publisher._account.rate.rate.per_second for publisher in workers}
    assert len(found) == 1
    assert found < {100.0, 40.0}


async def test_who_finds_a_rate_when_another_is_at_one_already_goes_by_that(workers):
    for publisher, per_second in zip(workers, (100.0, 40.0), strict=True):
        await publisher.begin()
        alarmed(publisher, per_second=per_second)
    for publisher in workers:
        await publisher.publish()
    assert [publisher._account.rate.rate.per_second for publisher in workers] == [100.0, 100.0]


async def test_at_a_pace_it_is_seen_ten_times_a_second_whether_there_is_something_to_tell(workers):
    one, _ = workers
    await one.begin()
    assert one.every_seconds == 1.0
    alarmed(one, per_second=100.0)
    await one.publish()
    assert not one._account.rate.has_news
    assert one.every_seconds == 0.1


async def test_a_rate_is_kept_by_the_database_s_clock_and_forgotten_after_ten_minutes(workers):
    one, other = workers
    await one.begin()
    alarmed(one, per_second=100.0)
    await one.publish()
    db = other._runtime.db
    async with db.write() as conn:
        row = (await conn.execute(sa.select(call_rates))).mappings().one()
        apart = await conn.scalar(sa.select(now())) - row["told_at"]
        assert abs(apart.total_seconds()) < 60
        assert (row["phase"], row["per_second"]) == ("cruise", 100.0)
        await conn.execute(sa.update(call_rates).values(told_at=later(-601)))
    await other.begin()
    assert other._account.rate.is_free


async def test_who_goes_free_says_so_and_then_nobody_writes(workers):
    one, other = workers
    await one.begin()
    alarmed(one, per_second=100.0)
    await one.publish()
    await other.begin()
    one._account.rate.rate.go_free()
    assert one._account.rate.has_news
    await one.publish()
    await other.read()
    for publisher in workers:
        assert publisher._account.rate.is_free
        assert not publisher._account.rate.has_news
