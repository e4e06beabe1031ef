"""What an upstream's hook leaves in the rows.

These are its event id, once, and that the refund it spoke of is to be looked up: the instant of
that request is `hinted_at`. A request only ever brings a look-up forward. It never moves the end of
a lease or of a quiet time: these keep a refund from being sent while an earlier call may still
land.
"""

from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import insert, later, now
from app.db.tables import AT_STRIPE, businesses, hook_events, refunds
from app.domain.statuses import Method, RefundStatus

_REMEMBERED_SECONDS: Final = 7 * 86_400.0  # Standard Webhooks has senders try for up to four days
_FORGOTTEN_AT_ONCE: Final = 10


async def record_once(conn: AsyncConnection, source: str, event_id: str) -> bool:
    """Remember an event; False when it has counted before.

    One that is being remembered elsewhere is waited for. Each new one takes up to ten with it that
    are older than a week: the table is never larger than a week's events.
    """
    statement = (
        insert(conn, hook_events)
        .values(source=source, event_id=event_id, received_at=now())
        .on_conflict_do_nothing()
        .returning(hook_events.c.event_id)
    )
    if (await conn.execute(statement)).first() is None:
        return False
    key = (hook_events.c.source, hook_events.c.event_id)
    old = (
        sa.select(*key)
        .where(hook_events.c.received_at < later(sa.literal(-_REMEMBERED_SECONDS, sa.Float)))
        .order_by(hook_events.c.received_at)
        .limit(_FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await conn.execute(sa.delete(hook_events).where(sa.tuple_(*key).in_(old)))
    return True


class MeantRefund(NamedTuple):
    """A refund that its upstream has spoken of, and whose it is."""

    refund_id: str
    job_id: str
    business_id: str


async def meant(conn: AsyncConnection, refund_id: str, method: str) -> MeantRefund | None:
    """A refund at this upstream; None: there is none.

    It is looked for in every business, and without a lock.
    """
    query = sa.select(*(refunds.c[name] for name in ("id", "job_id", "business_id"))).where(
        refunds.c.id == refund_id, refunds.c.upstream == method
    )
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else MeantRefund._make(row)


async def refund_of_stripes(
    conn: AsyncConnection, stripe_id: str, account: str | None
) -> str | None:
    """The refund that Stripe calls by this id, at this connected account.

    The account is where the business's payments are. None: at no connected account. One that a
    person closed has that person's reference, and is none of Stripe's.
    """
    query = (
        sa.select(sa.cast(refunds.c.id, sa.Text))
        .join(businesses, businesses.c.id == refunds.c.business_id)
        .where(
            refunds.c.upstream_reference == stripe_id,
            sa.text(AT_STRIPE),
            refunds.c.method == Method.PAYMENT,
            refunds.c.status != RefundStatus.RESOLVED,
            businesses.c.stripe_account == account
            if account
            else businesses.c.stripe_account.is_(None),
        )
        .limit(1)
    )
    return (await conn.execute(query)).scalar_one_or_none()


async def request_lookup(conn: AsyncConnection, refund_id: str) -> None:
    """Note on an open refund that its upstream has spoken of it.

    One that is `processing` is due now. A look at a `processing` refund may be under way. What it
    finds may be older than the request: the note has the refund looked up again after it, should it
    still find no final word.
    """
    waits = sa.and_(refunds.c.status == RefundStatus.PROCESSING, refunds.c.due_at > now())
    statement = (
        sa.update(refunds)
        .where(refunds.c.id == refund_id, refunds.c.due_at.is_not(None))
        .values(hinted_at=now(), due_at=sa.case((waits, now()), else_=refunds.c.due_at))
    )
    await conn.execute(statement)
