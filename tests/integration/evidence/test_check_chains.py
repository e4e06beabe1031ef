"""A worker follows the chains of all jobs, a little at a time, and what is broken is told."""

import pytest
import sqlalchemy as sa
import structlog

from app.db import tables
from app.db.core.dialect import later
from app.db.evidence import reading
from app.db.invariants import last_check
from app.db.invariants.last_check import Checked
from app.db.tables.evidence import evidence_heads, evidence_links
from app.operators.service_state import service_state
from app.refunds import check_chains, verify_chains

L = evidence_links.c


async def is_due(db):
    async with db.write() as conn:
        chains = sa.update(tables.checks).where(tables.checks.c.name == "chains")
        await conn.execute(chains.values(due_at=later(-1.0)))


async def go_on(studio):
    """A round: the rules that it found broken."""
    await is_due(studio.db)
    return sorted(one.code for one in await check_chains.check(studio.runtime))


async def stands(db):
    async with db.read() as conn:
        return await last_check.last(conn, Checked.CHAINS)


async def lie(db, statement):
    async with db.write() as conn:
        assert (await conn.execute(statement)).rowcount > 0


ANOTHER_HEAD = sa.update(evidence_heads).values(head="0" * 64)


@pytest.fixture
def step_by_step(monkeypatch):
    """Rounds of one step, and steps of one link."""
    monkeypatch.setattr(check_chains, "_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(reading, "LINKS_AT_ONCE", 1)


async def test_a_walk_that_finds_nothing_says_when_it_began_and_rests_for_a_day(ended, db):
    studio = ended.studio
    assert (await service_state(db)).chains_checked_at is None
    assert await check_chains.check(studio.runtime) == []
    told = await stands(db)
    assert (told.checked_at is not None, told.violations, told.progress) == (True, {}, None)
    assert (await service_state(db)).chains_checked_at == told.checked_at
    assert await check_chains.check(studio.runtime) is None
    async with db.read() as conn:
        rests = sa.select(tables.checks.c.due_at > later(80_000)).where(
            tables.checks.c.name == "chains"
        )
        assert await conn.scalar(rests)


async def test_one_worker_walks_at_a_time(ended, db):
    async with db.write() as conn:
        assert await last_check.claim(conn, Checked.CHAINS, every_seconds=120.0) is not None
    assert await check_chains.check(ended.studio.runtime) is None


async def test_a_broken_chain_is_logged_and_told_until_a_whole_walk_finds_nothing(ended, db):
    studio = ended.studio
    await lie(db, ANOTHER_HEAD)
    with structlog.testing.capture_logs() as log:
        assert await go_on(studio) == ["chain-end"]
    (said,) = [one for one in log if one["event"] == "books.broken"]
    assert (said["rule"], said["job_id"], said["log_level"]) == (
        *("chain-end", ended.job_id),
        "error",
    )
    assert (await service_state(db)).violations["chain-end"] == 1
    answer = await studio.http.get("/metrics")
    assert 'bulk_cancel_invariant_violations{rule="chain-end"} 1.0' in answer.text
    async with db.read() as conn:
        last = await reading.links_after(conn, ended.job_id, 0)
    await lie(db, sa.update(evidence_heads).values(head=last[-1].hash))
    assert await go_on(studio) == []
    assert (await service_state(db)).violations["chain-end"] == 0


async def test_a_walk_goes_on_where_a_round_of_any_worker_has_stopped(ended, db, step_by_step):
    studio = ended.studio
    await studio.session("later", starts_in_hours=200)
    second = await studio.accepted(["later"], hold_seconds=600)
    await studio.post(f"/bulk-cancellations/{second['id']}/withdraw")
    assert ended.job_id < second["id"]
    async with db.read() as conn:
        links = (await reading.chained_job(conn, ended.job_id)).links
    seen = []
    while (await stands(db)).checked_at is None:
        assert await go_on(studio) == []
        progress = (await stands(db)).progress
        if progress is not None:
            walk = progress["walk"]
            seen.append((progress["after_job"], walk and (walk["job_id"], walk["number"])))
    assert seen == [
        *((None, (ended.job_id, number)) for number in range(1, links + 1)),
        (ended.job_id, None),
        *((ended.job_id, (second["id"], number)) for number in (1, 2)),
        (second["id"], None),
    ]


async def test_a_job_that_goes_on_between_two_rounds_is_no_finding(ended, db, step_by_step):
    studio = ended.studio
    assert await go_on(studio) == []
    await studio.faults()
    await studio.post(f"/bulk-cancellations/{ended.job_id}/retry")
    assert await go_on(studio) == []
    await studio.work(ended.job_id)
    while (await stands(db)).checked_at is None:
        assert await go_on(studio) == []


async def test_what_was_found_before_is_told_until_the_walk_has_come_there_again(
    ended, db, step_by_step
):
    studio = ended.studio
    await lie(db, ANOTHER_HEAD)
    while (await stands(db)).checked_at is None:
        await go_on(studio)
    async with db.read() as conn:
        soon = sa.select(tables.checks.c.due_at < later(60)).where(tables.checks.c.name == "chains")
        assert await conn.scalar(soon)  # no rest
    assert await go_on(studio) == []
    assert (await stands(db)).violations == {"chain-end": 1}


@pytest.mark.parametrize(
    "lost",
    [
        sa.delete(evidence_heads),
        sa.delete(evidence_links).where(L.number == 1),
        sa.update(evidence_links).where(L.number == 2).values(facts="no JSON"),
        sa.update(evidence_links).where(L.number == 2).values(history="no JSON"),
        sa.update(evidence_links).where(L.number == 2).values(history='{"a": 1}'),
    ],
)
async def test_parts_of_a_chain_and_what_is_no_chain_are_found_and_end_no_walk(
    ended, db, without_guards, lost
):
    await lie(db, lost)
    found = await go_on(ended.studio)
    assert found
    assert (await stands(db)).checked_at is not None
    whole = await verify_chains.verify(db)
    assert found == sorted(one.code for one in whole)
