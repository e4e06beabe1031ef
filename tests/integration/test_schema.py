"""The schema itself holds the promise: what must never be in it is refused.

The revisions make exactly this schema.
"""

import datetime as dt

import pytest
import sqlalchemy as sa
from integration.rows import (
    AT,
    CREDIT,
    GOODWILL,
    KEPT,
    NEW_JOB,
    NEW_LINE,
    NEW_REFUND,
    NEW_SESSION,
    NEXT_ACCEPTED,
    NONE,
    OTHER_JOB,
    OTHER_REFUND,
    ROWS,
    SETTLED,
    insert,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.db import tables
from app.db.core.engine import Database


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
    "a second refund of a payment line": ("refunds", {"id": OTHER_REFUND}, "one_refund_per_leg"),
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
    "goodwill of an account": (
        "refunds",
        NEW_REFUND | GOODWILL | {"account_id": "a"},
        "returns_one_line",
    ),
    "goodwill of a payment line": (
        "refunds",
        NEW_REFUND | GOODWILL | {"line_no": 2},
        "returns_one_line",
    ),
    "goodwill of no credits": (
        "refunds",
        NEW_REFUND | GOODWILL | {"credits": 0},
        "refunds",
    ),
    "credits of no account that are no goodwill": (
        "refunds",
        NEW_REFUND | GOODWILL | {"returned_as": "original"},
        "returns_one_line",
    ),
    "goodwill of a second leg": (
        "refunds",
        NEW_REFUND | GOODWILL | {"leg": 2},
        "refunds",
    ),
    "goodwill twice to a client of a job": (
        "job_goodwill",
        {"booking_id": "b2"},
        "one_goodwill_per_client",
    ),
    "a refund of no number of credits": (
        "refunds",
        NEW_REFUND | CREDIT | {"credits": None, "upstream": "credit"},
        "returns_one_line",
    ),
    "nothing to return, and pending": (
        "refunds",
        NONE | {"id": OTHER_REFUND, "status": "pending", "upstream": "none"},
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
    [
        sa.update(tables.refund_history).values(status="succeeded"),
        sa.update(tables.refund_history).values(failure_detail="another"),
        sa.update(tables.refund_history).values(failure_detail=None, attempts=9),
        sa.update(tables.refund_history).values(business_id="theirs"),
        sa.delete(tables.refund_history),
    ],
)
async def test_history_is_only_ever_added_to(filled, change):
    with pytest.raises(DBAPIError, match="append-only"):
        async with filled.write() as conn:
            await conn.execute(change)
    async with filled.read() as conn:
        assert await conn.scalar(sa.select(tables.refund_history.c.status)) == "pending"


async def test_of_history_what_is_written_of_somebody_may_be_removed(filled):
    await insert(filled, "refund_history", failure_detail="In cash, to Kim.")
    history = tables.refund_history
    async with filled.write() as conn:
        await conn.execute(sa.update(history).values(failure_detail=None))
    async with filled.read() as conn:
        assert set((await conn.execute(sa.select(history.c.failure_detail))).scalars()) == {None}


async def test_history_on_postgresql_is_not_emptied_by_truncate(postgresql_url):
    db = Database(postgresql_url)
    try:
        with pytest.raises(DBAPIError, match="append-only"):
            async with db.write() as conn:
                await conn.execute(sa.text("TRUNCATE refund_history"))
    finally:
        await db.close()
