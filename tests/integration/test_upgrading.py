"""A running process stays ready while the schema moves on, until a revision says that it can't."""

import asyncio
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

import migrations
from app.auth import keys
from app.config.settings import Settings
from app.db import schema
from app.db.access import businesses
from app.db.core.engine import Database
from app.db.schema import Fit, found_in, newest_version
from app.main import create_app
from app.queue import LocalQueue

NEEDED = max(
    one
    for one in Path(migrations.__path__[0]).glob("versions/0*.py")
    if "schema_needs" in one.read_text()
)
AHEAD = "UPDATE alembic_version SET version_num = '9999'"
NOT_ADDITIVE = "UPDATE schema_needs SET revision = '9998'"
BEHIND = "UPDATE alembic_version SET version_num = '0006'"


async def run_sql(db, *statements):
    async with db.write() as conn:
        for statement in statements:
            await conn.execute(sa.text(statement))


@pytest.fixture
async def api(db):
    app = create_app(Settings(), database=db, queue=LocalQueue())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
        yield http


async def test_a_process_is_ready_on_a_newer_schema_and_serves(db, api):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")
    key = await keys.create_key(db, "studio", "tests", list(keys.Scope))
    await run_sql(db, AHEAD, "CREATE TABLE of_the_next_build (id integer)")
    ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()["database"]) == (200, "ok")
    assert (
        await api.get("/v1/sessions", headers={"Authorization": f"Bearer {key}"})
    ).status_code == 200


async def test_a_process_is_unready_on_a_schema_that_it_cannot_run_on_and_says_why_in_one_line(
    db, api, capfd
):
    await run_sql(db, AHEAD, NOT_ADDITIVE)
    ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()["database"]) == (503, "too_new")
    (line,) = [
        line for line in capfd.readouterr().err.splitlines() if "database.schema_unfit" in line
    ]
    assert f"needs a build that knows version 9998; this build knows {newest_version()}" in line


async def test_a_process_is_unready_on_an_older_schema(db, api):
    await run_sql(db, BEHIND)
    ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()["database"]) == (503, "not_migrated")


async def test_the_schema_says_what_it_needs_the_last_revision_that_was_not_additive(db):
    found = await found_in(db)
    assert (found.version, found.needs, found.fit) == (newest_version(), NEEDED.name[:4], Fit.SAME)


def on_database(url, *statements):
    async def run():
        db = Database(url)
        await run_sql(db, *statements)
        await db.close()

    asyncio.run(run())


def test_migrate_leaves_a_newer_schema_and_says_whether_this_build_can_run_on_it(
    command_line, database_url
):
    on_database(database_url, AHEAD)
    code, (line,) = command_line("migrate", database_url=database_url)
    assert (code, line) == (
        0,
        (
            f"The schema is at version 9999, newer than this build's {newest_version()}, "
            "which can run on it."
        ),
    )
    assert command_line("keys", "list", database_url=database_url) == (0, [])
    on_database(database_url, NOT_ADDITIVE)
    for arguments in (["migrate"], ["keys", "list"]):
        code, (line,) = command_line(*arguments, database_url=database_url)
        assert code == 1
        assert line.startswith(
            "bulk-cancel: The database's schema is version 9999, and needs a build that knows"
        )
    assert asyncio.run(_version(database_url)) == "9999"


async def _version(url):
    db = Database(url)
    found = await found_in(db)
    await db.close()
    return found.version


def test_a_schema_of_the_version_before_the_rule_is_brought_to_it(command_line, database_url):
    assert schema.migrate(database_url).fit is Fit.SAME
    on_database(database_url, "DROP TABLE schema_needs", AHEAD)
    code, (line,) = command_line("keys", "list", database_url=database_url)
    assert code == 1
    assert "Start a newer build" in line


async def test_a_business_whose_zone_is_none_is_told_so_and_nothing_is_taken(db, api):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")
    key = await keys.create_key(db, "studio", "tests", list(keys.Scope))
    await run_sql(db, "UPDATE businesses SET timezone = 'Mars/Base' WHERE id = 'studio'")
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "once"}
    body = {"date_from": "2026-11-23", "date_to": "2026-11-29", "session_ids": "all", "reason": "x"}
    for method, path in (
        ("GET", "/v1/sessions"),
        ("GET", "/v1/public/studio/schedule"),
        ("GET", "/v1/public/studio/schedule.ics"),
        ("POST", "/v1/bulk-cancellations/plan"),
        ("POST", "/v1/bulk-cancellations"),
    ):
        answer = await api.request(
            method, path, headers=headers, json=body if method == "POST" else None
        )
        assert (answer.status_code, answer.json()["type"]) == (
            409,
            "/problems/business-time-zone-unknown",
        ), path
    assert (await api.get("/v1/business", headers=headers)).json()["timezone"] == "Mars/Base"
    assert (await api.get("/v1/bulk-cancellations", headers=headers)).json()["data"] == []
