"""A business of others, with one of every object that a path can name."""

import datetime as dt

from app.db import tables
from app.db.access.businesses import create as create_business
from app.db.tables.messages import message_templates, messages, suppressed_addresses
from app.db.tables.personal import client_erasures
from app.db.tables.webhooks import webhook_deliveries, webhook_endpoints, webhook_events

JOB = "019aab00-0000-7000-8000-000000000001"
REFUND = "019aab00-0000-7000-8000-000000000002"
ENDPOINT = "019aab00-0000-7000-8000-000000000003"
KEY = "019aab00-0000-7000-8000-000000000006"
EVENT = "019aab00-0000-7000-8000-000000000004"
MESSAGE = "019aab00-0000-7000-8000-000000000005"
# An object of the other business for each path parameter, and one that nobody has.
THEIRS = {
    "business_id": "theirs",
    "session_id": "their-session",
    "booking_id": "their-booking",
    "client_id": "their-client",
    "job_id": JOB,
    "refund_id": REFUND,
    "endpoint_id": ENDPOINT,
    "event_id": EVENT,
    "key_id": KEY,
    "token": "of.nobody",
    "tag": "0" * 16,
    "message_id": MESSAGE,
    "address": "theirs@studio.example",
    "language": "fr",
}
NOBODYS = {
    "business_id": "nobody",
    "session_id": "no-session",
    "booking_id": "no-booking",
    "client_id": "no-client",
    "job_id": "019aab00-0000-7000-8000-0000000000f1",
    "refund_id": "019aab00-0000-7000-8000-0000000000f2",
    "endpoint_id": "019aab00-0000-7000-8000-0000000000f3",
    "event_id": "019aab00-0000-7000-8000-0000000000f4",
    "key_id": "019aab00-0000-7000-8000-0000000000f6",
    "token": "of.nobody.else",
    "tag": "f" * 16,
    "message_id": "019aab00-0000-7000-8000-0000000000f5",
    "address": "nobody@studio.example",
    "language": "de",
}


async def open_other_business(db):
    """Open a business with a session, a client, a booking, a job and a refund.

    It has a webhook endpoint, too, that was told of the job.
    """
    async with db.write() as conn:
        await create_business(conn, "theirs", name="Theirs", timezone="UTC", currency="EUR")
        await create_business(conn, "ours", name="Ours", timezone="UTC", currency="EUR")
        await conn.execute(
            tables.clients.insert().values(business_id="theirs", id=THEIRS["client_id"], name="Ada")
        )
        at = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
        await conn.execute(
            client_erasures.insert().values(
                business_id="theirs",
                client_id=THEIRS["client_id"],
                requested_by="key:desk",
                requested_at=at,
                finished_at=at,
                counts={},
            )
        )
        await conn.execute(
            tables.jobs.insert().values(
                id=JOB,
                business_id="theirs",
                idempotency_key="key",
                request_fingerprint="0" * 64,
                status="completed_with_failures",
                date_from=at.date(),
                date_to=at.date(),
                include_attended=False,
                requested_by="key:desk",
                requested_at=at,
                finished_at=at,
                due_at=None,
                accepted_sessions=1,
                expanded_sessions=1,
                totals={
                    "sessions": 1,
                    "bookings": 1,
                    "clients": 1,
                    "refunds": 1,
                    "amounts": {"EUR": 100},
                    "credits": 0,
                    "nothing_to_return": 0,
                },
                outcome_seq=1,
            )
        )
        session = {
            "business_id": "theirs",
            "id": THEIRS["session_id"],
            "name": "Yoga",
            "timezone": "UTC",
        }
        times = {"starts_at": at, "ends_at": at + dt.timedelta(hours=1)}
        await conn.execute(
            tables.sessions.insert().values(
                **session, **times, status="cancelled", job_id=JOB, cancelled_at=at
            )
        )
        await conn.execute(
            tables.bookings.insert().values(
                business_id="theirs",
                id=THEIRS["booking_id"],
                session_id=THEIRS["session_id"],
                client_id=THEIRS["client_id"],
                status="booked",
            )
        )
        await conn.execute(
            tables.job_sessions.insert().values(
                job_id=JOB,
                session_id=THEIRS["session_id"],
                business_id="theirs",
                seq=1,
                position=0,
                outcome="accepted",
                session_name="Yoga",
                session_starts_at=at,
                session_timezone="UTC",
            )
        )
        await conn.execute(
            tables.refunds.insert().values(
                id=REFUND,
                business_id="theirs",
                job_id=JOB,
                session_id=THEIRS["session_id"],
                booking_id=THEIRS["booking_id"],
                client_id=THEIRS["client_id"],
                line_no=1,
                method="payment",
                payment_id="p1",
                amount_minor=100,
                currency="EUR",
                status="rejected",
                due_at=None,
                outcome_seq=1,
                settled_at=at,
            )
        )
        await conn.execute(
            tables.api_keys.insert().values(
                id=KEY,
                business_id="theirs",
                prefix="x" * 12,
                secret_hash="0" * 64,
                name="their key",
                role="read_only",
                scopes="",
            )
        )
        await conn.execute(
            messages.insert().values(
                id=MESSAGE,
                business_id="theirs",
                job_id=JOB,
                kind="client",
                addressee=THEIRS["client_id"],
                edition=1,
                status="failed",
                facts={},
                composed_at=at,
            )
        )
        await conn.execute(
            message_templates.insert().values(
                business_id="theirs",
                language=THEIRS["language"],
                subject="Oh",
                set_by="key:desk",
                set_at=at,
            )
        )
        await conn.execute(
            suppressed_addresses.insert().values(
                business_id="theirs", address=THEIRS["address"], because="5.1.1"
            )
        )
        await conn.execute(
            webhook_endpoints.insert().values(
                id=ENDPOINT,
                business_id="theirs",
                url="https://example.com/hook",
                status="enabled",
                created_at=at,
            )
        )
        event = {"id": EVENT, "business_id": "theirs", "type": "refund.failed", "occurred_at": at}
        await conn.execute(webhook_events.insert().values(**event, payload="{}"))
        await conn.execute(
            webhook_deliveries.insert().values(
                endpoint_id=ENDPOINT, event_id=EVENT, status="failed", due_at=None
            )
        )
