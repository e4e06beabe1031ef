"""The schema itself holds the promise: what must never be in it is refused.

The revisions make exactly this schema.
"""

import asyncio
import datetime as dt

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import schema, tables, webhook_tables
from app.db.core.engine import Database

AT = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
JOB = "019aab00-0000-7000-8000-000000000001"
OTHER_JOB = "019aab00-0000-7000-8000-000000000002"
REFUND = "019aab00-0000-7000-8000-0000000000aa"
OTHER_REFUND = "019aab00-0000-7000-8000-0000000000ab"
ROWS = {
    "businesses": {"id": "ours", "name": "Ours", "timezone": "UTC", "currency": "EUR"},
    "clients": {"business_id": "ours", "id": "c1", "name": "Kim", "email": None},
    "jobs": {
        "id": JOB, "business_id": "ours", "idempotency_key": "k1",
        "request_fingerprint": "0" * 64, "status": "running", "date_from": AT.date(),
        "date_to": AT.date(), "include_attended": False, "requested_by": "key:desk",
        "requested_at": AT, "due_at": AT, "accepted_sessions": 1, "expanded_sessions": 1,
        "totals": {}, "outcome_seq": 9,
    },
    "sessions": {
        "business_id": "ours", "id": "s1", "name": "Yoga", "starts_at": AT,
        "ends_at": AT + dt.timedelta(hours=1), "timezone": "UTC", "status": "cancelled",
        "job_id": JOB, "cancelled_at": AT,
    },
    "bookings": {
        "business_id": "ours", "id": "b1", "session_id": "s1", "client_id": "c1",
        "status": "booked",
    },
    "payment_lines": {
        "business_id": "ours", "booking_id": "b1", "line_no": 1, "method": "payment",
        "payment_id": "p1", "amount_minor": 2000, "currency": "EUR",
    },
    "job_sessions": {
        "job_id": JOB, "session_id": "s1", "business_id": "ours", "seq": 1, "position": 0,
        "outcome": "accepted", "session_name": "Yoga", "session_starts_at": AT,
        "session_timezone": "UTC",
    },
    "refunds": {
        "id": REFUND, "business_id": "ours", "job_id": JOB, "session_id": "s1",
        "booking_id": "b1", "client_id": "c1", "line_no": 1, "method": "payment",
        "payment_id": "p1", "amount_minor": 2000, "currency": "EUR", "status": "pending",
        "due_at": AT,
    },
    "refund_history": {
        "refund_id": REFUND, "epoch": 0, "status": "pending", "attempts": 0, "actor": "worker",
        "recorded_at": AT,
    },
}  # fmt: skip
SETTLED = {"due_at": None, "outcome_seq": 1, "settled_at": AT}
CREDIT = {
    "method": "credit",
    "payment_id": None,
    "amount_minor": None,
    "currency": None,
    "account_id": "a",
    "credits": 1,
}
NONE = dict.fromkeys(("payment_id", "amount_minor", "currency")) | {
    "method": "none",
    "line_no": 0,
    "status": "skipped",
}
NEW_JOB = {"id": "019aab00-0000-7000-8000-000000000003", "idempotency_key": "k3"}
NEW_SESSION = {"id": "s3"}
NEW_REFUND = {"id": OTHER_REFUND, "line_no": 2}
NEW_LINE = {"line_no": 2}
KEPT = {"amount_minor": 0, "kept_amount_minor": 2000, "kept_by": "attended"}
NEXT_ACCEPTED = {"session_id": "s2", "seq": 2, "position": 1}


async def insert(db, table, **changes):
    async with db.write() as conn:
        await conn.execute(sa.insert(tables.metadata.tables[table]).values(ROWS[table] | changes))


@pytest.fixture
async def filled(db):
    """One row in every table."""
    for name in ROWS:
        await insert(db, name)
    return db


# Each is another row that differs from the table's first by these columns, and the rule that
# refuses it.
REFUSED = {
    "a second live acceptance of a session": (
        "job_sessions",
        {"job_id": OTHER_JOB},
        "one_live_acceptance",
    ),
    "two sessions at one place of a job": (
        "job_sessions",
        NEXT_ACCEPTED | {"position": 0},
        "job_sessions_by_position",
    ),
    "accepted without a place": (
        "job_sessions",
        NEXT_ACCEPTED | {"position": None},
        "accepted_have_a_place",
    ),
    "a place without acceptance": (
        "job_sessions",
        NEXT_ACCEPTED | {"outcome": "already_cancelled"},
        "accepted_have_a_place",
    ),
    "a place too great for a refund id": (
        "job_sessions",
        NEXT_ACCEPTED | {"position": 2**20},
        "position_fits_refund_id",
    ),
    "a second refund of a payment line": ("refunds", {"id": OTHER_REFUND}, "one_refund_per_line"),
    "a refund of a session that the job has not": (
        "refunds",
        NEW_REFUND | {"session_id": "s2"},
        "fk_refunds",
    ),
    "a refund without an amount": (
        "refunds",
        NEW_REFUND | {"amount_minor": None},
        "returns_one_line",
    ),
    "a refund of 0.00": (
        "refunds",
        NEW_REFUND | {"amount_minor": 0},
        "returns_something_or_keeps_all",
    ),
    "a line kept whole, and pending": (
        "refunds",
        NEW_REFUND | KEPT,
        "returns_something_or_keeps_all",
    ),
    "money kept by no rule": ("refunds", NEW_REFUND | {"kept_amount_minor": 1}, "kept_by_a_rule"),
    "a rule that keeps nothing": (
        "refunds",
        NEW_REFUND | {"kept_by": "attended"},
        "kept_by_a_rule",
    ),
    "credits kept of money": (
        "refunds",
        NEW_REFUND | {"kept_credits": 1, "kept_by": "attended"},
        "keeps_of_its_line",
    ),
    "less than nothing kept": (
        "refunds",
        NEW_REFUND | {"kept_amount_minor": -1, "kept_by": "attended"},
        "keeps_of_its_line",
    ),
    "a refund without a currency": ("refunds", NEW_REFUND | {"currency": None}, "returns_one_line"),
    "a refund of no number of credits": (
        "refunds",
        NEW_REFUND | CREDIT | {"credits": None},
        "returns_one_line",
    ),
    "nothing to return, and pending": (
        "refunds",
        NONE | {"id": OTHER_REFUND, "status": "pending"},
        "returns_one_line",
    ),
    "a success that is still due": (
        "refunds",
        NEW_REFUND | {"status": "succeeded"},
        "final_ones_rest",
    ),
    "a pending refund that nobody will touch": (
        "refunds",
        SETTLED | NEW_REFUND,
        "open_ones_are_due",
    ),
    "an end without a number": (
        "refunds",
        SETTLED | NEW_REFUND | {"status": "succeeded", "outcome_seq": None},
        "refunds",
    ),
    "an end without its time": (
        "refunds",
        SETTLED | NEW_REFUND | {"status": "succeeded", "settled_at": None},
        "settled_when",
    ),
    "a refund's status that is none": ("refunds", NEW_REFUND | {"status": "sent"}, "status_known"),
    "a payment without an amount": (
        "payment_lines",
        NEW_LINE | {"amount_minor": None},
        "paid_by_one_means",
    ),
    "a payment below nothing": (
        "payment_lines",
        NEW_LINE | {"amount_minor": -1},
        "paid_by_one_means",
    ),
    "a payment without a currency": (
        "payment_lines",
        NEW_LINE | {"currency": None},
        "paid_by_one_means",
    ),
    "money and credits in one line": (
        "payment_lines",
        NEW_LINE | {"account_id": "a", "credits": 1},
        "paid_by_one_means",
    ),
    "a credit below nothing": (
        "payment_lines",
        NEW_LINE | CREDIT | {"credits": -1},
        "paid_by_one_means",
    ),
    "a credit of no number": (
        "payment_lines",
        NEW_LINE | CREDIT | {"credits": None},
        "paid_by_one_means",
    ),
    "line nought": ("payment_lines", {"line_no": 0}, "counted_from_one"),
    "a booking of a session that is not": (
        "bookings",
        {"id": "b2", "session_id": "nope"},
        "fk_bookings",
    ),
    "a booking of a client who is not": (
        "bookings",
        {"id": "b2", "client_id": "nope"},
        "fk_bookings",
    ),
    "a second job of one key": ("jobs", {"id": NEW_JOB["id"]}, "one_job_per_key"),
    "a job's status that is none": ("jobs", NEW_JOB | {"status": "odd"}, "status_known"),
    "an open job that nobody looks at": ("jobs", NEW_JOB | {"due_at": None}, "open_jobs_are_due"),
    "a job that has ended and is due": (
        "jobs",
        NEW_JOB | {"status": "completed"},
        "open_jobs_are_due",
    ),
    "a job on hold for ever": ("jobs", NEW_JOB | {"status": "held"}, "held_until_when"),
    "a reversed range": ("jobs", NEW_JOB | {"date_to": dt.date(2026, 1, 1)}, "range_runs_forward"),
    "more expanded than accepted": ("jobs", NEW_JOB | {"expanded_sessions": 2}, "expansion_within"),
    "cancelled at no time": ("sessions", NEW_SESSION | {"cancelled_at": None}, "cancelled_when"),
    "scheduled by a job": (
        "sessions",
        NEW_SESSION | {"status": "scheduled", "cancelled_at": None},
        "cancelled_by_whom",
    ),
    "an end before the start": ("sessions", NEW_SESSION | {"ends_at": AT}, "ends_after_start"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_breaks_the_promise_is_refused_by_its_rule(filled, case):
    table, changes, rule = REFUSED[case]
    await insert(filled, "jobs", id=OTHER_JOB, idempotency_key="k2")
    await insert(filled, "sessions", id="s2")
    with pytest.raises(IntegrityError) as refused:
        await insert(filled, table, **changes)
    assert rule in str(refused.value.orig) or _unnamed_on_sqlite(filled, refused.value)


async def test_a_line_that_one_job_has_returned_is_not_returned_by_another(filled):
    async with filled.write() as conn:
        await conn.execute(sa.update(tables.job_sessions).values(released_at=AT))
    await insert(filled, "jobs", id=OTHER_JOB, idempotency_key="k2")
    await insert(filled, "job_sessions", job_id=OTHER_JOB)
    with pytest.raises(IntegrityError):
        await insert(filled, "refunds", id=OTHER_REFUND, job_id=OTHER_JOB)


def _unnamed_on_sqlite(db, error):
    """SQLite names a unique index's columns instead of the index, and no foreign key at all."""
    return not db.is_postgresql and "CHECK" not in str(error.orig)


async def test_a_session_that_was_released_may_be_accepted_again(filled):
    async with filled.write() as conn:
        await conn.execute(sa.update(tables.job_sessions).values(released_at=AT))
    await insert(filled, "jobs", id=OTHER_JOB, idempotency_key="k2")
    await insert(filled, "job_sessions", job_id=OTHER_JOB)


@pytest.mark.parametrize(
    "change",
    [sa.update(tables.refund_history).values(status="succeeded"), sa.delete(tables.refund_history)],
)
async def test_history_is_only_ever_added_to(filled, change):
    with pytest.raises(DBAPIError, match="append-only"):
        async with filled.write() as conn:
            await conn.execute(change)
    async with filled.read() as conn:
        assert await conn.scalar(sa.select(tables.refund_history.c.status)) == "pending"


async def test_history_on_postgresql_is_not_emptied_by_truncate(postgresql_url):
    db = Database(postgresql_url)
    try:
        with pytest.raises(DBAPIError, match="append-only"):
            async with db.write() as conn:
                await conn.execute(sa.text("TRUNCATE refund_history"))
    finally:
        await db.close()


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
    assert asyncio.run(_scopes(database_url)) == {
        "key-0": f"audit:read {could_all}",
        "key-1": "cancellations:read schedule:read",
    }
    revise(database_url, command.downgrade, BEFORE_AUDIT_READ)
    assert asyncio.run(_scopes(database_url))["key-0"] == could_all
    revise(database_url, command.upgrade, "head")


def test_migrating_what_is_migrated_changes_nothing(database_url):
    before = asyncio.run(_described(database_url))
    assert schema.migrate(database_url).version == schema.newest_version()
    assert asyncio.run(_described(database_url)) == before
