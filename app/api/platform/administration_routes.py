"""What was administered, over HTTP: of a business for those who manage it, and of all."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import Field

from app.api.authorise import caller, platform_caller
from app.api.bodies import Answer, Limit, Page, UtcInstant, decode_uuid_cursor, encode_cursor
from app.api.dependencies import Service
from app.auth.callers import Caller, PlatformCaller
from app.auth.platform import deeds
from app.auth.roles import Scope
from app.domain.nouns.administration import ActorKind, RecordedDeed

router = APIRouter(tags=["access"])
of_platform = APIRouter(prefix="/platform", tags=["platform"])


class AdministrationActor(Answer):
    """Who did it, and from where; null: not known."""

    kind: ActorKind
    id: str | None = Field(description="A key's prefix, a person's `sub`.")
    name: str = Field(examples=["key:front desk", "person:ada (Ada Lovelace)", "command"])
    address: str | None = Field(description="Of IPv6 the network.")
    request_id: str | None = Field(description="`X-Request-Id` of the answer.")


class AdministrationEntry(Answer):
    """What was done, by whom. Entries are added, and never changed."""

    id: str
    recorded_at: UtcInstant
    actor: AdministrationActor
    action: str = Field(examples=["key.created"], description="Later builds have others, too.")
    business_id: str | None = Field(description="Null: it is above businesses.")
    subject: str = Field(
        description="What it was done to: a key's prefix, the id of a business or an endpoint, …"
    )
    before: dict[str, Any] | None = Field(description="What was changed, as it was. No secrets.")
    after: dict[str, Any] | None = Field(description="And as it was then.")

    @classmethod
    def of(cls, one: RecordedDeed) -> Self:
        """As it is shown."""
        by = one.actor
        return cls(
            id=one.id,
            recorded_at=one.recorded_at,
            actor=AdministrationActor(
                kind=by.kind,
                id=by.id,
                name=by.name,
                address=by.address,
                request_id=by.request_id,
            ),
            action=one.action,
            business_id=one.business_id,
            subject=one.subject,
            before=None if one.before is None else dict(one.before),
            after=None if one.after is None else dict(one.after),
        )


@router.get("/administration", summary="What was administered, the newest first")
async def list_administration(
    who: Annotated[Caller, caller(Scope.BUSINESS_MANAGE)],
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[AdministrationEntry]:
    """Keys, webhook endpoints, messages, and what operators did with the business.

    Who did it, from where and when, and what was changed. Versions of terms are at
    `/terms/history`.
    """
    return await _page(service, who.business_id, limit, cursor)


@of_platform.get("/administration", summary="What was administered anywhere, the newest first")
async def list_all_administration(
    _: Annotated[PlatformCaller, platform_caller()],
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[AdministrationEntry]:
    """Of every business, and above them."""
    return await _page(service, None, limit, cursor)


async def _page(
    service: Service, business_id: str | None, limit: int, cursor: str | None
) -> Page[AdministrationEntry]:
    before = decode_uuid_cursor(cursor)
    found = await deeds.newest(service.db, business_id, before=before, limit=limit + 1)
    shown = [AdministrationEntry.of(one) for one in found[:limit]]
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if len(found) > limit else None)
