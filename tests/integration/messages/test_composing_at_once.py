"""An outcome and a message that is being composed: what changes is in it, or in a next one.

Only PostgreSQL lets two transactions write at a time. They are held open by hand here, so that each
order of their commits is had on purpose.
"""

import asyncio

import pytest
import sqlalchemy as sa
from integration.messages.test_editions import lines_of
from worlds.patience import eventually

from app.db.messages import claims
from app.db.refunds import outcomes
from app.db.refunds.outcomes import Recorded
from app.db.tables import refunds
from app.domain.messages.facts import ToldFacts, ToldState
from app.domain.refund_update import RefundUpdate
from app.domain.statuses import RefundStatus

WAITING = sa.text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
BOTH_RETURNED = {
    ("card", ToldState.RETURNED, 2000, 0),
    ("yen", ToldState.RETURNED, 500, 0),
}


@pytest.fixture
def database_url(postgresql_url):
    return postgresql_url


@pytest.fixture
async def under_way(told, studio):
    """Kim's two refunds are with their upstream, and no message has been composed."""
    await studio.faults(pending=True)
    await told.cancel("yoga", "spin")
    await told.slice()
    assert "kim" not in await told.claim()
    return told


async def claim(conn):
    got = await claims.claim(conn, "studio", most=50, lease_seconds=60.0)
    return {one.addressee: ToldFacts.of(one.facts) for one in got.claimed}


async def succeed(conn, told, *booking_ids):
    """Write in this transaction that the refunds of these bookings have come back."""
    query = sa.select(refunds.c.id, refunds.c.epoch).where(
        refunds.c.job_id == told.job_id, refunds.c.booking_id.in_(booking_ids)
    )
    came = RefundUpdate(RefundStatus.SUCCEEDED, None, definitive=True, upstream_reference="up")
    rows = [Recorded(id_, epoch, came) for id_, epoch in (await conn.execute(query)).all()]
    changed = await outcomes.record(conn, told.job_id, rows, actor="worker", heartbeat_seconds=60.0)
    assert len(changed) == len(booking_ids)


async def succeed_and_commit(told, *booking_ids):
    async with told.db.write() as conn:
        await succeed(conn, told, *booking_ids)


async def waits_or_ends(told, task):
    """Until the task waits for a lock, or has waited for none."""

    async def found():
        async with told.db.read() as conn:
            return task.done() or await conn.scalar(WAITING) > 0

    await eventually(found)


async def facts_of(told):
    return {who: ToldFacts.of(one.facts) for who, one in (await told.claim()).items()}


async def test_an_outcome_that_commits_while_a_message_is_composed_is_told_by_a_next_one(
    under_way,
):
    told = under_way
    await told.let_time_be_up()
    async with told.db.write() as composing:
        first = (await claim(composing))["kim"]
        outcome = asyncio.create_task(succeed_and_commit(told, "card", "yen"))
        await waits_or_ends(told, outcome)
    await outcome
    assert {state for _, state, *_ in lines_of(first)} == {ToldState.UNDER_WAY}
    second = await facts_of(told)
    assert lines_of(second["kim"]) == BOTH_RETURNED
    assert await told.claim() == {}


async def test_a_message_is_not_composed_while_an_outcome_is_being_written(under_way):
    told = under_way
    await told.let_time_be_up()
    async with told.db.write() as outcome:
        await succeed(outcome, told, "card", "yen")
        async with told.db.write() as composing:
            assert "kim" not in await claim(composing)
    facts = await facts_of(told)
    assert lines_of(facts["kim"]) == BOTH_RETURNED
    assert len(await told.listed(client_id="kim")) == 1


async def test_an_outcome_that_is_not_the_last_neither_holds_a_message_up_nor_is_lost(under_way):
    told = under_way
    await told.let_time_be_up()
    async with told.db.write() as outcome:
        await succeed(outcome, told, "card")  # yen is still under way
        async with told.db.write() as composing:
            first = (await claim(composing))["kim"]
    assert {state for _, state, *_ in lines_of(first)} == {ToldState.UNDER_WAY}
    await succeed_and_commit(told, "yen")
    assert lines_of((await facts_of(told))["kim"]) == BOTH_RETURNED


async def test_of_two_groups_of_outcomes_side_by_side_the_later_one_has_the_client_told(under_way):
    told = under_way
    async with told.db.write() as one:
        await succeed(one, told, "card")
        other = asyncio.create_task(succeed_and_commit(told, "yen"))
        await waits_or_ends(told, other)
        assert not other.done(), "each would see the other's refund still open"
    await other
    facts = await facts_of(told)
    assert lines_of(facts["kim"]) == BOTH_RETURNED
    assert len(await told.listed(client_id="kim")) == 1
