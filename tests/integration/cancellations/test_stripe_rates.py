"""Stripe counts an account's calls, so all workers together keep to its rate.

The judge is when calls came to it.
"""

import asyncio
import datetime as dt
import json
import time
from collections import Counter, defaultdict
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from starlette.responses import JSONResponse
from worlds.stripe import StripeApi, form_of, page_of, refund_of

from app.auth.keys import Scope, create_key
from app.cancellation import accept
from app.cancellation.request import Request
from app.config.settings import Settings
from app.db import tables
from app.db.access import stripe_accounts
from app.db.access.businesses import create as create_business
from app.db.access.stripe_accounts import StripeAccount
from app.db.core.dialect import later, now
from app.db.core.engine import Database
from app.db.refunds import rate_limits
from app.db.refunds.rate_limits import BURST_SECONDS
from app.domain.nouns.administration import COMMAND
from app.gateways.outcomes import UpstreamMethod
from app.queue import LocalQueue
from app.refunds import rate_limit
from app.refunds.runtime import Runtime, gateways
from app.refunds.slices.run import run_slice
from app.schedule.load import import_file
from app.serving import served

RATE = 25.0
ONE, OTHER = "acct_1One", "acct_1Other"
SECONDS = 5.0


class Stripe(StripeApi):
    """Answers at once, unless told to wait; remembers when which call came for which account."""

    def __init__(self):
        self.came = defaultdict(list)
        self.methods = defaultdict(Counter)
        self.refunded_by_somebody_else = set()  # accounts whose payments all are
        self.answers = asyncio.Event()  # it does
        self.answers.set()

    def note(self, request):
        account = request.headers.get("stripe-account", "platform")
        self.came[account].append(time.monotonic())
        self.methods[account][request.method] += 1
        return account

    async def create(self, request):
        account = self.note(request)
        if request.headers["content-type"] == "application/json":  # by our own contract
            return JSONResponse({"id": "rf_1", "status": "succeeded"})
        form = await form_of(request)
        await self.answers.wait()
        if account in self.refunded_by_somebody_else:
            error = {
                "type": "invalid_request_error",
                "code": "charge_already_refunded",
                "message": "It is.",
            }
            return JSONResponse({"error": error}, 400)
        refund = refund_of(form, f"re_{form['payment_intent']}", currency="eur")
        return JSONResponse(refund)

    async def listed(self, request):
        self.note(request)
        return page_of([])

    def most_within(self, account, seconds):
        """The most calls that came within any so many seconds."""
        came = self.came[account]
        return max(sum(at <= other < at + seconds for other in came) for at in came)


class Counting(Database):
    """A database that counts its writing transactions."""

    writes = 0

    @asynccontextmanager
    async def write(self, step=None):
        self.writes += 1
        async with super().write(step) as conn:
            yield conn


@pytest.fixture
async def peer():
    stripe = Stripe()
    async with served(stripe.app()) as address:
        stripe.address = address
        yield stripe


@pytest.fixture
async def worker(database_url, peer):
    """Make workers, each with its own database handle and upstream pools: `worker(**settings)`."""
    made = []

    def make(*, path="", **changes):
        named = {"payments_provider": "stripe", "payments_token": "sk_test_1", "concurrency": 16}
        settings = Settings(**named | changes)
        calls = gateways(
            settings, payments_url=peer.address + path, credits_url="http://127.0.0.1:1"
        )
        made.append(Runtime(Counting(database_url), LocalQueue(), calls, settings))
        return made[-1]

    yield make
    for runtime in made:
        await runtime.aclose()
        await runtime.db.close()


async def cancelled(db, business, account, refunds):
    """A business at an account with so many payments of a day, all of it cancelled.

    Gives the job's id.
    """
    async with db.write() as conn:
        await create_business(conn, business, name=business, timezone="UTC", currency="EUR")
        await stripe_accounts.put(conn, business, StripeAccount(account))
    await create_key(db, business, "desk", Scope)
    hour = {"starts_at": "2027-01-04T09:00:00Z", "ends_at": "2027-01-04T10:00:00Z"}
    records = [
        {"type": "client", "id": "c", "name": "Kim"},
        {"type": "session", "id": "s", "name": "Yoga"} | hour,
        *(
            {
                "type": "booking",
                "id": f"b{number}",
                "session_id": "s",
                "client_id": "c",
                "status": "booked",
                "payments": [
                    {
                        "method": "payment",
                        "payment_id": f"pi_{business}_{number}",
                        "amount_minor": 100,
                        "currency": "EUR",
                    }
                ],
            }
            for number in range(refunds)
        ),
    ]
    report = await import_file(db, business, [json.dumps(record).encode() for record in records])
    assert not report.errors, report.first_errors
    day = dt.date(2027, 1, 4)
    named = {
        "business_id": business,
        "timezone": "UTC",
        "requested_by": COMMAND,
        "idempotency_key": "k",
    }
    accepted = await accept.accept(db, LocalQueue(), **named, request=Request(day, day, "all"))
    return accepted.job.id


async def keep_running(runtime, job_id, until):
    while (left := until - time.monotonic()) > 0:
        await run_slice(runtime, job_id, seconds=min(left, 2.0))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_workers_share_an_account_s_whole_rate_and_another_account_has_its_own(
    db, worker, peer
):
    jobs = [await cancelled(db, "one", ONE, 400), await cancelled(db, "other", OTHER, 400)]
    # So each refusal is looked up: that makes twice as many calls as are granted.
    peer.refunded_by_somebody_else = {OTHER}
    workers = [worker(), worker()]
    begun = time.monotonic()
    await asyncio.gather(
        *(keep_running(one, job, begun + SECONDS) for one in workers for job in jobs)
    )
    took = max(time.monotonic() - begun, SECONDS)
    told = {account: len(came) for account, came in peer.came.items()}
    print(f"\nin {took:.1f} s: {told} calls; {dict(peer.methods)}")
    burst = BURST_SECONDS * RATE
    # What is called for beyond what was granted is paid back a look later.
    beyond = {ONE: 0, OTHER: burst}
    for account in (ONE, OTHER):
        assert told[account] <= RATE * took + burst + beyond[account]
        assert told[account] >= 0.6 * RATE * SECONDS
        assert peer.most_within(account, 1.0) <= 2 * RATE + burst
    assert peer.methods[OTHER]["GET"] >= 0.4 * told[OTHER]


async def test_waiting_for_calls_claims_nothing_counts_no_attempt_and_asks_seldom(db, worker, peer):
    job_id = await cancelled(db, "one", ONE, 40)
    slow = worker(payments_calls_per_second=0.5)
    begun = time.monotonic()
    await run_slice(slow, job_id, seconds=3.0)
    assert slow.queue.take(2) == [job_id], "there is still something to do"
    assert time.monotonic() - begun >= 2.5, (
        "the slice waits, instead of ending to be run again at once"
    )
    took = time.monotonic() - begun
    calls = len(peer.came[ONE])
    assert 1 <= calls <= 2 + 0.5 * took
    assert slow.db.writes <= 8 * took
    async with db.read() as conn:
        columns = (tables.refunds.c.status, tables.refunds.c.attempts)
        found = Counter(map(tuple, await conn.execute(sa.select(*columns))))
    assert found == {("succeeded", 1): calls, ("pending", 0): 40 - calls}


async def test_where_nothing_is_due_the_slice_ends_and_the_calls_are_left_to_others(
    db, worker, peer
):
    job_id = await cancelled(db, "one", ONE, 5)
    begun = time.monotonic()
    assert await run_slice(worker(), job_id, seconds=120.0) is None
    assert time.monotonic() - begun < 60
    assert len(peer.came[ONE]) == 5
    async with db.read() as conn:
        left = await conn.scalar(sa.select(tables.rate_limits.c.calls))
    assert left >= BURST_SECONDS * RATE - 5


async def test_while_a_slice_only_waits_for_an_answer_the_calls_are_left_to_others(
    db, worker, peer
):
    job_id = await cancelled(db, "one", ONE, 3)
    peer.answers = asyncio.Event()
    waiting = asyncio.create_task(run_slice(worker(), job_id, seconds=5.0))
    seen = []
    for _ in range(15):
        await asyncio.sleep(0.1)
        async with db.read() as conn:
            seen.append(await conn.scalar(sa.select(tables.rate_limits.c.calls)) or 0.0)
    peer.answers.set()
    assert await waiting is None
    assert len(peer.came[ONE]) == 3
    assert sorted(seen)[7] >= 0.6 * BURST_SECONDS * RATE, "most of the time, nobody has them"


async def test_businesses_at_the_platform_s_account_share_its_rate_only_where_the_provider_says_so(
    worker,
):
    def accounts(method, provider):
        runtime = worker(payments_provider=provider)
        return {rate_limit.account_of(runtime, method, None, one) for one in ("one", "other")}

    assert accounts(UpstreamMethod.PAYMENT, "stripe") == {"platform"}
    assert accounts(UpstreamMethod.PAYMENT, "http") == {"business:one", "business:other"}
    assert accounts(UpstreamMethod.CREDIT, "stripe") == {"business:one", "business:other"}


async def test_calls_of_a_service_that_does_not_count_them_are_not_counted(db, worker, peer):
    runtime = worker(path="/v1", payments_provider="http")
    job_id = await cancelled(db, "one", ONE, 30)
    assert await run_slice(runtime, job_id, seconds=5.0) is None
    assert len(peer.came["platform"]) == 30
    async with db.read() as conn:
        assert (await conn.execute(sa.select(tables.rate_limits))).all() == []


# The row.


@pytest.fixture
def ask(db):
    async def ask(wanted, *, debt=0, account="a", per_second=10.0):
        async with db.write() as conn:
            return await rate_limits.take(
                conn, account, wanted=wanted, debt=debt, per_second=per_second
            )

    return ask


async def after(db, seconds):
    """As if so many seconds had passed."""
    async with db.write() as conn:
        await conn.execute(sa.update(tables.rate_limits).values(counted_at=later(-seconds)))


async def test_what_is_there_is_granted_and_no_more(db, ask):
    assert (await ask(3)).calls == 3
    await after(db, -15)  # no time has passed until the next is asked for
    assert (await ask(3)).calls == 2
    await after(db, -15)
    assert await ask(3) == (0, pytest.approx(0.1))
    await after(db, 3600)
    assert (await ask(99)).calls == 5, "half a second's is saved up, however long nobody called"


async def test_another_account_has_calls_of_its_own(ask):
    assert (await ask(9)).calls == 5
    assert (await ask(9, account="b")).calls == 5


async def test_what_is_owed_is_paid_before_more_is_granted_and_what_was_not_made_comes_back(
    db, ask
):
    assert (await ask(1, per_second=0.1)).calls == 1
    assert await ask(1, debt=3, per_second=0.1) == (0, pytest.approx(40, abs=2))
    await after(db, 30)
    assert await ask(1, per_second=0.1) == (0, pytest.approx(10, abs=2))
    await after(db, 10.5)
    assert (await ask(5, per_second=0.1)).calls == 1
    assert (await ask(5, debt=-1, per_second=0.1)).calls == 1
    await after(db, 3600)
    assert (await ask(5, debt=-3, per_second=0.1)).calls == 1, (
        "what comes back is no reason to save up more"
    )
    await after(db, 3600)
    assert (await ask(5, debt=1, per_second=0.1)).calls == 0, (
        "nor is what time has passed, to be owed nothing"
    )


async def test_a_rate_below_one_a_second_grants_single_calls(db, ask):
    assert (await ask(5, per_second=0.1)).calls == 1
    nothing = await ask(5, per_second=0.1)
    assert (nothing.calls, round(nothing.next_in_seconds)) == (0, 10)
    await after(db, 10.5)
    assert (await ask(5, per_second=0.1)).calls == 1


async def test_many_who_ask_at_once_are_granted_what_is_there_together(db, ask):
    granted = await asyncio.gather(*(ask(2, per_second=0.001) for _ in range(8)))
    assert sum(one.calls for one in granted) == 1
    begun = time.monotonic()
    granted = await asyncio.gather(*(ask(2, account="b", per_second=20.0) for _ in range(20)))
    assert 10 <= sum(one.calls for one in granted) <= 11 + 20 * (time.monotonic() - begun)


@pytest.mark.parametrize("seconds_ahead", [15, 3600])
async def test_no_time_is_counted_twice_and_a_clock_that_was_set_back_is_not_waited_for(
    db, ask, seconds_ahead
):
    assert (await ask(9)).calls == 5
    # Calls are counted by a statement that came later and waited less, or by another clock.
    await after(db, -seconds_ahead)
    assert (await ask(9)).calls == 0
    async with db.read() as conn:
        counted_at, clock = (
            await conn.execute(sa.select(tables.rate_limits.c.counted_at, now()))
        ).one()
    ahead = (counted_at - clock).total_seconds()
    assert 14 < ahead < 21 if db.is_postgresql else ahead <= 0


# The setting.


def test_stripe_is_called_25_times_a_second_and_others_as_often_as_they_take():
    named = {"payments_provider": "stripe", "payments_token": "sk_test_1"}
    assert Settings(**named).payments_calls_per_second == RATE
    assert Settings(**named, payments_calls_per_second=80).payments_calls_per_second == 80
    assert Settings().payments_calls_per_second is None
    assert Settings(payments_calls_per_second=5).payments_calls_per_second == 5
    for wrong in (0, -1):
        with pytest.raises(ValidationError):
            Settings(payments_calls_per_second=wrong)
