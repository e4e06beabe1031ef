"""Reads what was wrong with a request out of FastAPI's errors.

Of each it says where, a stable code, and a sentence that echoes nothing. Where it was wrong is a
JSON Pointer (RFC 6901) into the body, `?name` for a query parameter, or `header:Name`. The values
sent are never repeated: they may be personal, or not text at all.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails

from app.domain.field_errors import code_of, discriminator_of, json_pointer, printable, sentence_of
from app.errors import FieldError, Invalid, NotFound, Problem

_MAX_ERRORS: Final = 20  # each costs time, and nobody mends more at once
# What a path parameter names, where its own name is not the word that callers know.
_NAMES: Final = {
    "job_id": "bulk cancellation",
    "endpoint_id": "webhook endpoint",
    "event_id": "delivery",
}


def problem_from(error: RequestValidationError, content_type: str | None) -> Problem:
    """The one problem that stands for all errors of a request.

    400 `malformed-body` for what is no JSON, 415 for a body of another type, 404 where a path names
    nothing that could exist, and 422 `validation` for everything else, with the first 20 fields at
    fault.
    """
    faults: Sequence[ErrorDetails] = error.errors()
    for fault in faults:
        if fault["type"] == "json_invalid":
            because, place = fault["ctx"]["error"], fault["loc"][-1]
            return malformed(f"The body is not JSON: {because} (at character {place}).")
        if fault["loc"] == ("body",) and isinstance(error.body, bytes):
            return unsupported_media_type(content_type)
    for fault in faults:
        if fault["loc"][0] == "path":
            return NotFound(path_names(str(fault["loc"][1])))
    fields = list(dict.fromkeys(_field_error(one, error.body) for one in faults[:_MAX_ERRORS]))
    if len(faults) > _MAX_ERRORS:
        return Invalid(
            fields, f"{len(faults)} fields are at fault; the first {len(fields)} are in errors."
        )
    return Invalid(fields)


def malformed(detail: str) -> Problem:
    """400: the body could not even be read."""
    return Problem(400, "malformed-body", "The body could not be read", detail)


def unsupported_media_type(content_type: str | None, taken: str = "application/json") -> Problem:
    """415: the body is of a type that the call doesn't take."""
    detail = f"Send the body as {taken}" + (
        "." if content_type else ", and say so in Content-Type."
    )
    return Problem(415, "unsupported-media-type", "This type of body is not taken", detail)


def path_names(parameter: str) -> str:
    """What a path parameter names, in words: `session_id` is a session."""
    return _NAMES.get(parameter, parameter.removesuffix("_id").replace("_", " "))


def _field_error(error: Mapping[str, Any], body: Any) -> FieldError:
    where, *parts = error["loc"]
    match where:
        case "body":
            pointer = json_pointer(_parts_in_body(error, body))
        case "query":
            pointer = f"?{parts[0]}"
        case "header" | "cookie":
            pointer = f"{where}:{parts[0]}"
        case _:
            pointer = json_pointer(error["loc"])
    return FieldError(printable(pointer), code_of(error), sentence_of(error))


def _parts_in_body(error: Mapping[str, Any], body: Any) -> list[str | int]:
    """The parts that lead to a value of the body.

    Left out are the names of a union's members, which pydantic mixes in.
    """
    parts = error["loc"][1:]
    kept: list[str | int] = []
    here = body
    for place, part in enumerate(parts):
        if (isinstance(here, dict) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        ):
            here = here[part]
            kept.append(part)
        elif error["type"] == "missing" and place == len(parts) - 1:
            kept.append(part)
    discriminator = discriminator_of(error)
    return kept if discriminator is None else [*kept, discriminator]
