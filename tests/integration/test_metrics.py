"""`/metrics`: what it tells, and whom."""

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from app.config.settings import Settings
from app.db import tables
from app.db.core.dialect import now
from app.main import create_app
from app.queue import LocalQueue


@pytest.fixture
def caller(db):
    """A caller of an API with these settings; `host` is where it calls from."""

    def call(host="127.0.0.1", **settings):
        app = create_app(Settings(**settings), database=db, queue=LocalQueue())
        transport = httpx.ASGITransport(app, client=(host, 1234))
        return httpx.AsyncClient(transport=transport, base_url="http://studio.test")

    return call


async def told(answer):
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
