"""What an endpoint was sent, and sending it a test or events again."""

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.engine import Database
from app.db.webhooks import deliveries, delivery_lists
from app.db.webhooks.events import Event, publish
from app.domain.events import EventType
from app.domain.nouns.webhooks import DeliveryRow, EndpointRow, PastAttempt
from app.domain.statuses import DeliveryStatus, EndpointStatus
from app.errors import NotFound, Problem
from app.webhooks.manage.endpoints import existing

_AT_ONCE: Final = 2_000


class DeliveryView(NamedTuple):
    """A delivery with its attempts, the first first."""

    delivery: DeliveryRow
    attempts: Sequence[PastAttempt]


async def newest(
    db: Database,
    business_id: str,
    endpoint_id: str,
    *,
    status: DeliveryStatus | None,
    before: str | None,
    limit: int,
) -> list[DeliveryView]:
    """Up to `limit` deliveries to an endpoint, the newest event first.

    They go on from the one after `before`, an event's id.

    Raises:
        NotFound: no such endpoint.
    """
    async with db.read() as conn:
        await existing(conn, business_id, endpoint_id)
        found = await delivery_lists.newest(
            conn, endpoint_id, status=status, before=before, limit=limit
        )
        event_ids = [one.event_id for one in found]
        attempts = await delivery_lists.attempts_at(conn, endpoint_id, event_ids)
    return [DeliveryView(one, attempts.get(one.event_id, ())) for one in found]


async def get(db: Database, business_id: str, endpoint_id: str, event_id: str) -> DeliveryView:
    """One delivery.

    Raises:
        NotFound: no such endpoint, or no such delivery to it.
    """
    async with db.read() as conn:
        await existing(conn, business_id, endpoint_id)
        return await _view(conn, endpoint_id, event_id)


async def send_test(db: Database, business_id: str, endpoint_id: str) -> DeliveryView:
    """Send an event of type `webhook_endpoint.test` to this endpoint alone; its delivery.

    Raises:
        NotFound: no such endpoint.
        Problem: 409 `endpoint-disabled`.
    """
    async with db.write() as conn:
        await _enabled(conn, business_id, endpoint_id)
        event = Event(EventType.TEST, {"endpoint_id": endpoint_id})
        [event_id] = await publish(conn, business_id, [event], only=endpoint_id)
        return DeliveryView(await _existing(conn, endpoint_id, event_id), ())


async def redeliver(
    db: Database, business_id: str, endpoint_id: str, event_id: str
) -> DeliveryView:
    """Send one event to an endpoint again, now, whatever came of it before; its delivery.

    Raises:
        NotFound: no such endpoint, or no such delivery to it.
        Problem: 409 `endpoint-disabled`.
    """
    async with db.write() as conn:
        await _enabled(conn, business_id, endpoint_id)
        await _existing(conn, endpoint_id, event_id)
        await deliveries.deliver_again(conn, business_id, endpoint_id, [event_id])
        return await _view(conn, endpoint_id, event_id)


async def replay(
    db: Database, business_id: str, endpoint_id: str, *, since: dt.datetime, undelivered_only: bool
) -> int:
    """Send an endpoint all events since an instant; returns how many.

    They are those that it asks for, under their old ids. In parts, the oldest first; where one is
    refused, those before it are on their way.

    Raises:
        NotFound: no such endpoint.
        Problem: 409 `endpoint-disabled`.
    """
    count, after = 0, None
    while True:
        async with db.write() as conn:
            endpoint = await _enabled(conn, business_id, endpoint_id)
            part = await delivery_lists.to_replay(
                conn,
                endpoint,
                since,
                after=after,
                undelivered_only=undelivered_only,
                limit=_AT_ONCE,
            )
            await deliveries.deliver_again(conn, business_id, endpoint_id, part)
        count += len(part)
        if len(part) < _AT_ONCE:
            return count
        after = part[-1]


async def _enabled(conn: AsyncConnection, business_id: str, endpoint_id: str) -> EndpointRow:
    endpoint = await existing(conn, business_id, endpoint_id, lock=True)
    if endpoint.status is not EndpointStatus.ENABLED:
        detail = "Enable it first: nothing is sent to it now."
        raise Problem(409, "endpoint-disabled", "The endpoint is disabled", detail)
    return endpoint


async def _existing(conn: AsyncConnection, endpoint_id: str, event_id: str) -> DeliveryRow:
    delivery = await delivery_lists.one(conn, endpoint_id, event_id)
    if delivery is None:
        raise NotFound("delivery")
    return delivery


async def _view(conn: AsyncConnection, endpoint_id: str, event_id: str) -> DeliveryView:
    delivery = await _existing(conn, endpoint_id, event_id)
    attempts = await delivery_lists.attempts_at(conn, endpoint_id, [event_id])
    return DeliveryView(delivery, attempts.get(event_id, ()))
