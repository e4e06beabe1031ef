"""A row of each table, as small as its rules allow, and what to change in one."""

import datetime as dt

import sqlalchemy as sa

from app.db import tables

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
    "job_goodwill": {
        "job_id": JOB, "session_id": "s1", "booking_id": "b1", "client_id": "c1", "per": "client",
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
GOODWILL = CREDIT | {
    "account_id": None,
    "line_no": -1,
    "returned_as": "goodwill",
    "upstream": "credit",
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
