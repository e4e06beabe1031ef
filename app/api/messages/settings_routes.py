"""A business's messages over HTTP: whom it tells, and which addresses are left alone."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.status import HTTP_204_NO_CONTENT

from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_cursor, encode_cursor
from app.api.dependencies import Service
from app.api.messages.message_bodies import (
    MessageSettings,
    MessageSettingsBody,
    MessageTemplate,
    MessageTemplates,
    Suppressed,
    TemplateBody,
)
from app.api.openapi import problems
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.domain.messages.settings import Language
from app.domain.nouns.messages import OwnWords
from app.messages import own_words, settings

router = APIRouter(tags=["messages"])
Manager = Annotated[Caller, caller(Scope.BUSINESS_MANAGE)]


@router.get("/message-settings", summary="Who is told by default, and in whose name")
async def get_message_settings(
    who: Annotated[Caller, caller()], service: Service
) -> MessageSettings:
    """Any key may ask. Of a business that has set nothing nobody is told."""
    return MessageSettings.of(await settings.of_business(service.db, who.business_id))


@router.put("/message-settings", summary="Set who is told from now on")
async def put_message_settings(
    body: MessageSettingsBody, who: Manager, service: Service
) -> MessageSettings:
    """Replaces the whole: members that are left out are as by default.

    Cancellations that were accepted keep whom and when they tell.
    """
    new = await settings.put(service.db, who.business_id, body.to_value(), by=who.actor)
    return MessageSettings.of(new)


@router.get("/message-templates", summary="The business's own words")
async def list_message_templates(
    who: Annotated[Caller, caller()], service: Service
) -> MessageTemplates:
    """By language; in the others the service's words are in force."""
    own = await own_words.of_business(service.db, who.business_id)
    return MessageTemplates(data=[MessageTemplate.of(one) for one in own])


@router.put("/message-templates/{language}", summary="Set the words for one language")
async def put_message_template(
    language: Language, body: TemplateBody, who: Manager, service: Service
) -> MessageTemplate:
    """They are tried on samples first: none is saved that fails on one.

    A body must name `details`, or all that a client must hear.
    """
    new = OwnWords(language, body.subject, body.body)
    return MessageTemplate.of(await own_words.put(service.db, who.business_id, new, by=who.actor))


@router.delete(
    "/message-templates/{language}",
    summary="Go back to the service's words",
    status_code=HTTP_204_NO_CONTENT,
)
async def delete_message_template(language: Language, who: Manager, service: Service) -> None:
    """From the next message on."""
    await own_words.delete(service.db, who.business_id, language, by=who.actor)


@router.get("/suppressed-addresses", summary="Addresses that nothing is sent to")
async def list_suppressed_addresses(
    who: Annotated[Caller, caller(Scope.AUDIT_READ)],
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[Suppressed]:
    """Those that have refused a message for good, or sent one back."""
    after = decode_cursor(cursor, str)
    found = await settings.suppressed(
        service.db, who.business_id, after=after[0] if after else None, limit=limit + 1
    )
    shown = [Suppressed.of(one) for one in found[:limit]]
    more = len(found) > limit
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].address) if more else None)


@router.delete(
    "/suppressed-addresses/{address}",
    summary="Send to an address again",
    status_code=HTTP_204_NO_CONTENT,
    responses=problems("hashed-addresses-unreadable"),
)
async def delete_suppressed_address(
    address: Annotated[str, Path(max_length=320)], who: Manager, service: Service
) -> None:
    """What was not sent to it meanwhile can be sent again, message by message."""
    secret_box = service.settings.secret_box()
    await settings.let_in(service.db, who.business_id, address, secret_box)
