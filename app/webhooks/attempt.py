"""An endpoint's way: what is claimed for it is signed, sent once, and judged by its answer."""

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog

from app.db.webhooks.attempts import AttemptRow
from app.lanes.way import MAX_WINDOW, Came, Way
from app.webhooks import batch, retries
from app.webhooks.batch import AddressedDelivery, DeliveryContext
from app.webhooks.send import EndpointClient
from app.webhooks.signing import signed

log = structlog.get_logger()

_QUICK_MILLISECONDS: Final = 200
_UNREADABLE_WAITS_SECONDS: Final = 60.0


def way_to(
    context: DeliveryContext, businesses: Mapping[str, str], endpoint_id: str
) -> Way[AddressedDelivery, AttemptRow]:
    """How a lane delivers to this endpoint, by connections of its own.

    `businesses` says whose each endpoint is.
    """
    business_id = businesses[endpoint_id]
    client = EndpointClient(
        context.policy,
        context.resolver,
        context.tls,
        most_connections=MAX_WINDOW,
        total_seconds=context.timeout_seconds,
    )
    return Way(
        claim=partial(batch.claim, context, business_id, endpoint_id),
        begins_within_seconds=batch.BEGINS_WITHIN_SECONDS,
        send=partial(_send, context, endpoint_id, client),
        give_back=partial(_give_back, endpoint_id),
        record=partial(batch.record, context.db, business_id, endpoint_id),
        failed=partial(_failed, endpoint_id),
        aclose=client.aclose,
    )


async def _send(
    context: DeliveryContext, endpoint_id: str, client: EndpointClient, one: AddressedDelivery
) -> Came[AttemptRow]:
    """One attempt, and what it came to."""
    came, claimed = _came(endpoint_id, one), one.claimed
    if not one.secrets:
        # The operator's to mend, and no fault of the endpoint: it waits.
        return Came(came(False, _UNREADABLE_WAITS_SECONDS, None, None, None, None), None)
    headers = signed(claimed.event_id, claimed.payload, one.secrets, at=dt.datetime.now(dt.UTC))
    result = await client.post(one.url, headers, claimed.payload.encode())
    delivered = retries.is_delivered(result.status)
    due_in = None
    if not delivered:
        due_in = retries.next_in(
            claimed.tries + 1,
            jitter=context.jitter(),
            retry_after_seconds=result.retry_after_seconds,
        )
    return Came(
        came(delivered, due_in, result.status, result.error, result.response, result.milliseconds),
        went_well=delivered,
        is_quick=result.milliseconds <= _QUICK_MILLISECONDS,
    )


def _give_back(endpoint_id: str, one: AddressedDelivery) -> AttemptRow:
    """It is due at once, and no attempt was made."""
    return _came(endpoint_id, one)(False, 0.0, None, None, None, None)


def _came(endpoint_id: str, one: AddressedDelivery) -> partial[AttemptRow]:
    claimed = one.claimed
    return partial(AttemptRow, endpoint_id, claimed.event_id, claimed.epoch, claimed.tries, one.url)


def _failed(endpoint_id: str, error: Exception) -> None:
    log.error(
        "webhooks.lane_failed",
        endpoint_id=endpoint_id,
        error=type(error).__name__,
        exc_info=error,
    )
