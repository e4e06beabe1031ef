"""A business has one check at a time over all processes, and a dead one blocks it for a lease.

The judge is which reads came to the payment service, and what the other process was answered.
"""

import asyncio
import contextlib
import uuid

import httpx
import sqlalchemy as sa
from worlds.checks import PATH, SSE, Payments, another_process, asking, booked, events
from worlds.patience import PATIENCE_SECONDS, eventually

from app.db.access import plan_checks
from app.db.core.dialect import later
from app.db.tables import plan_checks as leases
from app.serving import served

LEASE_SECONDS = 6.0  # a loaded machine renews in time


@contextlib.asynccontextmanager
async def two_processes(studio, payments, **settings):
    """A caller of each; what the first is answered can be read while it is written."""
    async with (
        asking(studio, payments, concurrency=4, **settings) as runtime,
        served(studio.http._transport.app) as address,
        httpx.AsyncClient(
            base_url=address,
            headers={"Authorization": f"Bearer {studio.key}"},
            trust_env=False,
            verify=False,
            timeout=PATIENCE_SECONDS,
        ) as first,
        another_process(studio, runtime) as second,
    ):
        yield first, second


def begins(http, studio):
    """Has a check begin: an answer to read."""
    return http.stream("POST", PATH, json=studio.body(), headers=SSE)


async def is_let_in(http, studio):
    answer = await http.post(PATH, json=studio.body())
    return answer.status_code == 200


async def lease_of(studio):
    async with studio.db.read() as conn:
        return (await conn.execute(sa.select(leases))).one_or_none()


async def test_while_one_process_checks_another_is_refused_and_may_begin_when_it_has_ended(studio):
    await booked(studio, 4)
    payments = Payments()
    payments.answers_until(1)
    async with (
        two_processes(studio, payments) as (first, second),
        begins(first, studio) as answer,
    ):
        assert answer.status_code == 200
        refused = await second.post(PATH, json=studio.body())
        assert refused.status_code == 409
        assert refused.json()["type"] == "/problems/check-under-way"
        payments.goes_on.set()
        assert [name async for name, _ in events(answer)][-1] == "done"
        # Who has its end may begin another at once, wherever.
        assert await is_let_in(second, studio)
    assert await lease_of(studio) is None
    assert set(payments.asked.values()) == {2}


async def test_of_many_that_begin_at_once_in_two_processes_one_is_let_in(studio):
    await booked(studio, 2)
    payments = Payments()
    payments.answers_until(0)

    async def tried(http):
        answer = await http.post(PATH, json=studio.body(), headers={"Accept": "application/json"})
        return answer.status_code

    async with two_processes(studio, payments) as both:
        tries = [asyncio.create_task(tried(both[n % 2])) for n in range(6)]
        await eventually(lambda: sum(one.done() for one in tries) == 5)
        payments.goes_on.set()
        assert sorted(await asyncio.gather(*tries)) == [200] + [409] * 5
    assert set(payments.asked.values()) == {1}


async def test_a_process_that_died_blocks_the_next_check_until_its_lease_is_over(studio):
    await booked(studio, 2)
    async with studio.db.write() as conn:
        died = str(uuid.uuid4())
        assert await plan_checks.claim(conn, "studio", died, lease_seconds=3600)
    payments = Payments()
    async with two_processes(studio, payments) as (_, second):
        assert not await is_let_in(second, studio)
        assert not payments.asked
        async with studio.db.write() as conn:
            await conn.execute(sa.update(leases).values(leased_until=later(-0.001)))
        assert await is_let_in(second, studio)


async def test_a_check_that_takes_longer_than_a_lease_keeps_it(studio):
    await booked(studio, 2)
    payments = Payments()
    payments.answers_until(0)
    async with (
        two_processes(studio, payments, lease_seconds=LEASE_SECONDS) as (first, second),
        begins(first, studio) as answer,
    ):
        begun = (await lease_of(studio)).leased_until

        async def is_longer():
            return (await lease_of(studio)).leased_until > begun + 2 * (later_than - begun)

        later_than = begun
        while later_than == begun:  # the first renewal
            later_than = (await lease_of(studio)).leased_until
            await asyncio.sleep(0.05)
        await eventually(is_longer)
        assert not await is_let_in(second, studio)
        payments.goes_on.set()
        assert [name async for name, _ in events(answer)][-1] == "done"


async def test_who_has_lost_its_lease_asks_no_more_and_ends_without_done(studio):
    await booked(studio, 6)
    payments = Payments()
    payments.answers_until(1)
    async with (
        two_processes(studio, payments, lease_seconds=LEASE_SECONDS, check_seconds=20.0) as (
            first,
            _,
        ),
        begins(first, studio) as answer,
    ):
        async with studio.db.write() as conn:
            other = {"checker": str(uuid.uuid4()), "leased_until": later(3600)}
            await conn.execute(sa.update(leases).values(other))
        assert "done" not in [name async for name, _ in events(answer)]
        payments.goes_on.set()
    assert sum(payments.asked.values()) == 2
    assert (await lease_of(studio)).checker == other["checker"]
