"""Lists of what was told: deliveries, their attempts, and events to tell again.

Deliveries are as a business sees them.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list
from app.db.webhook_tables import webhook_attempts, webhook_deliveries, webhook_events
from app.db.webhooks.events import first_id_at
from app.domain.events import EventType
from app.domain.nouns.webhooks import DeliveryRow, EndpointRow, PastAttempt
from app.domain.statuses import DeliveryStatus

_D: Final = webhook_deliveries.c
_E: Final = webhook_events.c
_A: Final = webhook_attempts.c

_SHOWN: Final = sa.select(
    _D.event_id,
    _E.type,
    _E.occurred_at,
    _D.status,
    _D.due_at.label("next_attempt_at"),
    _E.payload,
).join(webhook_events, _E.id == _D.event_id)
_ATTEMPTS: Final = sa.select(_A.event_id, *(_A[name] for name in PastAttempt.__slots__))


async def newest(
    conn: AsyncConnection, endpoint_id: str, *, status: str | None, before: str | None, limit: int
) -> list[DeliveryRow]:
    """Deliveries to an endpoint, the newest event first.

    They go on from the one after `before`, an event's id.
    """
    query = _SHOWN.where(_D.endpoint_id == endpoint_id)
    if status is not None:
        query = query.where(_D.status == status)
    if before is not None:
        query = query.where(_D.event_id < before)
    return [
        _shown(row) for row in await conn.execute(query.order_by(_D.event_id.desc()).limit(limit))
    ]


async def one(conn: AsyncConnection, endpoint_id: str, event_id: str) -> DeliveryRow | None:
    """One delivery."""
    query = _SHOWN.where(_D.endpoint_id == endpoint_id, _D.event_id == event_id)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else _shown(row)


async def attempts_at(
    conn: AsyncConnection, endpoint_id: str, event_ids: Sequence[str]
) -> Mapping[str, Sequence[PastAttempt]]:
    """The attempts at deliveries of these events, by the event, each's in their order."""
    query = _ATTEMPTS.where(_A.endpoint_id == endpoint_id, in_list(_A.event_id, sorted(event_ids)))
    found: defaultdict[str, list[PastAttempt]] = defaultdict(list)
    for event_id, *attempt in await conn.execute(query.order_by(_A.event_id, _A.epoch)):
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
    query = sa.select(_E.id).where(
        _E.business_id == endpoint.business_id,
        _E.id > after if after is not None else _E.id >= first_id_at(since),
        _E.occurred_at >= since,
        _E.type != EventType.TEST,  # they are for one endpoint, once
    )
    if endpoint.event_types is not None:
        query = query.where(_E.type.in_(list(endpoint.event_types)))
    if undelivered_only:
        taken = sa.exists().where(
            _D.endpoint_id == endpoint.id,
            _D.event_id == _E.id,
            _D.status == DeliveryStatus.DELIVERED,
        )
        query = query.where(~taken)
    return (await conn.execute(query.order_by(_E.id).limit(limit))).scalars().all()


def _shown(row: sa.Row[*tuple[Any, ...]]) -> DeliveryRow:
    event_id, type_, occurred_at, status, next_attempt_at, payload = row
    return DeliveryRow(
        event_id, EventType(type_), occurred_at, DeliveryStatus(status), next_attempt_at, payload
    )
