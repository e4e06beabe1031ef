"""`/metrics`: what it tells, and whom."""

import asyncio
import platform
from importlib.metadata import version

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from worlds.meters import counted
from worlds.records import booking, session

from app import services
from app.config.settings import Settings
from app.db import tables
from app.db.core.dialect import now
from app.db.core.engine import Database
from app.db.refunds import claims
from app.db.schema import newest_version
from app.domain.refund_update import RefundUpdate
from app.domain.statuses import RefundStatus
from app.gateways.outcomes import UpstreamMethod
from app.main import create_app
from app.operators import exposition
from app.queue import LocalQueue
from app.refunds.pacing.rate import Phase
from app.refunds.settle import GroupCommit
from app.refunds.slices.run import run_slice

OF_PACE = (
    "businesses",
    "calls_in_flight",
    "breakers_open",
    "paced_accounts",
    "paced_calls_per_second",
)


@pytest.fixture
def caller(db):
    """A caller of an API with these settings; `host` is where it calls from."""

    def call(host="127.0.0.1", **settings):
        app = create_app(Settings(**settings), database=db, queue=LocalQueue())
        transport = httpx.ASGITransport(app, client=(host, 1234))
        return httpx.AsyncClient(transport=transport, base_url="http://studio.test")

    return call


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=30,
    )


async def told(answer):
    """The samples by name and labels, which are in the order of their own names."""
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_it_tells_of_the_books_the_jobs_and_the_process(db, caller):
    async with caller() as http:
        before = await told(await http.get("/metrics"))
        async with db.write() as conn:
            await conn.execute(
                sa.update(tables.checks).values(checked_at=now(), violations={"line": 3})
            )
        after = await told(await http.get("/metrics"))
    assert before["bulk_cancel_invariant_violations", "line"] == 0
    assert before["bulk_cancel_books_checked_timestamp_seconds",] == 0
    assert after["bulk_cancel_invariant_violations", "line"] == 3
    assert after["bulk_cancel_invariant_violations", "totals"] == 0
    assert after["bulk_cancel_books_checked_timestamp_seconds",] > 1.7e9
    assert after["bulk_cancel_open_jobs", "running"] == 0
    assert after["bulk_cancel_most_overdue_seconds",] == 0
    assert after["process_resident_memory_bytes",] > 0


async def test_without_a_token_it_answers_only_who_calls_from_this_machine(caller):
    async with caller(host="192.0.2.7") as http:
        assert (await http.get("/metrics")).status_code == 404
    async with caller() as http:
        assert (
            await http.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"})
        ).status_code == 404
        assert (await http.get("/metrics")).status_code == 200


async def test_beside_others_it_answers_nobody_without_a_token(caller):
    async with caller(redis_url="redis://127.0.0.1:1") as http:
        assert (await http.get("/metrics")).status_code == 404


async def test_with_a_token_it_answers_whoever_has_it(caller):
    async with caller(host="192.0.2.7", metrics_token="s3cret") as http:
        assert (await http.get("/metrics")).status_code == 404
        assert (
            await http.get("/metrics", headers={"Authorization": "Bearer s3cre"})
        ).status_code == 404
        assert (
            await http.get("/metrics", headers={"Authorization": "Bearer s3cret"})
        ).status_code == 200


async def test_it_tells_of_the_build_and_the_pool(db, caller):
    async with caller() as http, db.read():
        found = await told(await http.get("/metrics"))
    [build] = [name for name in found if name[0] == "bulk_cancel_build_info"]
    assert build[1:] == (
        platform.python_version(),
        "embedded",
        newest_version(),
        version("bulk-cancel"),
    )
    assert found[build] == 1
    assert found["bulk_cancel_database_connections_in_use",] == 1
    assert found["bulk_cancel_database_connections_max",] >= 10
    assert found["bulk_cancel_database_up",] == 1


async def test_with_the_database_away_it_still_tells_of_the_process():
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:9/none")
    app = create_app(Settings(), database=away, queue=LocalQueue())
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://studio.test") as http:
        found = await told(await http.get("/metrics"))
    await away.close()
    assert found["bulk_cancel_database_up",] == 0
    assert found["process_resident_memory_bytes",] > 0
    assert not [name for name in found if name[0] == "bulk_cancel_open_jobs"]


def grown(before, after, name, *labels):
    return after.get((name, *labels), 0.0) - before.get((name, *labels), 0.0)


async def test_requests_are_counted_by_route_and_nothing_that_a_caller_wrote(studio):
    answered = "bulk_cancel_http_request_seconds_count"
    before = await told(await studio.http.get("/metrics"))
    await studio.session("yoga")
    await studio.http.get("/v1/sessions")
    await studio.http.get("/v1/sessions/yoga")
    await studio.http.get("/v1/sessions/nothing")
    await studio.http.get("/nowhere/kim@example.org")
    await studio.http.request("KIM", "/v1/sessions")
    after = await told(await studio.http.get("/metrics"))
    assert grown(before, after, answered, "POST", "/v1/schedule/import", "200") == 1
    assert grown(before, after, answered, "GET", "/v1/sessions", "200") == 1
    assert grown(before, after, answered, "GET", "/v1/sessions/{}", "200") == 1
    assert grown(before, after, answered, "GET", "/v1/sessions/{}", "404") == 1
    assert grown(before, after, answered, "GET", "none", "404") == 1
    written = [word for name in after for word in name[1:]]
    assert not [word for word in written if "kim" in word.lower() or "yoga" in word]


async def test_calls_of_upstreams_are_counted_by_what_became_of_them(studio):
    called = "bulk_cancel_upstream_call_seconds_count"
    before = await told(await studio.http.get("/metrics"))
    await studio.load(
        session("yoga"),
        booking("card", "yoga", ("CAD", 2000)),
        booking("credit", "yoga", ("credits", 2)),
    )
    await studio.faults(refuse_ids={"credit-account": "account_closed"})
    job = await studio.accepted(["yoga"])
    await studio.work(job["id"])
    after = await told(await studio.http.get("/metrics"))
    assert grown(before, after, called, "refund", "succeeded", "payment") == 1
    assert grown(before, after, called, "refund", "rejected", "credit") == 1


@pytest.mark.parametrize(
    ("fault", "word"),
    [("answer_429", "throttled"), ("answer_503", "unavailable"), ("drop_after", "indeterminate")],
)
async def test_a_call_that_was_too_much_is_told_from_one_that_failed(studio, fault, word):
    called = "bulk_cancel_upstream_call_seconds_count"
    before = await told(await studio.http.get("/metrics"))
    await studio.load(session("yoga"), booking("card", "yoga", ("CAD", 2000)))
    await studio.faults(**{fault: 1.0})
    job = await studio.accepted(["yoga"])
    await run_slice(studio.runtime, job["id"], seconds=1)
    after = await told(await studio.http.get("/metrics"))
    assert grown(before, after, called, "refund", word, "payment") >= 1
    assert grown(before, after, called, "refund", "succeeded", "payment") == 0


async def test_refunds_are_counted_by_what_they_came_to(studio):
    recorded, ended = "bulk_cancel_refunds_recorded_total", "bulk_cancel_jobs_ended_total"
    before = await told(await studio.http.get("/metrics"))
    await studio.load(
        session("yoga"),
        booking("card", "yoga", ("CAD", 2000), ("CAD", 500)),
        booking("credit", "yoga", ("credits", 2)),
    )
    await studio.faults(refuse_ids={"credit-account": "account_closed"})
    job = await studio.accepted(["yoga"])
    await studio.work(job["id"])
    after = await told(await studio.http.get("/metrics"))
    assert grown(before, after, recorded, "succeeded", "payment") == 2
    assert grown(before, after, recorded, "rejected", "credit") == 1
    assert grown(before, after, recorded, "succeeded", "credit") == 0
    assert grown(before, after, ended, "completed_with_failures") == 1


async def test_an_outcome_that_is_no_longer_its_claims_to_write_is_not_counted(studio):
    await studio.load(session("yoga"), booking("card", "yoga", ("CAD", 2000)))
    await studio.faults(answer_503=1.0)
    job = await studio.accepted(["yoga"])
    await run_slice(studio.runtime, job["id"], seconds=1)
    async with studio.db.write() as conn:
        await conn.execute(sa.update(tables.refunds).values(due_at=now()))
        [claimed] = await claims.claim(conn, job["id"], "payment", most=1, lease_seconds=30)
    before = counted("bulk_cancel_refunds_recorded_total", upstream="payment", status="rejected")
    refusal = RefundUpdate(RefundStatus.REJECTED, None, failure_code="no")
    for epoch, count in ((claimed.epoch - 1, 0), (claimed.epoch, 1)):
        async with GroupCommit(studio.runtime, job["id"]) as commits:
            commits.add_update(claimed._replace(epoch=epoch), refusal)
        after = counted("bulk_cancel_refunds_recorded_total", upstream="payment", status="rejected")
        assert after == before + count


async def test_how_fast_each_upstream_is_called_is_told(studio):
    paces = studio.runtime.paces
    idle = await told(await studio.http.get("/metrics"))
    payments = UpstreamMethod.PAYMENT
    with (
        paces.at("studio", payments, account="platform") as pace,
        paces.at("other", payments, account="platform") as same_account,
    ):
        await pace.enter(repeat=False)
        pace.account.rate.rate.phase = Phase.CRUISE
        pace.account.rate.rate.per_second = 40.0
        same_account.breaker.open(60.0)
        found = await told(await studio.http.get("/metrics"))
        expected = pace.per_second
        pace.leave(None, repeat=False)
    said = {name: found[f"bulk_cancel_upstream_{name}", "payment"] for name in OF_PACE}
    assert expected is not None
    assert said == dict(zip(OF_PACE, (2, 1, 1, 1, expected), strict=True))
    assert {idle[f"bulk_cancel_upstream_{name}", "payment"] for name in OF_PACE} == {0}
    assert {found[f"bulk_cancel_upstream_{name}", "credit"] for name in OF_PACE} == {0}


async def test_rounds_of_background_services_are_counted_with_those_that_failed(caller):
    rounds, stopping = 0, asyncio.Event()

    async def look():
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            stopping.set()
        if rounds == 2:
            raise OSError("the second")

    async with caller() as http:
        before = await told(await http.get("/metrics"))
        looking = services.Service("looking", look, every_seconds=0.0, failed="looking.failed")
        await services.keep_running(looking, stopping)
        after = await told(await http.get("/metrics"))
    ended = "bulk_cancel_background_rounds_total"
    assert grown(before, after, ended, "ended", "looking") == 2
    assert grown(before, after, ended, "failed", "looking") == 1


async def test_a_slow_database_does_not_keep_the_scraper_waiting(monkeypatch, postgresql_url):
    monkeypatch.setattr(exposition, "_PATIENCE_SECONDS", 0.2)
    slow = Database(postgresql_url)
    app = create_app(Settings(), database=slow, queue=LocalQueue())
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
    async with (
        slow.write() as conn,
        httpx.AsyncClient(transport=transport, base_url="http://studio.test") as http,
    ):
        await conn.execute(sa.text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
        found = await told(await http.get("/metrics"))
    await slow.close()
    assert found["bulk_cancel_database_up",] == 0
    assert found["process_resident_memory_bytes",] > 0
