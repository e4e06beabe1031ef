"""Lists of what was told: deliveries, their attempts, and events to tell again.

Deliveries are as a business sees them.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list
from app.db.webhook_tables import webhook_attempts, webhook_deliveries, webhook_events
from app.db.webhooks.events import first_id_at
from app.domain.events import EventType
from app.domain.statuses import DeliveryStatus

_D: Final = webhook_deliveries.c
_E: Final = webhook_events.c

_SHOWN: Final = sa.select(
    _D.event_id,
    _E.type,
    _E.occurred_at,
    _D.status,
    _D.tries,
    _D.due_at.label("next_attempt_at"),
    _E.payload,
).join(webhook_events, _E.id == _D.event_id)


async def newest(
    conn: AsyncConnection, endpoint_id: str, *, status: str | None, before: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """Deliveries to an endpoint, the newest event first.

    They go on from the one after `before`, an event's id.
    """
    query = _SHOWN.where(_D.endpoint_id == endpoint_id)
    if status is not None:
        query = query.where(_D.status == status)
    if before is not None:
        query = query.where(_D.event_id < before)
    return (await conn.execute(query.order_by(_D.event_id.desc()).limit(limit))).mappings().all()


async def one(conn: AsyncConnection, endpoint_id: str, event_id: str) -> sa.RowMapping | None:
    """One delivery."""
    query = _SHOWN.where(_D.endpoint_id == endpoint_id, _D.event_id == event_id)
    return (await conn.execute(query)).mappings().one_or_none()


async def attempts_at(
    conn: AsyncConnection, endpoint_id: str, event_ids: Sequence[str]
) -> Sequence[sa.RowMapping]:
    """The attempts at deliveries of these events, in their order."""
    attempts = webhook_attempts.c
    query = sa.select(webhook_attempts).where(
        attempts.endpoint_id == endpoint_id, in_list(attempts.event_id, sorted(event_ids))
    )
    return (await conn.execute(query.order_by(attempts.event_id, attempts.epoch))).mappings().all()


async def to_replay(
    conn: AsyncConnection,
    endpoint: sa.RowMapping,
    since: dt.datetime,
    *,
    after: str | None,
    types: Iterable[str] | None,
    undelivered_only: bool,
    limit: int,
) -> Sequence[str]:
    """Ids of the business's events since an instant, delivered before or not, in their order.

    Args:
        conn: in a transaction.
        endpoint: its row.
        since: events that have occurred then or later.
        after: from the one after this.
        types: those that the endpoint asks for; None: all.
        undelivered_only: leave out what the endpoint has taken already.
        limit: so many at most.
    """
    query = sa.select(_E.id).where(
        _E.business_id == endpoint["business_id"],
        _E.id > after if after is not None else _E.id >= first_id_at(since),
        _E.occurred_at >= since,
        _E.type != EventType.TEST,  # they are for one endpoint, once
    )
    if types is not None:
        query = query.where(_E.type.in_(list(types)))
    if undelivered_only:
        taken = sa.exists().where(
            _D.endpoint_id == endpoint["id"],
            _D.event_id == _E.id,
            _D.status == DeliveryStatus.DELIVERED,
        )
        query = query.where(~taken)
    return (await conn.execute(query.order_by(_E.id).limit(limit))).scalars().all()
