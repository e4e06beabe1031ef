"""A client's own page by their link, and a job's links for the business."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_cursor, encode_cursor
from app.api.choices.client_tokens import Token, links_to, whose
from app.api.choices.own_page_bodies import ClientLink, ClientPage
from app.api.dependencies import Service
from app.api.openapi import problems
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.cancellation.choices import own_page
from app.domain.fields import Uuid
from app.schedule.pages import page_settings

router = APIRouter(prefix="/client-pages", tags=["public"])
of_jobs = APIRouter()


@router.get(
    "/{token}",
    summary="What became of a client's bookings",
    responses=problems("too-many-requests"),
)
async def get_client_page(token: Token, service: Service, request: Request) -> ClientPage:
    """By the client's own link, without a key; it names nobody.

    It says how things stand now, for as long as the cancellation is there. The link is that of the
    client's choice, where they have one.
    """
    client = await whose(token, service, request, what="page")
    own = await own_page.read(service.db, client)
    look = await page_settings.of_business(service.db, own.business_id)
    return ClientPage.of(own, look)


@of_jobs.get("/{job_id}/client-links", summary="Each client's link to their own page")
async def list_bulk_cancellation_client_links(
    job_id: Uuid,
    who: Annotated[Caller, caller(Scope.CANCELLATIONS_READ, Scope.AUDIT_READ)],
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[ClientLink]:
    """In the order of their ids; empty until the worker has begun.

    Whoever has a link sees what came back to that client, and may choose for them.
    """
    after = decode_cursor(cursor, str)
    found = await own_page.clients(
        service.db, who.business_id, job_id, after=after[0] if after else None, limit=limit + 1
    )
    link = links_to("yours", service.settings, job_id)
    shown = [ClientLink(client_id=one, link=link(one)) for one in found[:limit]]
    more = len(found) > limit
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].client_id) if more else None)
