"""A city of businesses with years behind them.

Its tables are so large that reading one from end to end would be a defect.
"""

import datetime as dt

import sqlalchemy as sa
from uuid_utils import uuid7

from app.db import tables as t
from app.db.core.dialect import later, now
from app.db.core.engine import Database
from app.db.tables import administration as of_access
from app.db.tables import messages as m
from app.db.tables import personal as of_clients
from app.db.tables import webhooks as w

BUSINESSES = 500
JOBS_EACH = 10  # of a session each
BOOKINGS_EACH = 4  # per session
KEYS_EACH = 4
OPEN_ONE_IN = 500  # jobs
FIRST_DAY = dt.datetime(2026, 1, 1, 9, tzinfo=dt.UTC)


async def build(db: Database) -> None:
    """Fill every table, and have it counted."""
    numbers = [
        (f"b{business}", number) for business in range(BUSINESSES) for number in range(JOBS_EACH)
    ]
    businesses = [
        {"id": f"b{n}", "name": "Studio", "timezone": "UTC", "currency": "CAD"}
        for n in range(BUSINESSES)
    ]
    async with db.write() as conn:
        await conn.execute(sa.insert(t.businesses), businesses)
        await conn.execute(
            sa.insert(t.jobs), [_job(*one, place) for place, one in enumerate(numbers)]
        )
        for statement in _statements():
            await conn.execute(statement)
    async with db.write() as conn:
        # As in production: PostgreSQL counts its tables by itself sooner or later, SQLite doesn't.
        if db.is_postgresql:
            await conn.execute(sa.text("ANALYZE"))


def _job(business_id: str, number: int, place: int) -> dict:
    is_open = place % OPEN_ONE_IN == 0
    ended_at = None if is_open else FIRST_DAY
    return {
        "id": str(uuid7()),
        "business_id": business_id,
        "idempotency_key": f"key-{number}",
        "request_fingerprint": "",
        "status": "running" if is_open else "completed",
        "date_from": FIRST_DAY.date(),
        "date_to": FIRST_DAY.date(),
        "include_attended": False,
        "requested_by": "desk",
        "requested_at": FIRST_DAY,
        "finished_at": ended_at,
        "due_at": dt.datetime(2099, 1, 1, tzinfo=dt.UTC) if is_open else None,
        "accepted_sessions": 1,
        "expanded_sessions": 1,
        "outcome_seq": 0 if is_open else BOOKINGS_EACH,
        "totals": {"refunds": BOOKINGS_EACH, "amounts": {"CAD": 2000 * BOOKINGS_EACH}},
    }


def _statements() -> list[sa.Insert]:
    each = (
        sa.values(sa.column("n", sa.Integer)).data([(n,) for n in range(BOOKINGS_EACH)]).cte("each")
    )
    n = sa.cast(each.c.n, sa.String)
    one = sa.literal(1)
    paid = {
        "method": sa.literal("payment"),
        "amount_minor": sa.literal(2000),
        "currency": sa.literal("CAD"),
    }
    session_id = sa.literal("s-") + t.jobs.c.idempotency_key
    booking_id = t.job_sessions.c.session_id + "-" + n
    at_rest = t.jobs.c.due_at.is_(None)
    refund_id = sa.func.refund_id(
        sa.literal(1_700_000_000_000, sa.BigInteger),
        sa.literal(0),
        sa.cast(t.jobs.c.id, sa.Text),
        sa.cast(booking_id, sa.Text),
        one,
        type_=t.refunds.c.id.type,
    )
    jobs_sessions_each = t.job_sessions.join(t.jobs, t.jobs.c.id == t.job_sessions.c.job_id).join(
        each, sa.true()
    )
    clock = sa.literal(FIRST_DAY, t.sessions.c.starts_at.type)
    businesses_each = t.businesses.join(each, sa.true())
    endpoint_id = sa.func.refund_id(
        sa.literal(1, sa.BigInteger),
        sa.literal(0),
        sa.literal("endpoint", sa.Text),
        sa.cast(t.businesses.c.id, sa.Text),
        each.c.n,
        type_=w.webhook_endpoints.c.id.type,
    )
    first_endpoint = w.webhook_endpoints.join(
        t.refunds, t.refunds.c.business_id == w.webhook_endpoints.c.business_id
    ).join(w.webhook_events, w.webhook_events.c.id == t.refunds.c.id)
    is_first = w.webhook_endpoints.c.description == "0"
    return [
        _insert(
            t.clients,
            businesses_each,
            business_id=t.businesses.c.id,
            id=sa.literal("c") + n,
            name=sa.literal("Kim Li"),
        ),
        _insert(
            of_clients.former_contacts,
            t.clients,
            business_id=t.clients.c.business_id,
            client_id=t.clients.c.id,
            changed_at=clock,
            name=sa.literal("Kim Ito"),
        ),
        _insert(
            of_clients.client_erasures,
            t.clients,
            business_id=t.clients.c.business_id,
            client_id=t.clients.c.id,
            requested_by=sa.literal("desk"),
            requested_at=clock,
            finished_at=clock,
            counts=sa.literal({}, sa.JSON),
        ),
        _insert(
            t.api_keys,
            businesses_each,
            id=sa.func.refund_id(
                sa.literal(1, sa.BigInteger),
                sa.literal(0),
                sa.literal("", sa.Text),
                sa.cast(t.businesses.c.id, sa.Text),
                each.c.n,
                type_=t.api_keys.c.id.type,
            ),
            business_id=t.businesses.c.id,
            prefix=t.businesses.c.id + "-" + n,
            secret_hash=sa.literal(""),
            name=sa.literal("desk"),
            scopes=sa.literal(""),
            created_at=now(),
        ),
        _insert(
            of_access.administration,
            t.api_keys,
            id=t.api_keys.c.id,
            business_id=t.api_keys.c.business_id,
            recorded_at=now(),
            actor_kind=sa.literal("command"),
            actor=sa.literal("command"),
            action=sa.literal("key.created"),
            subject=t.api_keys.c.prefix,
        ),
        _insert(
            of_access.ended_sign_ins,
            t.api_keys,
            id=t.api_keys.c.id,
            business_id=t.api_keys.c.business_id,
            subject=t.api_keys.c.prefix,
            sid=t.api_keys.c.prefix,
            ended_at=now(),
        ),
        _insert(
            t.sessions,
            t.jobs,
            business_id=t.jobs.c.business_id,
            id=session_id,
            name=sa.literal("Yoga"),
            starts_at=clock,
            ends_at=later(sa.literal(86_400.0 * 365)),
            timezone=sa.literal("UTC"),
            status=sa.literal("cancelled"),
            job_id=t.jobs.c.id,
            cancelled_at=clock,
        ),
        _insert(t.job_claims, t.jobs, job_id=t.jobs.c.id, method=sa.literal("payment"), claims=one),
        _insert(
            t.job_sessions,
            t.jobs,
            job_id=t.jobs.c.id,
            session_id=session_id,
            business_id=t.jobs.c.business_id,
            seq=one,
            position=sa.literal(0),
            outcome=sa.literal("accepted"),
            bookings=sa.literal(BOOKINGS_EACH),
            session_name=sa.literal("Yoga"),
            session_starts_at=clock,
            session_timezone=sa.literal("UTC"),
        ),
        _insert(
            t.bookings,
            jobs_sessions_each,
            business_id=t.jobs.c.business_id,
            id=booking_id,
            session_id=t.job_sessions.c.session_id,
            client_id=sa.literal("c") + n,
            status=sa.literal("booked"),
        ),
        _insert(
            t.payment_lines,
            t.bookings,
            business_id=t.bookings.c.business_id,
            booking_id=t.bookings.c.id,
            line_no=one,
            payment_id=t.bookings.c.id,
            **paid,
        ),
        _insert(
            t.refunds,
            jobs_sessions_each,
            id=refund_id,
            business_id=t.jobs.c.business_id,
            job_id=t.jobs.c.id,
            session_id=t.job_sessions.c.session_id,
            booking_id=booking_id,
            client_id=sa.literal("c") + n,
            line_no=one,
            payment_id=booking_id,
            **paid,
            status=sa.case((at_rest, "succeeded"), else_="pending"),
            due_at=t.jobs.c.due_at,
            first_due_at=clock,
            outcome_seq=sa.case((at_rest, each.c.n + 1)),
            settled_at=sa.case((at_rest, clock)),
            epoch=one,
            attempts=one,
            key_generation=sa.literal(0),
        ),
        _insert(
            m.messages,
            t.refunds,
            id=t.refunds.c.id,
            business_id=t.refunds.c.business_id,
            job_id=t.refunds.c.job_id,
            kind=sa.literal("client"),
            addressee=t.refunds.c.client_id,
            edition=one,
            status=sa.literal("sent"),
            epoch=one,
            tries=one,
            facts=sa.literal({}, sa.JSON),
            composed_at=clock,
            created_at=clock,
            sent_at=clock,
        ),
        _insert(
            t.refund_history,
            t.refunds,
            refund_id=t.refunds.c.id,
            epoch=one,
            status=t.refunds.c.status,
            attempts=one,
            actor=sa.literal("worker"),
            recorded_at=clock,
        ),
        _insert(
            t.hook_events,
            t.refunds,
            source=sa.literal("payments"),
            event_id=sa.cast(t.refunds.c.id, sa.String),
            received_at=now(),
        ),
        _insert(
            w.webhook_endpoints,
            businesses_each,
            id=endpoint_id,
            business_id=t.businesses.c.id,
            url=sa.literal("https://example.com/"),
            description=n,
            status=sa.literal("enabled"),
            created_at=now(),
        ),
        _insert(
            w.webhook_secrets,
            w.webhook_endpoints,
            id=w.webhook_endpoints.c.id,
            endpoint_id=w.webhook_endpoints.c.id,
            secret=sa.literal(""),
            created_at=now(),
        ),
        _insert(
            w.webhook_events,
            t.refunds,
            id=t.refunds.c.id,
            business_id=t.refunds.c.business_id,
            type=sa.literal("refund.succeeded"),
            occurred_at=now(),
            payload=sa.literal("{}"),
        ),
        _insert(
            w.webhook_deliveries,
            first_endpoint,
            is_first,
            endpoint_id=w.webhook_endpoints.c.id,
            event_id=w.webhook_events.c.id,
            status=sa.case((t.refunds.c.due_at.is_(None), "delivered"), else_="pending"),
            due_at=t.refunds.c.due_at,
            epoch=one,
            tries=one,
        ),
        _insert(
            w.webhook_attempts,
            w.webhook_deliveries,
            endpoint_id=w.webhook_deliveries.c.endpoint_id,
            event_id=w.webhook_deliveries.c.event_id,
            epoch=one,
            ended_at=now(),
            milliseconds=one,
        ),
    ]


def _insert(table: sa.Table, source: sa.FromClause, /, *where, **columns) -> sa.Insert:
    chosen = (
        sa.select(*(column.label(name) for name, column in columns.items()))
        .select_from(source)
        .where(*where)
    )
    return sa.insert(table).from_select(list(columns), chosen, include_defaults=False)
