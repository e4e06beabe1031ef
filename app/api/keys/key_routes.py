"""Keys over HTTP: make, list, change, rotate and revoke those of a business."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.status import HTTP_201_CREATED

from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_uuid_cursor, encode_cursor
from app.api.dependencies import Service
from app.api.idempotency import checked_key, key_parameter
from app.api.keys import key_bodies as bodies
from app.api.openapi import problems
from app.auth import manage
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.domain.fields import Uuid

router = APIRouter(prefix="/keys", tags=["access"])

Manager = Annotated[Caller, caller(Scope.BUSINESS_MANAGE)]
_MADE: Final = {
    "headers": {
        "Location": {"schema": {"type": "string"}, "required": True},
        "Idempotent-Replayed": {"schema": {"const": "true"}},
    }
}


@router.post(
    "",
    status_code=HTTP_201_CREATED,
    summary="Make a key",
    responses={
        201: _MADE,
        **problems("idempotency-key-missing", "idempotency-key-reused", "too-many-keys"),
    },
    openapi_extra={
        "parameters": [key_parameter("The same key and body answer the first key again.")]
    },
)
async def create_key(
    body: bodies.KeyRequest, who: Manager, service: Service, request: Request, response: Response
) -> bodies.ApiKeyWithToken:
    """The answer holds the whole key, which is never shown again.

    Nobody gives a key a scope that they haven't: 403 names it. At most 100 in force for a business.
    """
    made = await manage.create(
        service.db,
        who,
        body.to_value(who.business_id),
        idempotency_key=checked_key(request.headers.getlist("idempotency-key")),
    )
    response.headers["Location"] = f"/v1/keys/{made.key.id}"
    if made.token is None:
        response.headers["Idempotent-Replayed"] = "true"
    return bodies.ApiKeyWithToken.made(made)


@router.get("", summary="Keys, the oldest first")
async def list_keys(
    who: Manager,
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.ApiKey]:
    """In force or not; their secrets are not shown."""
    found = await manage.oldest(service.db, who, after=decode_uuid_cursor(cursor), limit=limit + 1)
    shown = [bodies.ApiKey.of(row) for row in found[:limit]]
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if len(found) > limit else None)


@router.get("/{key_id}", summary="One key")
async def get_key(key_id: Uuid, who: Manager, service: Service) -> bodies.ApiKey:
    """As it is now; its secret is not shown."""
    return bodies.ApiKey.of(await manage.get(service.db, who, key_id))


@router.patch("/{key_id}", summary="Change its name or its end", responses=problems("key-revoked"))
async def change_key(
    key_id: Uuid, body: bodies.KeyChanges, who: Manager, service: Service
) -> bodies.ApiKey:
    """What is left out stays as it is; what a key may do never changes.

    Nobody changes a key that may do what they may not: 403 names the scope. One that has expired is
    in force again with a later end.
    """
    return bodies.ApiKey.of(
        await manage.change(service.db, who, key_id, body.changed("name", "expires_at"))
    )


@router.post(
    "/{key_id}/rotate",
    summary="Give it a new secret",
    responses=problems("key-revoked", "too-many-secrets"),
)
async def rotate_key(
    key_id: Uuid, body: bodies.KeyRotation, who: Manager, service: Service
) -> bodies.ApiKeyWithToken:
    """The secret of before works beside it for a day, or as long as you say.

    Those before that work to their own ends, so a rotation may be made again when its answer was
    lost. An overlap of 0 ends them all. At most 10 beside the new one: 409 `too-many-secrets`.
    Nobody rotates a key that may do what they may not: 403 names the scope.
    """
    made = await manage.rotate(service.db, who, key_id, overlap_seconds=body.overlap_seconds)
    return bodies.ApiKeyWithToken.made(made)


@router.post("/{key_id}/revoke", summary="Revoke it", responses=problems("last-managing-key"))
async def revoke_key(key_id: Uuid, who: Manager, service: Service) -> bodies.ApiKey:
    """For good, within 12 s in every process; its streams end within 30 s.

    The last key in force with `business:manage` stays: 409 `last-managing-key`.
    """
    return bodies.ApiKey.of(await manage.revoke(service.db, who, key_id))
