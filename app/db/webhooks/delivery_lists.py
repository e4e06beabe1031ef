"""Lists of what was published: deliveries, their attempts, and events to replay.

Deliveries are as a business sees them.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list
from app.db.tables.webhooks import webhook_attempts, webhook_deliveries, webhook_events
from app.db.webhooks.events import first_id_at
from app.domain.events import EventType
from app.domain.nouns.webhooks import DeliveryRow, EndpointRow, PastAttempt
from app.domain.statuses import DeliveryStatus

_DELIVERY: Final = webhook_deliveries.c
_EVENT: Final = webhook_events.c
_ATTEMPT: Final = webhook_attempts.c

_SHOWN: Final = sa.select(
    _DELIVERY.event_id,
    _EVENT.type,
    _EVENT.occurred_at,
    _DELIVERY.status,
    _DELIVERY.due_at.label("next_attempt_at"),
    _EVENT.payload,
).join(webhook_events, _EVENT.id == _DELIVERY.event_id)
_ATTEMPTS: Final = sa.select(_ATTEMPT.event_id, *(_ATTEMPT[name] for name in PastAttempt.__slots__))


async def newest(
    conn: AsyncConnection, endpoint_id: str, *, status: str | None, before: str | None, limit: int
) -> list[DeliveryRow]:
    """Deliveries to an endpoint, the newest event first.

    They go on from the one after `before`, an event's id.
    """
    query = _SHOWN.where(_DELIVERY.endpoint_id == endpoint_id)
    if status is not None:
        query = query.where(_DELIVERY.status == status)
    if before is not None:
        query = query.where(_DELIVERY.event_id < before)
    return [
        _shown(row)
        for row in await conn.execute(query.order_by(_DELIVERY.event_id.desc()).limit(limit))
    ]


async def one(conn: AsyncConnection, endpoint_id: str, event_id: str) -> DeliveryRow | None:
    """One delivery."""
    query = _SHOWN.where(_DELIVERY.endpoint_id == endpoint_id, _DELIVERY.event_id == event_id)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else _shown(row)


async def attempts_at(
    conn: AsyncConnection, endpoint_id: str, event_ids: Sequence[str]
) -> Mapping[str, Sequence[PastAttempt]]:
    """The attempts at deliveries of these events, by the event, each's in their order."""
    query = _ATTEMPTS.where(
        _ATTEMPT.endpoint_id == endpoint_id, in_list(_ATTEMPT.event_id, sorted(event_ids))
    )
    found: defaultdict[str, list[PastAttempt]] = defaultdict(list)
    for event_id, *attempt in await conn.execute(query.order_by(_ATTEMPT.event_id, _ATTEMPT.epoch)):
        found[event_id].append(PastAttempt(*attempt))
    return found


async def to_replay(
    conn: AsyncConnection,
    endpoint: EndpointRow,
    since: dt.datetime,
    *,
    after: str | None,
    undelivered_only: bool,
    limit: int,
) -> Sequence[str]:
    """Ids of the events since an instant that an endpoint asks for, in their order.

    They are its business's, delivered before or not.

    Args:
        conn: in a transaction.
        endpoint: whose events of which types.
        since: events that have occurred then or later.
        after: from the one after this.
        undelivered_only: leave out what the endpoint has taken already.
        limit: so many at most.
    """
    query = sa.select(_EVENT.id).where(
        _EVENT.business_id == endpoint.business_id,
        _EVENT.id > after if after is not None else _EVENT.id >= first_id_at(since),
        _EVENT.occurred_at >= since,
        _EVENT.type != EventType.TEST,  # they are for one endpoint, once
    )
    if endpoint.event_types is not None:
        query = query.where(_EVENT.type.in_(list(endpoint.event_types)))
    if undelivered_only:
        taken = sa.exists().where(
            _DELIVERY.endpoint_id == endpoint.id,
            _DELIVERY.event_id == _EVENT.id,
            _DELIVERY.status == DeliveryStatus.DELIVERED,
        )
        query = query.where(~taken)
    return (await conn.execute(query.order_by(_EVENT.id).limit(limit))).scalars().all()


def _shown(row: sa.Row[*tuple[Any, ...]]) -> DeliveryRow:
    event_id, type_, occurred_at, status, next_attempt_at, payload = row
    return DeliveryRow(
        event_id, EventType(type_), occurred_at, DeliveryStatus(status), next_attempt_at, payload
    )
