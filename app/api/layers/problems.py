"""The only place where an exception becomes a response.

That is a problem document (RFC 9457), with nothing of the inside in it. An error that nobody
expected is logged once, with its traceback, and answered as `internal`; a response that had already
begun is broken off, so that a caller can't take half of it for all.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.layers.mount import address
from app.api.validation import malformed, problem_from
from app.db.core.outage import is_outage
from app.domain.field_errors import printable
from app.errors import Problem, Stopping

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_AFTER_SECONDS: Final = 2
_SLUGS: Final = {
    404: ("not-found", "Not found", "There is nothing at this address."),
    405: ("method-not-allowed", "Method not allowed", "This address does not take that method."),
}


def install(app: FastAPI) -> None:
    """Makes every refusal of the app a problem document.

    Add `Refusals` as its outermost layer but one for the rest.
    """
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http_exception)


def response_from(problem: Problem) -> Response:
    """The problem as an HTTP response."""
    document: dict[str, Any] = {
        "type": address(f"/problems/{problem.slug}"),
        "title": problem.title,
        "status": problem.status,
        "detail": printable(problem.detail, 2000),
    }
    if problem.errors:
        document["errors"] = [
            {"pointer": error.pointer, "code": error.code, "detail": error.detail}
            for error in problem.errors
        ]
    document.update(
        {name: value for name, value in problem.extensions.items() if name not in document}
    )
    # A lone surrogate in some part becomes "?"; an answer that can't be written helps nobody.
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str).encode(
        errors="replace"
    )
    return Response(body, problem.status, dict(problem.headers), MEDIA_TYPE)


class Refusals:
    """ASGI: answers whatever escapes the app beneath; the server never sees an exception."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def note_and_send(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, note_and_send)
        except ClientDisconnect:
            log.info("request.abandoned")
        except Stopping:
            log.info("request.broken_off")
        except Exception as error:  # noqa: BLE001 - the edge: nothing may pass it
            problem = _problem_from_unexpected(error, scope)
            if begun:
                # Returning without an end makes the server reset the connection: the caller sees a
                # broken answer.
                return
            await response_from(problem)(scope, receive, send)


def _problem_from_unexpected(error: Exception, scope: Scope) -> Problem:
    if is_outage(error):
        log.error("request.database_unavailable", error=type(error).__name__, exc_info=error)
        return Problem(
            503,
            "database-unavailable",
            "The database can't be reached",
            "Whether it was done is not known; send the same request again shortly.",
            headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
        )
    log.error("request.failed", exc_info=error)
    return Problem(
        500,
        "internal",
        "Something went wrong here",
        "The fault is ours and has been logged under the request_id.",
        extensions={"request_id": scope.get("state", {}).get("request_id")},
    )


async def _answer_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return response_from(error)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return response_from(problem_from(error, request.headers.get("content-type")))


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = response_from(_problem_from_http(error))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Starlette names the methods of the first route that fits; RFC 9110 §15.5.6 wants those of
        # all.
        response.headers["Allow"] = ", ".join(_methods_at(request))
    return response


def _methods_at(request: Request) -> list[str]:
    path = request.url.path
    fitting = [
        route
        for route in iter_route_contexts(request.app.routes)
        if route.path is not None and compile_path(route.path)[0].match(path)
    ]
    by_name = [route for route in fitting if route.path == path]  # `…/plan` is no job's id
    methods = set[str]().union(*(route.methods or () for route in by_name or fitting))
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)  # `Heads` answers those


def _problem_from_http(error: HTTPException) -> Problem:
    headers: Mapping[str, str] = error.headers or {}
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return malformed(
            "The body could not be read: it is not UTF-8, too deep, or holds a number too long."
        )
    phrase = HTTPStatus(error.status_code).phrase
    slug, title, detail = _SLUGS.get(
        error.status_code,
        (phrase.lower().replace(" ", "-"), phrase.capitalize(), f"{error.detail}."),
    )
    return Problem(error.status_code, slug, title, detail, headers=headers)
