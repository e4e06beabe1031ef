"""A client's mail by their own link: read, stopped, sent again; a GET changes nothing.

`by_mail_programs` is RFC 8058's one click: it has no page before it, no cookie and no redirect, and
is no part of the document, since mail programs alone call it.
"""

from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Request, Response

from app.api.dependencies import Service, State
from app.api.layers.body_limit import too_large
from app.api.layers.client_links import admitted
from app.api.messages.message_bodies import MailPreference, MailPreferenceBody
from app.api.openapi import problems
from app.api.validation import unsupported_media_type
from app.errors import FieldError, Invalid
from app.messages import unsubscribe
from app.messages.compose.mime import ONE_CLICK
from app.messages.unsubscribe import WhoseMail

router = APIRouter(prefix="/mail-preferences", tags=["public"])
by_mail_programs = APIRouter(include_in_schema=False)

Token = Annotated[str, Path(description="Of the client's link.")]
_FORM: Final = "application/x-www-form-urlencoded"
_PARTS: Final = "multipart/form-data"
_MAX_BYTES: Final = 4096
_MAX_FIELDS: Final = 10


async def _whose(token: str, service: State, request: Request) -> WhoseMail:
    secret_box = service.settings.secret_box()
    whose = None if secret_box is None else unsubscribe.whose_of(secret_box, token)
    return await admitted(request, service.settings, token, whose, what="link")


@router.get(
    "/{token}",
    summary="Whether a client is sent messages",
    responses=problems("too-many-requests"),
)
async def get_mail_preference(token: Token, service: Service, request: Request) -> MailPreference:
    """By the client's own link, without a key; it names nobody, and changes nothing."""
    whose = await _whose(token, service, request)
    return MailPreference.of(await unsubscribe.read(service.db, whose))


@router.put(
    "/{token}",
    summary="Stop a client's messages, or have them sent again",
    responses=problems("too-many-requests"),
)
async def put_mail_preference(
    token: Token, body: MailPreferenceBody, service: Service, request: Request
) -> MailPreference:
    """Messages that are not sent yet are not; what comes back to the client comes all the same.

    What the business itself has written down (`stopped_by_business`) stays as it is.
    """
    whose = await _whose(token, service, request)
    mail = await unsubscribe.put(service.db, whose, wants_mail=body.wants_mail)
    return MailPreference.of(mail)


@by_mail_programs.post("/unsubscribe/{token}")
async def post_one_click(token: str, service: Service, request: Request) -> Response:
    """Stop the client's messages: the body says `List-Unsubscribe=One-Click`, in either form."""
    whose = await _whose(token, service, request)
    _check_one_click(request.headers.get("content-type"), await request.body())
    await unsubscribe.put(service.db, whose, wants_mail=False)
    return Response(status_code=200)


def _check_one_click(content_type: str | None, body: bytes) -> None:
    if len(body) > _MAX_BYTES:
        raise too_large(_MAX_BYTES)
    match (content_type or "").partition(";")[0].strip().lower():
        case "application/x-www-form-urlencoded":
            fields = iter(_of_form(body))
        case "multipart/form-data":
            fields = _of_parts(content_type or "", body)
        case _:
            raise unsupported_media_type(content_type, f"{_FORM} or {_PARTS}")
    name, _, value = ONE_CLICK.partition("=")
    if (name, value) not in fields:
        raise Invalid([FieldError(f"/{name}", "one-click", f"The body must say {ONE_CLICK}.")])


def _of_form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS)
    except ValueError:  # more fields than that
        return []


def _of_parts(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    for part in BytesParser(policy=policy.compat32).parsebytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            yield name, value.decode("utf-8", "replace").strip()
