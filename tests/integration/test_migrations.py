"""Rows of the version before survive a migration on both databases, and read as they should."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import schema

BUSINESS = """
INSERT INTO businesses (id, name, timezone, currency, created_at)
VALUES ('studio', 'Studio', 'UTC', 'EUR', '2026-11-23T09:00:00.000Z')
"""
SESSION = """
INSERT INTO sessions (business_id, id, name, starts_at, ends_at, timezone, location, instructor, \
status)
VALUES ('studio', '{}', {}, '2026-11-23T09:00:00.000Z', '2026-11-23T10:00:00.000Z', 'UTC', {}, {}, \
'scheduled')
"""
VERSION = "SELECT version_num FROM alembic_version"
CLIENT = "INSERT INTO clients (business_id, id, name, email) VALUES ('studio', '{}', {}, {})"


def revise(url, step, version):
    config = schema._config()
    config.attributes["database_url"] = url
    step(config, version)


def rows_after(url, *statements):
    """Runs them in one transaction; the rows of the last."""

    async def run():
        engine = create_async_engine(url, poolclass=sa.NullPool)
        async with engine.begin() as conn:
            for statement in statements:
                result = await conn.execute(sa.text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else None
        await engine.dispose()
        return rows

    return asyncio.run(run())


@pytest.mark.parametrize(("deadlocks", "comes_to_its_end"), [(4, True), (5, False)])
def test_a_migration_that_ends_in_a_deadlock_begins_again(
    postgresql_url, deadlocks, comes_to_its_end
):
    """PostgreSQL's own word for it, from a trigger: a sequence counts, whatever is undone."""
    newest = rows_after(postgresql_url, VERSION)
    revise(postgresql_url, command.downgrade, "-1")
    before = rows_after(postgresql_url, VERSION)
    trigger = f"""CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('tries') <= {deadlocks} THEN
        RAISE 'deadlock detected' USING ERRCODE = '40P01';
      END IF;
      RETURN NEW; END $$"""
    on = "CREATE TRIGGER deadlock BEFORE UPDATE ON alembic_version FOR EACH ROW"
    rows_after(
        postgresql_url,
        "CREATE SEQUENCE tries",
        trigger,
        f"{on} EXECUTE FUNCTION deadlock()",
    )
    if comes_to_its_end:
        revise(postgresql_url, command.upgrade, "head")
    else:
        with pytest.raises(sa.exc.DBAPIError, match="deadlock detected"):
            revise(postgresql_url, command.upgrade, "head")
    assert rows_after(postgresql_url, VERSION) == (newest if comes_to_its_end else before)
    assert rows_after(postgresql_url, "SELECT last_value FROM tries") == [(5,)]


def test_a_key_that_was_limited_is_none_to_a_build_that_knows_no_limit(database_url):
    key = (
        "INSERT INTO api_keys (id, business_id, prefix, secret_hash, name, scopes, created_at, "
        "locations) VALUES ('019aab00-0000-7000-8000-00000000000{n}', 'studio', 'p{n}', 'h', 'k', "
        "'audit:read', '2026-11-23T09:00:00.000Z', {at})"
    )
    rows_after(database_url, BUSINESS, key.format(n=1, at="NULL"), key.format(n=2, at="'[\"a\"]'"))
    revise(database_url, command.downgrade, "0048")
    in_force = "SELECT prefix FROM api_keys WHERE revoked_at IS NULL"
    assert rows_after(database_url, in_force) == [("p1",)]


def test_text_that_is_stored_is_brought_into_its_one_form(database_url):
    revise(database_url, command.downgrade, "0008")
    many = [CLIENT.format(f"m{n:04}", "'A  B'", "NULL") for n in range(1001)]
    rows_after(
        database_url,
        BUSINESS,
        SESSION.format("s1", "'\u00c9tirement \u00a0doux'", "'Studio\u00a01 '", "'Zoe\u0308'"),
        SESSION.format("s2", "' '", "''", "NULL"),
        SESSION.format("s3", "'Yoga'", "'Studio 1'", "'Bo'"),
        CLIENT.format("c1", "'Ana  Lee'", "' ana@example.org'"),
        CLIENT.format("c2", "''", "''"),
        CLIENT.format("c3", "'Bo'", "NULL"),
        *many,
    )
    revise(database_url, command.upgrade, "0009")
    query = "SELECT id, name, search_text, location, instructor FROM sessions ORDER BY id"
    assert rows_after(database_url, query) == [
        ("s1", "Étirement doux", "etirement doux", "Studio 1", "Zoë"),
        ("s2", "s2", "s2", None, None),
        ("s3", "Yoga", "yoga", "Studio 1", "Bo"),
    ]
    query = "SELECT id, name, email FROM clients WHERE id LIKE 'c%' ORDER BY id"
    assert rows_after(database_url, query) == [
        ("c1", "Ana Lee", "ana@example.org"),
        ("c2", None, None),
        ("c3", "Bo", None),
    ]
    assert rows_after(database_url, "SELECT count(*) FROM clients WHERE name = 'A B'") == [(1001,)]


def test_sessions_that_the_platform_cancelled_are_on_again_in_a_schema_that_cannot_say_so(
    database_url,
):
    cancelled = "UPDATE sessions SET status = 'cancelled', cancelled_at = starts_at"
    rows_after(database_url, BUSINESS, SESSION.format("s1", "'Yoga'", "NULL", "NULL"), cancelled)
    revise(database_url, command.downgrade, "0006")
    assert rows_after(database_url, "SELECT id, status FROM sessions") == [("s1", "scheduled")]
    revise(database_url, command.upgrade, "head")
    assert rows_after(database_url, "SELECT id, status FROM sessions") == [("s1", "scheduled")]


JOB = "019aab00-0000-7000-8000-000000000001"


def test_sessions_of_a_job_that_are_gone_are_back_in_a_schema_that_wants_them(database_url):
    revise(database_url, command.downgrade, "0015")
    totals = "'{}'"
    rows_after(
        database_url,
        BUSINESS,
        SESSION.format("s1", "'Yoga'", "NULL", "NULL"),
        f"""
        INSERT INTO jobs (id, business_id, idempotency_key, request_fingerprint, status, \
date_from, date_to,
          include_attended, requested_by, requested_at, accepted_sessions, expanded_sessions, \
totals, outcome_seq)
        VALUES ('{JOB}', 'studio', 'k', 'f', 'completed', '2026-11-23', '2026-11-23', false, \
'key:desk',
          '2026-11-22T09:00:00.000Z', 1, 1, {totals}, 0)
        """,
        f"""
        INSERT INTO job_sessions (job_id, session_id, business_id, seq, position, outcome, \
bookings, session_name,
          session_starts_at, session_timezone)
        VALUES ('{JOB}', 's1', 'studio', 1, 0, 'accepted', 0, 'Yoga', '2026-11-23T09:00:00.000Z', \
'UTC')
        """,
    )
    revise(database_url, command.upgrade, "0016")
    rows_after(
        database_url,
        "DELETE FROM sessions",
        "UPDATE job_sessions SET released_at = session_starts_at",
    )
    revise(database_url, command.downgrade, "0015")
    query = "SELECT id, name, status, job_id FROM sessions"
    assert rows_after(database_url, query) == [("s1", "Yoga", "cancelled", None)]
    revise(database_url, command.upgrade, "head")
    assert rows_after(database_url, "SELECT count(*) FROM job_sessions") == [(1,)]


def test_businesses_of_before_have_the_usual_limit_of_credits_and_no_token_of_their_own(
    database_url,
):
    revise(database_url, command.downgrade, "0018")
    rows_after(database_url, BUSINESS)
    revise(database_url, command.upgrade, "0020")
    query = "SELECT credits_per_line, payments_token_sealed, credits_token_sealed FROM businesses"
    assert rows_after(database_url, query) == [(1000, None, None)]
    rows_after(
        database_url, "UPDATE businesses SET credits_per_line = 5, payments_token_sealed = 's'"
    )
    with pytest.raises(sa.exc.IntegrityError, match="credits_per_line"):
        rows_after(database_url, "UPDATE businesses SET credits_per_line = 0")
    revise(database_url, command.downgrade, "0018")
    revise(database_url, command.upgrade, "head")
    assert rows_after(database_url, query) == [(1000, None, None)]
