"""The schema itself holds the promise: what must never be in it is refused, and the revisions make exactly it."""

import asyncio
import datetime as dt

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import schema, tables, webhook_tables
from app.db.engine import Database

AT = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
JOB = "019aab00-0000-7000-8000-000000000001"
OTHER_JOB = "019aab00-0000-7000-8000-000000000002"
REFUND = "019aab00-0000-7000-8000-0000000000aa"
OTHER_REFUND = "019aab00-0000-7000-8000-0000000000ab"
ROWS = {
    "businesses": {"id": "ours", "name": "Ours", "timezone": "UTC", "currency": "EUR"},
    "clients": {"business_id": "ours", "id": "c1", "name": "Kim", "email": None},
    "jobs": {
        "id": JOB, "business_id": "ours", "idempotency_key": "k1", "request_fingerprint": "0" * 64, "status": "running",
        "date_from": AT.date(), "date_to": AT.date(), "include_attended": False, "requested_by": "key:desk",
        "requested_at": AT, "due_at": AT, "accepted_sessions": 1, "expanded_sessions": 1, "totals": {},
        "outcome_seq": 9,
    },
    "sessions": {
        "business_id": "ours", "id": "s1", "name": "Yoga", "starts_at": AT, "ends_at": AT + dt.timedelta(hours=1),
        "timezone": "UTC", "status": "cancelled", "job_id": JOB, "cancelled_at": AT,
    },
    "bookings": {"business_id": "ours", "id": "b1", "session_id": "s1", "client_id": "c1", "status": "booked"},
    "payment_lines": {
        "business_id": "ours", "booking_id": "b1", "line_no": 1, "method": "payment", "payment_id": "p1",
        "amount_minor": 2000, "currency": "EUR",
    },
    "job_sessions": {
        "job_id": JOB, "session_id": "s1", "business_id": "ours", "seq": 1, "position": 0, "outcome": "accepted",
        "session_name": "Yoga", "session_starts_at": AT, "session_timezone": "UTC",
    },
    "refunds": {
        "id": REFUND, "business_id": "ours", "job_id": JOB, "session_id": "s1", "booking_id": "b1", "client_id": "c1",
        "line_no": 1, "method": "payment", "payment_id": "p1", "amount_minor": 2000, "currency": "EUR",
        "status": "pending", "due_at": AT,
    },
    "refund_history": {
        "refund_id": REFUND, "epoch": 0, "status": "pending", "attempts": 0, "actor": "worker", "recorded_at": AT,
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
NONE = dict.fromkeys(("payment_id", "amount_minor", "currency")) | {"method": "none", "line_no": 0, "status": "skipped"}
NEW_JOB = {"id": "019aab00-0000-7000-8000-000000000003", "idempotency_key": "k3"}
NEW_SESSION = {"id": "s3"}
NEW_REFUND = {"id": OTHER_REFUND, "line_no": 2}
NEW_LINE = {"line_no": 2}
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


# Each is another row that differs from the table's first by these columns, and the rule that refuses it.
REFUSED = {
    "a second live acceptance of a session": ("job_sessions", {"job_id": OTHER_JOB}, "one_live_acceptance"),
    "two sessions at one place of a job": ("job_sessions", NEXT_ACCEPTED | {"position": 0}, "job_sessions_by_position"),
    "accepted without a place": ("job_sessions", NEXT_ACCEPTED | {"position": None}, "accepted_have_a_place"),
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
    "a refund of a session that the job has not": ("refunds", NEW_REFUND | {"session_id": "s2"}, "fk_refunds"),
    "a refund without an amount": ("refunds", NEW_REFUND | {"amount_minor": None}, "returns_one_line"),
    "a refund of 0.00": ("refunds", NEW_REFUND | {"amount_minor": 0}, "returns_one_line"),
    "a refund without a currency": ("refunds", NEW_REFUND | {"currency": None}, "returns_one_line"),
    "a refund of no number of credits": ("refunds", NEW_REFUND | CREDIT | {"credits": None}, "returns_one_line"),
    "nothing to return, and pending": ("refunds", NONE | {"id": OTHER_REFUND, "status": "pending"}, "returns_one_line"),
    "a success that is still due": ("refunds", NEW_REFUND | {"status": "succeeded"}, "final_ones_rest"),
    "a pending refund that nobody will touch": ("refunds", SETTLED | NEW_REFUND, "open_ones_are_due"),
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
    "a payment without an amount": ("payment_lines", NEW_LINE | {"amount_minor": None}, "paid_by_one_means"),
    "a payment of nothing": ("payment_lines", NEW_LINE | {"amount_minor": 0}, "paid_by_one_means"),
    "a payment below nothing": ("payment_lines", NEW_LINE | {"amount_minor": -1}, "paid_by_one_means"),
    "a payment without a currency": ("payment_lines", NEW_LINE | {"currency": None}, "paid_by_one_means"),
    "money and credits in one line": (
        "payment_lines",
        NEW_LINE | {"account_id": "a", "credits": 1},
        "paid_by_one_means",
    ),
    "a credit of nothing": ("payment_lines", NEW_LINE | CREDIT | {"credits": 0}, "paid_by_one_means"),
    "a credit of no number": ("payment_lines", NEW_LINE | CREDIT | {"credits": None}, "paid_by_one_means"),
    "line nought": ("payment_lines", {"line_no": 0}, "counted_from_one"),
    "a booking of a session that is not": ("bookings", {"id": "b2", "session_id": "nope"}, "fk_bookings"),
    "a booking of a client who is not": ("bookings", {"id": "b2", "client_id": "nope"}, "fk_bookings"),
    "a second job of one key": ("jobs", {"id": NEW_JOB["id"]}, "one_job_per_key"),
    "a job's status that is none": ("jobs", NEW_JOB | {"status": "odd"}, "status_known"),
    "an open job that nobody looks at": ("jobs", NEW_JOB | {"due_at": None}, "open_jobs_are_due"),
    "a job that has ended and is due": ("jobs", NEW_JOB | {"status": "completed"}, "open_jobs_are_due"),
    "a job on hold for ever": ("jobs", NEW_JOB | {"status": "held"}, "held_until_when"),
    "a reversed range": ("jobs", NEW_JOB | {"date_to": dt.date(2026, 1, 1)}, "range_runs_forward"),
    "more expanded than accepted": ("jobs", NEW_JOB | {"expanded_sessions": 2}, "expansion_within"),
    "cancelled by nobody": ("sessions", NEW_SESSION | {"job_id": None}, "cancelled_by_whom"),
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
    "change", [sa.update(tables.refund_history).values(status="succeeded"), sa.delete(tables.refund_history)]
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
                sorted((one["name"], str(one["type"]), one["nullable"]) for one in inspector.get_columns(name)),
                sorted(
                    (one["name"], " ".join(one["sqltext"].split())) for one in inspector.get_check_constraints(name)
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
    assert asyncio.run(_described(migrated))[0] == asyncio.run(_described(empty, webhook_tables.metadata.create_all))[0]


def test_migrating_what_is_migrated_changes_nothing(database_url):
    before = asyncio.run(_described(database_url))
    assert schema.migrate(database_url) == schema.newest_version()
    assert asyncio.run(_described(database_url)) == before
