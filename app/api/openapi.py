"""The OpenAPI document: what FastAPI derives from the routes, and what is added.

Added are what every route of a kind may refuse, and the webhooks. A router declares only the
problems of its own (`responses=problems("plan-changed")`); those that follow from a key, a body, a
path or the database are added here to every operation, so that none can forget them.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from app.api.layers.entity_tags import PREFIX as TAGGED
from app.api.layers.problems import MEDIA_TYPE
from app.api.webhooks import event_documents
from app.problem_types import MEMBERS, PROBLEM_TYPES

_REF: Final = {"$ref": "#/components/schemas/ProblemDocument"}
_FASTAPIS_OWN: Final = ("HTTPValidationError", "ValidationError")


# draft-ietf-httpapi-ratelimit-headers-11.
_LIMITED: Final = {
    "Retry-After": {"schema": {"type": "integer"}, "required": True, "description": "Seconds."},
    "RateLimit": {
        "schema": {"type": "string"},
        "required": True,
        "description": "Which limit, and what is left of it.",
    },
    "RateLimit-Policy": {
        "schema": {"type": "string"},
        "required": True,
        "description": "How much in how many seconds.",
    },
}


class FieldAtFault(BaseModel):
    """One field at fault."""

    pointer: str = Field(
        description="JSON Pointer into the body, `?name` of the query, or `header:Name`."
    )
    code: str
    detail: str


class ProblemDocument(BaseModel):
    """Why a request was refused (RFC 9457). A refused request has changed nothing."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A stable relative reference, `/problems/<slug>`.")
    title: str
    status: int
    detail: str
    errors: list[FieldAtFault] = Field(
        default=[], description="The fields at fault, where fields are."
    )


_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an earlier answer: 304 when nothing has changed since.",
    "schema": {"type": "string"},
}
# The types that follow from a status alone, wherever it may be answered.
_IMPLIED: Final = {
    400: "malformed-body",
    401: "unauthenticated",
    403: "missing-scope",
    404: "not-found",
    408: "request-timeout",
    413: "body-too-large",
    415: "unsupported-media-type",
    422: "validation",
    429: "too-many-requests",
    500: "internal",
    503: "database-unavailable",
}
# Whatever its scopes.
_OF_CALLERS: Final = {
    403: ("no-access", "business-suspended", "no-business"),
    503: ("issuer-unavailable",),
}


def problems(*types: str | int) -> dict[int | str, dict[str, Any]]:
    """What a route passes as `responses=`, for the types of its own problems.

    A type is given by its slug, or by a status that says it. Types that follow from what the route
    takes, at the same status, are added to them.
    """
    slugs = [_IMPLIED[one] if isinstance(one, int) else one for one in types]
    statuses = sorted({PROBLEM_TYPES[slug].status for slug in slugs})
    return {
        status: _response_of([one for one in slugs if PROBLEM_TYPES[one].status == status])
        for status in statuses
    }


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI 3.1 document; as `app.openapi` it is what `/openapi.json` serves."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        openapi_version="3.1.0",
        routes=app.routes,
        tags=app.openapi_tags,
        servers=app.servers,
        license_info=app.license_info,
        separate_input_output_schemas=app.separate_input_output_schemas,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    problem_schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem_schema.pop("$defs"))
    problem_schema["properties"].update(_members())
    schemas["ProblemDocument"] = problem_schema
    schemas.update(event_documents.schemas())
    document["webhooks"] = event_documents.webhooks()
    payload = schemas["DeliveryDetail"]["properties"]["payload"]
    schemas["DeliveryDetail"]["properties"]["payload"] = {
        "$ref": event_documents.REF,
        "description": payload["description"],
    }
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation)
            if method == "get" and path.startswith(TAGGED):
                _add_etag(operation)
    _name_constants(document)
    return document


def _name_constants(schema: Any) -> None:
    """Say each `const` as an `enum` of one, too.

    Some generators of clients read only that, and lose the word.
    """
    if isinstance(schema, dict):
        if isinstance(schema.get("const"), str):
            schema["enum"] = [schema["const"]]
        for part in schema.values():
            _name_constants(part)
    elif isinstance(schema, list):
        for part in schema:
            _name_constants(part)


def _complete(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _never_null(parameter["schema"])
    responses = operation["responses"]
    if _is_fastapis_own(responses.get("422")):
        del responses["422"]
    for status, slugs in _implied(operation).items():
        own = responses.get(str(status))
        responses[str(status)] = _response_of([*slugs, *(_slugs_in(own) if own else ())])
    operation["responses"] = dict(sorted(responses.items()))
    # It is said, so that nobody takes a call that needs no key for one forgotten.
    operation.setdefault("security", [])


def _add_etag(operation: dict[str, Any]) -> None:
    """Say of a GET that answers JSON what `EntityTags` does.

    What is streamed has no tag: events, and JSON that comes as a file.
    """
    answer = operation["responses"].get("200", {})
    is_file = "Content-Disposition" in answer.get("headers", {})
    if is_file or "application/json" not in answer.get("content", {}):
        return
    operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
    answer.setdefault("headers", {})["ETag"] = {"schema": {"type": "string"}, "required": True}
    operation["responses"]["304"] = {"description": "Not changed since the ETag."}
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _never_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a parameter, which is never null.

    One that is left out is not there, and the word `null` is text like any other.
    """
    forms = [form for form in schema.get("anyOf", ()) if form.get("type") != "null"]
    others = {name: value for name, value in schema.items() if name != "anyOf"}
    if len(forms) > 1:
        return others | {"anyOf": forms}
    form: dict[str, Any] = forms[0] if forms else {}
    return form if "$ref" in form else form | others


def _implied(operation: Mapping[str, Any]) -> dict[int, list[str]]:
    """The types, by status, that follow from what an operation takes.

    All refuse parameters unknown to them, and may fail.
    """
    statuses = {422, 500}
    if operation.get("security"):
        statuses |= {401, 429, 503}
    if any(
        scopes for requirement in operation.get("security", ()) for scopes in requirement.values()
    ):
        statuses.add(403)
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", [])):
        statuses |= {404, 503}
    if "requestBody" in operation:
        statuses |= {400, 408, 413, 415}
    slugs = {status: [_IMPLIED[status]] for status in statuses}
    if operation.get("security"):
        for status, more in _OF_CALLERS.items():
            slugs.setdefault(status, []).extend(more)
    return slugs


def _is_fastapis_own(response: Mapping[str, Any] | None) -> bool:
    schema = (response or {}).get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).endswith("/HTTPValidationError")


def _response_of(slugs: Sequence[str]) -> dict[str, Any]:
    """The response of one status with these types, each with its example."""
    types = [PROBLEM_TYPES[slug] for slug in dict.fromkeys(slugs)]
    content: dict[str, Any] = {"schema": dict(_REF)}
    if len(types) == 1:
        content["example"] = types[0].example()
    else:
        content["examples"] = {
            one.slug: {"summary": one.title, "value": one.example()} for one in types
        }
    response: dict[str, Any] = {
        "description": "; ".join(f"{one.title} (`{one.slug}`)" for one in types),
        "content": {MEDIA_TYPE: content},
    }
    if types[0].status == HTTPStatus.UNAUTHORIZED:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}}
    if types[0].status == HTTPStatus.TOO_MANY_REQUESTS:
        response["headers"] = _LIMITED
    if types[0].status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}
        }
    return response


def _slugs_in(response: Mapping[str, Any]) -> list[str]:
    content = response["content"].get(MEDIA_TYPE, {})
    examples = (
        [content["example"]]
        if "example" in content
        else [example["value"] for example in content["examples"].values()]
    )
    return [str(example["type"]).removeprefix("/problems/") for example in examples]


def _members() -> dict[str, Any]:
    """The members of single types, for the one schema of all: each says of which."""
    members = {}
    for name, schema in MEMBERS.items():
        of = ", ".join(f"`{one.slug}`" for one in PROBLEM_TYPES.values() if name in one.members)
        members[name] = {**schema, "description": f"Of {of}. {schema['description']}"}
    return members
