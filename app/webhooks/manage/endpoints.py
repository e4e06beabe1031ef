"""Managing endpoints: create, change, delete, rotate the secret, test, deliver again.

A secret is told once, when it is made; in the database it is sealed.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.db.access.encrypted import webhook_secret
from app.db.core.engine import Database
from app.db.webhooks import deliveries, delivery_lists, endpoints, signing_secrets
from app.db.webhooks.events import Event, tell, types_of
from app.domain.events import EventType
from app.domain.statuses import DisabledBecause, EndpointStatus
from app.encryption import SecretBox
from app.errors import NotFound, Problem
from app.webhooks.signing import new_secret

log = structlog.get_logger()

MAX_ENDPOINTS: Final = 50
# In force at a time; each is a signature of 47 characters in every request's headers.
MAX_SECRETS: Final = 10
MAX_OVERLAP_SECONDS: Final = 86_400
_AT_ONCE: Final = 2_000

Filter = Collection[str] | None  # None: every type


async def create(
    db: Database,
    seals: SecretBox,
    business_id: str,
    *,
    url: str,
    description: str | None,
    event_types: Filter,
) -> tuple[sa.RowMapping, str]:
    """A new endpoint, enabled, and its secret.

    Args:
        db: where it is kept.
        seals: what its secret is sealed with.
        business_id: whose events it is told.
        url: as `urls.check_url` has it.
        description: the business's own words.
        event_types: what it is told.

    Raises:
        Problem: 409 `too-many-endpoints`.
    """
    secret, endpoint_id = new_secret(), str(uuid7())
    async with db.write() as conn:
        if await endpoints.count(conn, business_id) >= MAX_ENDPOINTS:
            detail = (
                f"A business may have {MAX_ENDPOINTS}. Delete one that is not needed, "
                "or have one hear more types."
            )
            raise Problem(409, "too-many-endpoints", "There are too many endpoints", detail)
        await endpoints.add(
            conn,
            id=endpoint_id,
            business_id=business_id,
            url=url,
            description=description,
            event_types=_kept(event_types),
        )
        await _keep(conn, seals, endpoint_id, secret)
        endpoint = await _found(conn, business_id, endpoint_id)
    log.info("webhook_endpoint.created", endpoint_id=endpoint_id, business_id=business_id)
    return endpoint, secret


async def change(
    db: Database,
    business_id: str,
    endpoint_id: str,
    changes: Mapping[str, Any],
    *,
    status: EndpointStatus | None,
) -> sa.RowMapping:
    """Change an endpoint's `url`, `description` or `event_types`, or enable or disable it.

    Enabling one that was disabled sends it what happens from then on; what it has missed can be
    replayed.

    Raises:
        NotFound: no such endpoint.
    """
    values = dict(changes)
    if "event_types" in values:
        values["event_types"] = _kept(values["event_types"])
    if "url" in values:
        values["failing_since"] = None  # what failed was another place
    async with db.write() as conn:
        endpoint = await _found(conn, business_id, endpoint_id, lock=True)
        if values:
            await endpoints.update(conn, endpoint_id, **values)
        if status is EndpointStatus.ENABLED and endpoint["status"] != status:
            await endpoints.enable(conn, endpoint_id)
        if status is EndpointStatus.DISABLED and endpoint["status"] != status:
            await endpoints.disable(conn, endpoint_id, DisabledBecause.BY_HAND)
        return await _found(conn, business_id, endpoint_id)


async def delete(db: Database, business_id: str, endpoint_id: str) -> None:
    """Delete an endpoint and all that is on its way there.

    It is sent nothing from the start.

    Raises:
        NotFound: no such endpoint.
    """
    async with db.write() as conn:
        endpoint = await _found(conn, business_id, endpoint_id, lock=True)
        if endpoint["status"] == EndpointStatus.ENABLED:
            because = {
                "status": EndpointStatus.DISABLED,
                "disabled_because": DisabledBecause.BY_HAND,
            }
            await endpoints.update(conn, endpoint_id, **because)
    # In parts, for there may be a million, and whoever tells the business something waits for a row
    # that is deleted.
    forgotten = _AT_ONCE
    while forgotten == _AT_ONCE:
        async with db.write() as conn:
            forgotten = await deliveries.forget(conn, endpoint_id, limit=_AT_ONCE)
    async with db.write() as conn:
        await endpoints.delete(conn, business_id, endpoint_id)
    log.info("webhook_endpoint.deleted", endpoint_id=endpoint_id, business_id=business_id)


async def rotate(
    db: Database, seals: SecretBox, business_id: str, endpoint_id: str, *, overlap_seconds: int
) -> tuple[sa.RowMapping, str]:
    """Give an endpoint a new secret; the old one signs too for `overlap_seconds`.

    Older ones live to their own ends, so that a rotation whose answer was lost may be made again;
    an overlap of 0 ends them all, as is wanted of those that leaked.

    Raises:
        NotFound: no such endpoint.
        Problem: 409 `too-many-secrets`.
    """
    secret = new_secret()
    async with db.write() as conn:
        await _found(conn, business_id, endpoint_id, lock=True)
        if overlap_seconds > 0:
            if await signing_secrets.count(conn, endpoint_id) >= MAX_SECRETS:
                detail = (
                    f"An endpoint may have {MAX_SECRETS} in force. Wait until one ends, "
                    "or end all but the new one by an overlap of 0 seconds."
                )
                raise Problem(409, "too-many-secrets", "There are too many secrets", detail)
            await signing_secrets.end_current(
                conn, endpoint_id, after_seconds=float(overlap_seconds)
            )
        else:
            await signing_secrets.delete_all(conn, endpoint_id)
        await _keep(conn, seals, endpoint_id, secret)
        endpoint = await _found(conn, business_id, endpoint_id)
    log.info("webhook_endpoint.rotated", endpoint_id=endpoint_id, business_id=business_id)
    return endpoint, secret


async def send_test(db: Database, business_id: str, endpoint_id: str) -> sa.RowMapping:
    """Send an event of type `webhook_endpoint.test` to this endpoint alone; its delivery.

    Raises:
        NotFound: no such endpoint.
        Problem: 409 `endpoint-disabled`.
    """
    async with db.write() as conn:
        await _enabled(conn, business_id, endpoint_id)
        event = Event(EventType.TEST, {"endpoint_id": endpoint_id})
        [event_id] = await tell(conn, business_id, [event], only=endpoint_id)
        return await _delivery(conn, endpoint_id, event_id)


async def redeliver(
    db: Database, business_id: str, endpoint_id: str, event_id: str
) -> sa.RowMapping:
    """Send one event to an endpoint again, now, whatever came of it before; its delivery.

    Raises:
        NotFound: no such endpoint, or no such delivery to it.
        Problem: 409 `endpoint-disabled`.
    """
    async with db.write() as conn:
        await _enabled(conn, business_id, endpoint_id)
        await _delivery(conn, endpoint_id, event_id)
        await deliveries.deliver_again(conn, endpoint_id, [event_id])
        return await _delivery(conn, endpoint_id, event_id)


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
                types=types_of(endpoint["event_types"]),
                undelivered_only=undelivered_only,
                limit=_AT_ONCE,
            )
            await deliveries.deliver_again(conn, endpoint_id, part)
        count += len(part)
        if len(part) < _AT_ONCE:
            return count
        after = part[-1]


async def _found(
    conn: AsyncConnection, business_id: str, endpoint_id: str, *, lock: bool = False
) -> sa.RowMapping:
    endpoint = await endpoints.get(conn, business_id, endpoint_id, lock=lock)
    if endpoint is None:
        raise NotFound("webhook endpoint")
    return endpoint


async def _enabled(conn: AsyncConnection, business_id: str, endpoint_id: str) -> sa.RowMapping:
    endpoint = await _found(conn, business_id, endpoint_id, lock=True)
    if endpoint["status"] != EndpointStatus.ENABLED:
        detail = "Enable it first: nothing is sent to it now."
        raise Problem(409, "endpoint-disabled", "The endpoint is disabled", detail)
    return endpoint


async def _delivery(conn: AsyncConnection, endpoint_id: str, event_id: str) -> sa.RowMapping:
    delivery = await delivery_lists.one(conn, endpoint_id, event_id)
    if delivery is None:
        raise NotFound("delivery")
    return delivery


def _kept(event_types: Filter) -> str | None:
    return None if event_types is None else " ".join(sorted(event_types))


async def _keep(conn: AsyncConnection, seals: SecretBox, endpoint_id: str, secret: str) -> None:
    secret_id = str(uuid7())
    sealed = seals.seal(secret, webhook_secret(secret_id))
    await signing_secrets.add(conn, endpoint_id, id=secret_id, sealed=sealed)
