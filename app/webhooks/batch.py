"""The two transactions of an endpoint's lane: claiming what is due, writing what came of it.

Each is one short transaction; nothing is sent before its claim is committed.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from app.db.access.encrypted import webhook_secret
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.webhooks import attempts, deliveries, endpoints, events, signing_secrets
from app.db.webhooks.attempts import AttemptRow
from app.db.webhooks.deliveries import ClaimedDelivery
from app.db.webhooks.events import Event
from app.domain.events import EventType
from app.domain.statuses import DisabledBecause, EndpointStatus
from app.encryption import SecretBox, Undecryptable
from app.meters import webhook_attempted
from app.webhooks import retries
from app.webhooks.addresses import AddressPolicy, Resolver

log = structlog.get_logger()

# A call begins so soon after its claim was asked for, or the delivery is given back.
BEGINS_WITHIN_SECONDS: Final = 10.0
# Of a lease, beyond that and the call's own deadline: for writing what came of it.
_WRITING_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What the lanes of all endpoints share in a process."""

    db: Database
    secret_box: SecretBox
    policy: AddressPolicy
    resolver: Resolver
    tls: ssl.SSLContext
    timeout_seconds: float
    jitter: Callable[[], float]


@dataclass(frozen=True, slots=True)
class AddressedDelivery:
    """A claimed delivery, and where and under which secrets it goes."""

    url: str
    secrets: Sequence[str]  # the newest first; none can be read where this is empty
    claimed: ClaimedDelivery


async def claim(
    context: DeliveryContext, business_id: str, endpoint_id: str, most: int
) -> Sequence[AddressedDelivery]:
    """Claim, and commit: only then is anything sent."""
    with of_business(business_id):
        return await _claim(context, endpoint_id, most)


async def _claim(
    context: DeliveryContext, endpoint_id: str, most: int
) -> Sequence[AddressedDelivery]:
    async with context.db.write() as conn:
        endpoint = await endpoints.get_any(conn, endpoint_id)
        if endpoint is None:
            return ()
        if endpoint.status != EndpointStatus.ENABLED:
            # What is due was written while it was being disabled, unless it is just being enabled.
            held = await endpoints.hold(conn, endpoint_id)
            if held is not None and held.status != EndpointStatus.ENABLED:
                await deliveries.give_up(conn, endpoint_id)
            return ()
        lease = BEGINS_WITHIN_SECONDS + context.timeout_seconds + _WRITING_SECONDS
        claimed = await deliveries.claim(conn, endpoint_id, most=most, lease_seconds=lease)
        encrypted = await signing_secrets.in_force(conn, endpoint_id)
    secrets = _opened(context.secret_box, endpoint_id, encrypted)
    return [AddressedDelivery(endpoint.url, secrets, one) for one in claimed]


def _opened(
    secret_box: SecretBox, endpoint_id: str, encrypted: Sequence[tuple[str, str]]
) -> list[str]:
    """The secrets, the newest first.

    None where that one can't be opened, or the endpoint has just been deleted.
    """
    secrets = []
    for place, (secret_id, one) in enumerate(encrypted):
        try:
            secrets.append(secret_box.decrypt(one, webhook_secret(secret_id)))
        except Undecryptable:
            if place == 0:
                log.error("webhooks.secret_unreadable", endpoint_id=endpoint_id)  # noqa: TRY400 - nothing to trace
                return []
            # Whoever has the new one needs an older one no more.
    return secrets


async def record(
    db: Database, business_id: str, endpoint_id: str, group: Sequence[AttemptRow]
) -> None:
    """Write a group of one endpoint's attempts, and what they say of the endpoint."""
    with of_business(business_id):
        await _record(db, endpoint_id, group)


async def _record(db: Database, endpoint_id: str, group: Sequence[AttemptRow]) -> None:
    made = [one for one in group if one.milliseconds is not None]
    async with db.write() as conn:
        endpoint = await endpoints.hold(conn, endpoint_id)
        if endpoint is None:
            return  # deleted meanwhile, with all its deliveries
        await attempts.record(conn, group)
        because = None
        # Ignore a 410 from a URL that the endpoint no longer has.
        if any(retries.is_gone(one.status_code) and one.url == endpoint.url for one in made):
            because = DisabledBecause.GONE
        elif any(one.delivered for one in made):
            if endpoint.failing_since is not None:
                await endpoints.update(conn, endpoint_id, failing_since=None)
        elif made and await endpoints.record_failure(
            conn, endpoint, for_seconds=retries.MAX_FAILING_SECONDS
        ):
            because = DisabledBecause.FAILING
        if because is not None and endpoint.status == EndpointStatus.ENABLED:
            await endpoints.disable(conn, endpoint_id, because)
            event = Event(
                EventType.ENDPOINT_DISABLED, {"endpoint_id": endpoint_id, "because": because}
            )
            await events.publish(conn, endpoint.business_id, [event])
            log.warning("webhook_endpoint.disabled", endpoint_id=endpoint_id, because=because)
    for one in made:
        webhook_attempted(delivered=one.delivered, seconds=(one.milliseconds or 0) / 1000)
