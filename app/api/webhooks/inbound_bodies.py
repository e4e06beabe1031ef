"""What is read of a hook's body: of what it speaks."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.api.validation import malformed, unsupported_media_type
from app.gateways.provider import InboundRefundEvent, Provider

T = TypeVar("T")


def event_in(
    provider: Provider, headers: Mapping[str, str], body: bytes
) -> InboundRefundEvent | None:
    """The event that a hook brings; None when it is nothing to us.

    Raises:
        Problem: 415 or 400 for what is no JSON.
        RequestValidationError: it is no event as this provider sends them.
    """
    document = json_of(body, headers.get("content-type"))
    return located(partial(provider.read_event, headers), document)


def located(read: Callable[[object], T], document: object) -> T:
    """What `read` makes of a body.

    Raises:
        RequestValidationError: it is none; with the place in the body of what is at fault.
    """
    try:
        return read(document)
    except ValidationError as error:
        located = [
            failure | {"loc": ("body", *failure["loc"])}
            for failure in error.errors(include_url=False)
        ]
        raise RequestValidationError(located, body=document) from None


def json_of(body: bytes, content_type: str | None) -> object:
    """The document of a body.

    Raises:
        Problem: 415 or 400 for what is no JSON.
    """
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise unsupported_media_type(content_type)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error.msg} (at character {error.pos}).") from None
