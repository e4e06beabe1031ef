"""A client's choice by their link, and a job's choices for the business."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_cursor, encode_cursor
from app.api.choices.choice_bodies import ChoiceAnswer, ChoiceRequest, ClientChoice
from app.api.choices.client_tokens import Token, links_to, whose
from app.api.dependencies import Service
from app.api.openapi import problems
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.cancellation.choices import offer
from app.cancellation.choices.choose import choose
from app.domain.fields import Uuid
from app.domain.statuses import RefundForm

router = APIRouter(prefix="/choices", tags=["public"])
of_jobs = APIRouter()

Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ)]


@router.get("/{token}", summary="What a client may choose", responses=problems("too-many-requests"))
async def get_choice(token: Token, service: Service, request: Request) -> ChoiceAnswer:
    """By the client's own link, without a key; it names nobody.

    It can be read for as long as the cancellation is there: after a choice, and after its time.
    """
    client = await whose(token, service, request, what="choice")
    return ChoiceAnswer.of(await offer.read(service.db, client))


@router.post(
    "/{token}",
    summary="Choose in which form it comes back",
    responses=problems("already-chosen", "choice-over", "choice-not-open", "too-many-requests"),
)
async def post_choice(
    token: Token, body: ChoiceRequest, service: Service, request: Request
) -> ChoiceAnswer:
    """Once, and for all that it returns to the client of payments.

    The same again is answered the same.
    """
    client = await whose(token, service, request, what="choice")
    made = await choose(service.db, service.queue, client, RefundForm(body.form))
    return ChoiceAnswer.of(made)


@of_jobs.get("/{job_id}/choices", summary="Each client who was asked, and what they chose")
async def list_bulk_cancellation_choices(
    job_id: Uuid,
    who: Reader,
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[ClientChoice]:
    """In the order of their ids; empty until the worker has begun.

    The link acts for the client: it is there for a key with `audit:read`.
    """
    after = decode_cursor(cursor, str)
    found = await offer.clients(
        service.db, who.business_id, job_id, after=after[0] if after else None, limit=limit + 1
    )
    link = links_to("choose", service.settings, job_id) if Scope.AUDIT_READ in who.scopes else None
    shown = [
        ClientChoice.of(one, None if link is None else link(one.client_id)) for one in found[:limit]
    ]
    more = len(found) > limit
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].client_id) if more else None)
