"""What is read of a hook's body: of which refund it speaks."""

from collections.abc import Mapping

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.api.validation import malformed, unsupported_media_type
from app.gateways.provider import InboundRefundEvent, Provider


def event_in(
    provider: Provider, headers: Mapping[str, str], body: bytes
) -> InboundRefundEvent | None:
    """The event that a hook brings; None when it is nothing to us.

    Raises:
        Problem: 415 or 400 for what is no JSON.
        RequestValidationError: it is no event as this provider sends them.
    """
    document = _json_of(body, headers.get("content-type"))
    try:
        return provider.read_event(headers, document)
    except ValidationError as error:
        located = [
            failure | {"loc": ("body", *failure["loc"])}
            for failure in error.errors(include_url=False)
        ]
        raise RequestValidationError(located, body=document) from None


def _json_of(body: bytes, content_type: str | None) -> object:
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise unsupported_media_type(content_type)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error.msg} (at character {error.pos}).") from None
