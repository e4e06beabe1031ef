"""Webhook endpoints over HTTP: manage them, see what was sent, send it again.

What came back is shown with what was sent.
"""

from collections.abc import Awaitable
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from starlette.status import HTTP_201_CREATED, HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_uuid_cursor, encode_cursor
from app.api.dependencies import Service, State
from app.api.openapi import problems
from app.api.webhooks import webhook_bodies as bodies
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.domain.fields import Uuid
from app.domain.nouns.webhooks import EndpointRow
from app.domain.statuses import DeliveryStatus
from app.encryption import SecretBox
from app.errors import FieldError, Invalid, Problem
from app.webhooks.addresses import AddressPolicy
from app.webhooks.manage import deliveries, endpoints
from app.webhooks.manage.agreement import with_consent
from app.webhooks.urls import check_url

router = APIRouter(prefix="/webhook-endpoints", tags=["webhooks"])

Manager = Annotated[Caller, caller(Scope.WEBHOOKS_MANAGE)]
_PLACE: Final = {"headers": {"Location": {"schema": {"type": "string"}, "required": True}}}


@router.post(
    "",
    status_code=HTTP_201_CREATED,
    summary="Be told of what happens",
    responses={
        201: _PLACE,
        **problems("webhooks-not-configured", "too-many-endpoints", "host-has-not-agreed"),
    },
)
async def create_webhook_endpoint(
    body: bodies.EndpointRequest, who: Manager, service: Service, response: Response
) -> bodies.EndpointWithSecret:
    """A new endpoint, enabled; the answer holds its secret, which is never shown again.

    At most 50 for a business, and 5 at a host that has not agreed to more.
    """
    secret_box, url = _secret_box(service), _checked(service, body.url)

    def create(agreed: bool) -> Awaitable[tuple[EndpointRow, str]]:
        return endpoints.create(
            service.db,
            secret_box,
            who.business_id,
            url=url,
            description=body.description,
            event_types=body.event_types,
            agreed=agreed,
            by=who.actor,
        )

    endpoint, secret = await with_consent(service.settings, url, create)
    response.headers["Location"] = f"/v1/webhook-endpoints/{endpoint.id}"
    return bodies.EndpointWithSecret(**bodies.fields_of(endpoint), secret=secret)


@router.get("", summary="Webhook endpoints, the oldest first")
async def list_webhook_endpoints(
    who: Manager,
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.Endpoint]:
    """Enabled or not; their secrets are not shown."""
    found = await endpoints.oldest(
        service.db, who.business_id, after=decode_uuid_cursor(cursor), limit=limit + 1
    )
    shown = [bodies.Endpoint.of(row) for row in found[:limit]]
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if len(found) > limit else None)


@router.get("/{endpoint_id}", summary="One webhook endpoint")
async def get_webhook_endpoint(
    endpoint_id: Uuid, who: Manager, service: Service
) -> bodies.Endpoint:
    """As it is now; its secret is not shown."""
    return bodies.Endpoint.of(await endpoints.get(service.db, who.business_id, endpoint_id))


@router.patch(
    "/{endpoint_id}",
    summary="Change, enable or disable one",
    responses=problems("host-has-not-agreed"),
)
async def change_webhook_endpoint(
    endpoint_id: Uuid, body: bodies.EndpointChanges, who: Manager, service: Service
) -> bodies.Endpoint:
    """What is left out stays as it is.

    What one has missed while it was disabled can be replayed.
    """
    changes = body.changed("url", "description", "event_types")
    if "url" in changes:
        changes["url"] = _checked(service, body.url)
    status = body.changed("status").get("status")

    def change(agreed: bool) -> Awaitable[EndpointRow]:
        return endpoints.change(
            service.db,
            who.business_id,
            endpoint_id,
            changes,
            status=status,
            agreed=agreed,
            by=who.actor,
        )

    return bodies.Endpoint.of(await with_consent(service.settings, changes.get("url", ""), change))


@router.delete("/{endpoint_id}", status_code=HTTP_204_NO_CONTENT, summary="Delete one")
async def delete_webhook_endpoint(endpoint_id: Uuid, who: Manager, service: Service) -> None:
    """Nothing more is sent to it; what was is forgotten."""
    await endpoints.delete(service.db, who.business_id, endpoint_id, by=who.actor)


@router.post(
    "/{endpoint_id}/rotate-secret",
    summary="Give it a new secret",
    responses=problems("webhooks-not-configured", "too-many-secrets"),
)
async def rotate_webhook_secret(
    endpoint_id: Uuid, body: bodies.Rotation, who: Manager, service: Service
) -> bodies.EndpointWithSecret:
    """The old one signs beside it for a day, or as long as you say.

    The answer holds the new one, this once.

    Those before it sign to their own ends, so a rotation may be made again when its answer was
    lost. An overlap of 0 ends them all. At most 10 sign at a time: 409 `too-many-secrets`.
    """
    secret_box = _secret_box(service)
    row, secret = await endpoints.rotate(
        service.db,
        secret_box,
        who.business_id,
        endpoint_id,
        overlap_seconds=body.overlap_seconds,
        by=who.actor,
    )
    return bodies.EndpointWithSecret(**bodies.fields_of(row), secret=secret)


@router.post(
    "/{endpoint_id}/test",
    status_code=HTTP_202_ACCEPTED,
    summary="Send it a test event",
    responses=problems("endpoint-disabled"),
)
async def send_test_event(
    endpoint_id: Uuid, who: Manager, service: Service
) -> bodies.DeliveryDetail:
    """To see what the endpoint answers.

    An event of type `webhook_endpoint.test`, to this endpoint alone, whatever types it asks for.
    """
    return bodies.DeliveryDetail.of(
        await deliveries.send_test(service.db, who.business_id, endpoint_id)
    )


@router.get("/{endpoint_id}/deliveries", summary="What was sent to it, newest first")
async def list_webhook_deliveries(
    endpoint_id: Uuid,
    who: Manager,
    service: Service,
    status: Annotated[DeliveryStatus | None, Query()] = None,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.Delivery]:
    """Each with its attempts, and what came back."""
    found = await deliveries.newest(
        service.db,
        who.business_id,
        endpoint_id,
        status=status,
        before=decode_uuid_cursor(cursor),
        limit=limit + 1,
    )
    shown = [bodies.Delivery.of(one) for one in found[:limit]]
    return Page(
        data=shown, next_cursor=encode_cursor(shown[-1].event_id) if len(found) > limit else None
    )


@router.get("/{endpoint_id}/deliveries/{event_id}", summary="One delivery, with what is sent")
async def get_webhook_delivery(
    endpoint_id: Uuid, event_id: Uuid, who: Manager, service: Service
) -> bodies.DeliveryDetail:
    """With its attempts, what came back, and the body that is sent."""
    return bodies.DeliveryDetail.of(
        await deliveries.get(service.db, who.business_id, endpoint_id, event_id)
    )


@router.post(
    "/{endpoint_id}/deliveries/{event_id}/redeliver",
    status_code=HTTP_202_ACCEPTED,
    summary="Send it once more",
    responses=problems("endpoint-disabled"),
)
async def redeliver_webhook(
    endpoint_id: Uuid, event_id: Uuid, who: Manager, service: Service
) -> bodies.DeliveryDetail:
    """Now, under the same id, whatever came of it before.

    If it fails, by the whole schedule again.
    """
    return bodies.DeliveryDetail.of(
        await deliveries.redeliver(service.db, who.business_id, endpoint_id, event_id)
    )


@router.post(
    "/{endpoint_id}/replay",
    status_code=HTTP_202_ACCEPTED,
    summary="Send it all events since an instant",
    responses=problems("endpoint-disabled"),
)
async def replay_webhooks(
    endpoint_id: Uuid, body: bodies.Replay, who: Manager, service: Service
) -> bodies.Replayed:
    """Under their old ids, as far as it asks for their types.

    Also those that it has missed while it was disabled.
    """
    count = await deliveries.replay(
        service.db,
        who.business_id,
        endpoint_id,
        since=body.since,
        undelivered_only=body.undelivered_only,
    )
    return bodies.Replayed(deliveries=count)


def _checked(service: State, url: str) -> str:
    try:
        return check_url(url, AddressPolicy.of(service.settings))
    except ValueError as error:
        raise Invalid([FieldError("/url", "url", str(error))]) from None


def _secret_box(service: State) -> SecretBox:
    secret_box = service.settings.secret_box()
    if secret_box is None:
        detail = "No endpoints can be kept here: BULK_CANCEL_SECRETS_KEY is not set."
        raise Problem(409, "webhooks-not-configured", "Webhooks are not configured", detail)
    return secret_box
