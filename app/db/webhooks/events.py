"""Publishing events to a business's endpoints: events and their deliveries.

They are written in the transaction of what they report. Of a business without endpoints nothing is
written. What a disabled endpoint would have received is kept as an event, so that it can be
replayed.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.db.core import changes
from app.db.core.bulk_insert import insert_many
from app.db.core.dialect import in_list, now
from app.db.core.driver import Row, fetch
from app.db.tables.webhooks import webhook_deliveries, webhook_endpoints, webhook_events
from app.domain.days import instant_text
from app.domain.events import EventType
from app.domain.statuses import DeliveryStatus, EndpointStatus


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened; `data` names ids, and leaves the rest to be fetched."""

    type: EventType
    data: Mapping[str, Any]


_ENDPOINTS: Final = (
    sa.select(
        sa.cast(webhook_endpoints.c.id, sa.Text).label("id"),
        webhook_endpoints.c.status,
        webhook_endpoints.c.event_types,
        now().label("read_at"),
    )
    .where(webhook_endpoints.c.business_id == sa.bindparam("of_business"))
    .order_by(webhook_endpoints.c.id)
    # Until their deliveries are written, none is deleted: whoever publishes must not fail by that.
    .with_for_update(read=True, key_share=True)
)


async def publish(
    conn: AsyncConnection, business_id: str, events: Iterable[Event], *, only: str | None = None
) -> Sequence[str]:
    """Write events, with deliveries to every enabled endpoint that asks for their type.

    Args:
        conn: in the transaction that writes what is reported.
        business_id: whose endpoints.
        events: what has happened; not looked at where there is no endpoint.
        only: an endpoint's id: publish to this one alone, whatever types it asks for.

    Returns:
        The ids of the events that were written: those that some endpoint, enabled or not, asks for.
    """
    endpoints = await fetch(conn, _ENDPOINTS, {"of_business": business_id})
    if only is not None:
        endpoints = [endpoint for endpoint in endpoints if endpoint["id"] == only]
    if not endpoints:
        return []
    at = endpoints[0]["read_at"]
    asked = [
        event
        for event in events
        if only is not None or any(asks_for(one, event.type) for one in endpoints)
    ]
    # They are of one millisecond, and yet in the order of what they report.
    ids = sorted(_id_at(at) for _ in asked)
    published = list(zip(ids, asked, strict=True))
    written = [
        (event_id, event.type, _payload(event, business_id, at)) for event_id, event in published
    ]
    enabled = [one for one in endpoints if one["status"] == EndpointStatus.ENABLED]
    deliveries = [
        (one["id"], event_id)
        for one in enabled
        for event_id, event in published
        if only is not None or asks_for(one, event.type)
    ]
    await insert_many(
        conn,
        webhook_events,
        {"business_id": business_id, "occurred_at": at},
        ("id", "type", "payload"),
        written,
    )
    await insert_many(
        conn, webhook_deliveries, _fresh(business_id, at), ("endpoint_id", "event_id"), deliveries
    )
    if deliveries:
        changes.note_deliveries()
    return ids


async def is_asked_for(conn: AsyncConnection, business_id: str, event_type: EventType) -> bool:
    """Whether some endpoint of the business lets events of this type through."""
    query = sa.select(webhook_endpoints.c.event_types).where(
        webhook_endpoints.c.business_id == business_id
    )
    filters = (await conn.execute(query)).mappings().all()
    return any(asks_for(one, event_type) for one in filters)


def asks_for(endpoint: Row | sa.RowMapping, event_type: str) -> bool:
    """Whether an endpoint's filter lets events of this type through."""
    types: str | None = endpoint["event_types"]
    return types is None or event_type in types.split()


def first_id_at(instant: dt.datetime) -> str:
    """The lowest id that an event of this millisecond or later may have."""
    text = f"{max(0, int(instant.timestamp() * 1000)):012x}"
    return f"{text[:8]}-{text[8:]}-7000-8000-000000000000"


async def forget(conn: AsyncConnection, *, before: dt.datetime, limit: int) -> int:
    """Delete up to `limit` events from before an instant; returns how many.

    Their deliveries and attempts go with them.
    """
    old = sa.select(webhook_events.c.id).where(webhook_events.c.id < first_id_at(before))
    ids = (await conn.execute(old.order_by(webhook_events.c.id).limit(limit))).scalars().all()
    # Before the events, in the order in which they would be had one by one; their attempts go with
    # them.
    await conn.execute(
        sa.delete(webhook_deliveries).where(in_list(webhook_deliveries.c.event_id, ids))
    )
    await conn.execute(sa.delete(webhook_events).where(in_list(webhook_events.c.id, ids)))
    return len(ids)


def types_of(text: str | None) -> Collection[EventType] | None:
    """An endpoint's filter as it is kept, in the order of the types; None: all."""
    return None if text is None else [one for one in EventType if one in text.split()]


def _id_at(at: dt.datetime) -> str:
    # The id carries the database's milliseconds, so that events since an instant are found by their
    # ids.
    return str(uuid7(nanoseconds=int(at.timestamp() * 1000) * 1_000_000))


def _payload(event: Event, business_id: str, at: dt.datetime) -> str:
    # Standard Webhooks 1.0.0, "Payload structure".
    whole = {
        "type": event.type,
        "timestamp": instant_text(at),
        "data": {"business_id": business_id, **event.data},
    }
    return orjson.dumps(whole).decode()


def _fresh(business_id: str, at: dt.datetime) -> dict[str, Any]:
    return {
        "business_id": business_id,
        "status": DeliveryStatus.PENDING,
        "due_at": at,
        "epoch": 0,
        "tries": 0,
    }
