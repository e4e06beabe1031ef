"""The revisions make what the tables say, up and down, and keep the rows of before."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic import command
from integration.rows import NEW_LINE, NEW_REFUND, NONE, ROWS, SETTLED, insert
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import schema, tables
from app.db.core.engine import Database
from app.db.tables import webhooks as webhook_tables

_NOT_YET = {"job_goodwill"}  # tables that the oldest revision played here has not


def revise(url, step, *arguments):
    config = schema._config()
    config.attributes["database_url"] = url
    step(config, *arguments)


def test_the_revisions_make_what_the_tables_say(database_url):
    revise(database_url, command.check)


async def _described(url, make=None):
    """Every table with its columns and CHECKs, and what else the catalogue names."""
    engine = create_async_engine(url, poolclass=sa.NullPool)

    def describe(conn):
        if make is not None:
            make(conn)
        inspector = sa.inspect(conn)
        found = {
            name: (
                sorted(
                    (one["name"], str(one["type"]), one["nullable"])
                    for one in inspector.get_columns(name)
                ),
                sorted(
                    (one["name"], " ".join(one["sqltext"].split()))
                    for one in inspector.get_check_constraints(name)
                ),
                sorted(
                    (one["name"], tuple(one["column_names"]), bool(one["unique"]))
                    for one in inspector.get_indexes(name)
                ),
            )
            for name in inspector.get_table_names()
            if name != "alembic_version"
        }
        if conn.dialect.name == "sqlite":
            rest = "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')"
        else:
            rest = (
                "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal UNION ALL "
                "SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            )
        return found, sorted(conn.scalars(sa.text(rest)))

    async with engine.connect() as conn:
        described = await conn.run_sync(describe)
    await engine.dispose()
    return described


def test_up_down_and_up_again_is_the_same_schema(database_url):
    before = asyncio.run(_described(database_url))
    revise(database_url, command.downgrade, "base")
    assert asyncio.run(_described(database_url)) == ({}, [])
    revise(database_url, command.upgrade, "head")
    assert asyncio.run(_described(database_url)) == before
    revise(database_url, command.check)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_revisions_write_the_same_checks_as_the_tables(kind, request, tmp_path):
    # `alembic check` does not look at CHECKs.
    migrated = request.getfixturevalue(f"{kind}_url")
    empty = (
        f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        if kind == "sqlite"
        else request.getfixturevalue("empty_postgresql_url")
    )
    assert (
        asyncio.run(_described(migrated))[0]
        == asyncio.run(_described(empty, webhook_tables.metadata.create_all))[0]
    )


def test_rows_of_before_what_is_kept_was_named_are_as_they_were_and_their_job_s_policy_is_the_first(
    database_url,
):
    revise(database_url, command.downgrade, "0011")

    async def written_before():
        db = Database(database_url)
        for name in ROWS:
            if name not in _NOT_YET:
                await insert(db, name)
        await insert(db, "refunds", **SETTLED | NEW_REFUND | NONE | {"failure_code": "attended"})
        await db.close()

    async def read_after():
        db = Database(database_url)
        async with db.read() as conn:
            refunds = (
                (await conn.execute(sa.select(tables.refunds).order_by(tables.refunds.c.id)))
                .mappings()
                .all()
            )
            policies = (await conn.scalars(sa.select(tables.jobs.c.policy))).all()
        await insert(db, "payment_lines", **NEW_LINE | {"amount_minor": 0})
        await db.close()
        return refunds, policies

    asyncio.run(written_before())
    schema.migrate(database_url)
    (paid, attended), policies = asyncio.run(read_after())
    assert policies == [1]
    assert (paid["amount_minor"], paid["status"], attended["failure_code"]) == (
        2000,
        "pending",
        "attended",
    )
    for row in (paid, attended):
        assert (row["kept_amount_minor"], row["kept_credits"], row["kept_by"]) == (0, 0, None)


BEFORE_AUDIT_READ = "0012"


async def _scopes(url, scopes=None):
    """The scopes of each key by its prefix, after some are written."""
    db = Database(url)
    try:
        async with db.write() as conn:
            for place, words in enumerate(scopes or ()):
                key = {
                    "id": f"019aab00-0000-7000-8000-00000000000{place}",
                    "prefix": f"key-{place}",
                }
                row = key | {
                    "business_id": "studio",
                    "secret_hash": "0" * 64,
                    "name": "desk",
                    "scopes": words,
                }
                await conn.execute(tables.api_keys.insert().values(**row))
            return dict(
                (
                    await conn.execute(
                        sa.select(tables.api_keys.c.prefix, tables.api_keys.c.scopes)
                    )
                ).all()
            )
    finally:
        await db.close()


async def _a_business(url):
    db = Database(url)
    try:
        async with db.write() as conn:
            columns = "id, name, timezone, currency, created_at"
            at = "now()" if db.is_postgresql else "'2026-11-23T00:00:00.000Z'"
            await conn.exec_driver_sql(
                f"INSERT INTO businesses ({columns}) "
                f"VALUES ('studio', 'Studio', 'UTC', 'EUR', {at})"
            )
    finally:
        await db.close()


def test_a_key_that_could_do_all_may_read_names_too_and_a_limited_one_may_not(database_url):
    could_all = (
        "cancellations:read cancellations:write schedule:read schedule:write webhooks:manage"
    )
    revise(database_url, command.downgrade, BEFORE_AUDIT_READ)
    asyncio.run(_a_business(database_url))
    asyncio.run(_scopes(database_url, [could_all, "cancellations:read schedule:read"]))
    revise(database_url, command.upgrade, "head")
    could_all_now = f"audit:read {could_all}".replace("webhooks:", "terms:write webhooks:")
    could_all_now = could_all_now.replace(
        "audit:read ", "audit:read business:manage cancellations:approve "
    )
    assert asyncio.run(_scopes(database_url)) == {
        "key-0": could_all_now,
        "key-1": "cancellations:read schedule:read",
    }
    revise(database_url, command.downgrade, BEFORE_AUDIT_READ)
    assert asyncio.run(_scopes(database_url))["key-0"] == could_all
    revise(database_url, command.upgrade, "head")


def test_migrating_what_is_migrated_changes_nothing(database_url):
    before = asyncio.run(_described(database_url))
    assert schema.migrate(database_url).version == schema.newest_version()
    assert asyncio.run(_described(database_url)) == before
