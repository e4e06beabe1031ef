"""The OpenAPI document: what FastAPI derives from the routes, what every route of a kind may refuse, and the webhooks.

A router declares only the problems of its own (`responses=problems(409)`); those that follow from a key, a body, a path
or the database are added here to every operation, so that none can forget them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from app.api import webhook_events
from app.api.problems import MEDIA_TYPE

_REF: Final = {"$ref": "#/components/schemas/ProblemDocument"}
_FASTAPIS_OWN: Final = ("HTTPValidationError", "ValidationError")


class FieldAtFault(BaseModel):
    """One field at fault."""

    pointer: str = Field(description="JSON Pointer into the body, `?name` of the query, or `header:Name`.")
    code: str
    detail: str


class ProblemDocument(BaseModel):
    """Why a request was refused (RFC 9457). A refused request has changed nothing."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A stable relative reference, `/problems/<slug>`.")
    title: str
    status: int
    detail: str
    errors: list[FieldAtFault] = Field(default=[], description="The fields at fault, where fields are.")


_EXAMPLES: Final[Mapping[int, tuple[str, str, str, dict[str, Any]]]] = {
    400: (
        "malformed-body",
        "The body could not be read",
        "The body is not JSON: Expecting value (at character 0).",
        {},
    ),
    401: ("unauthenticated", "A valid API key is needed", "This API key is unknown or has been revoked.", {}),
    403: (
        "missing-scope",
        "The key lacks a scope",
        "This call needs the scope schedule:write.",
        {"scope": "schedule:write"},
    ),
    404: ("not-found", "Not found", "There is no such session.", {}),
    409: (
        "session-cancelled",
        "The session is cancelled",
        "Session s1 is cancelled and takes no booking.",
        {},
    ),
    413: (
        "body-too-large",
        "The body is too large",
        "A body of at most 2097152 bytes is taken here.",
        {"limit_bytes": 2097152},
    ),
    415: (
        "unsupported-media-type",
        "This type of body is not taken",
        "Send the body as application/json.",
        {},
    ),
    422: (
        "validation",
        "The request is not valid",
        "There is no such field here.",
        {"errors": [{"pointer": "/colour", "code": "extra_forbidden", "detail": "There is no such field here."}]},
    ),
    503: (
        "database-unavailable",
        "The database can't be reached",
        "Whether it was done is not known; send the same request again shortly.",
        {},
    ),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route passes as `responses=`: each status as a problem document, with an example."""
    return {status: _problem_response(status) for status in statuses}


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI 3.1 document; with `app.openapi = ...` it is what `/openapi.json` serves."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        openapi_version="3.1.0",
        routes=app.routes,
        tags=app.openapi_tags,
        servers=app.servers,
        separate_input_output_schemas=app.separate_input_output_schemas,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    problem_schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem_schema.pop("$defs"))
    schemas["ProblemDocument"] = problem_schema
    schemas.update(webhook_events.schemas())
    document["webhooks"] = webhook_events.webhooks()
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete(operation)
    return document


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if _is_fastapis_own(responses.get("422")):
        del responses["422"]
    for status in _implied(operation):
        responses.setdefault(str(status), _problem_response(status))
    operation["responses"] = dict(sorted(responses.items()))


def _implied(operation: Mapping[str, Any]) -> set[int]:
    """The statuses that follow from what an operation takes."""
    parameters = operation.get("parameters", [])
    statuses: set[int] = set()
    if operation.get("security"):
        statuses |= {401, 403, 422, 503}
    if any(parameter["in"] == "path" for parameter in parameters):
        statuses |= {404, 503}
    if any(parameter["in"] != "path" for parameter in parameters):
        statuses.add(422)
    if "requestBody" in operation:
        statuses |= {400, 413, 415, 422}
    return statuses


def _is_fastapis_own(response: Mapping[str, Any] | None) -> bool:
    schema = (response or {}).get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).endswith("/HTTPValidationError")


def _problem_response(status: int) -> dict[str, Any]:
    slug, title, detail, extensions = _EXAMPLES.get(status, _unexemplified(status))
    example = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail} | extensions
    response: dict[str, Any] = {
        "description": title,
        "content": {MEDIA_TYPE: {"schema": dict(_REF), "example": example}},
    }
    if status == HTTPStatus.UNAUTHORIZED:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return response


def _unexemplified(status: int) -> tuple[str, str, str, dict[str, Any]]:
    phrase = HTTPStatus(status).phrase
    return phrase.lower().replace(" ", "-"), phrase, f"{phrase}.", {}
