"""The routes that are asked for most, for plain requests.

To read their parameters costs FastAPI as much as their answers. Both routes of a path answer by the
same function. What isn't plain (other parameters, escapes, a body with anything amiss) is left to
FastAPI's, which says what is wrong with it: here nothing is refused for its form.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from starlette.datastructures import Headers, URLPath
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Message, Receive, Scope, Send

from app.api.cancellations import job_answers
from app.api.cancellations.cancellation_bodies import CancellationRequest
from app.api.dependencies import State
from app.api.layers.request_log import ROUTE
from app.api.negotiation import prefers_csv
from app.api.schedule import schedule_lists
from app.api.schedule.schedule_lists import Asked
from app.auth.callers import Caller
from app.domain.fields import PLATFORM_ID, UUID
from app.domain.statuses import SessionStatus

Query = Mapping[str, str]
COLD: Final = "bulk_cancel_cold"  # in a scope: FastAPI's routes alone answer it
_PLAIN: Final = re.compile(rb"[a-z_]+=[A-Za-z0-9._~:-]+(&[a-z_]+=[A-Za-z0-9._~:-]+)*")
_LIMIT: Final = re.compile(r"[1-9][0-9]?|1[0-9][0-9]|200")
_MAX_CURSOR: Final = 1000
_DAYS: Final = frozenset({"date_from", "date_to", "limit", "cursor"})
_STATUSES: Final = {status.value: status for status in SessionStatus}


@dataclass(frozen=True, slots=True)
class Ask:
    """A plain request: what its path names, its query, headers and service."""

    scope: Scope
    named: str
    query: Query

    @property
    def service(self) -> State:
        """The state of the process."""
        service = self.scope["app"].state.service
        assert isinstance(service, State)
        return service

    @property
    def who(self) -> Caller:
        """The caller, as `Authorise` has made sure."""
        who = self.scope["state"]["caller"]
        assert isinstance(who, Caller)
        return who

    def header(self, name: bytes) -> str | None:
        """A header's first value, as Starlette gives it."""
        return next(
            (value.decode("latin-1") for key, value in self.scope["headers"] if key == name), None
        )


@dataclass(frozen=True, slots=True)
class Hot:
    """A path, the query parameters that it is asked plainly with, and what answers."""

    path: str
    pattern: re.Pattern[str]
    parameters: frozenset[str]
    answer: Callable[[Ask], Awaitable[Response]]


def hot(
    path: str, named: str, parameters: Iterable[str], answer: Callable[[Ask], Awaitable[Response]]
) -> Hot:
    """One whose `path` has `{}` where what it names stands, a pattern of `app.domain.fields`."""
    before, _, after = path.partition("{}")
    pattern = (
        re.escape(before) + (f"({named.strip('^$')})" if "{}" in path else "()") + re.escape(after)
    )
    return Hot(path, re.compile(pattern), frozenset(parameters), answer)


async def _poll(ask: Ask) -> Response:
    return await job_answers.answer(
        ask.service, ask.who.business_id, ask.named, ask.header(b"if-none-match")
    )


async def _sessions(ask: Ask) -> Response:
    return await schedule_lists.sessions(ask.service, ask.who, _asked(ask.query))


async def _bookings(ask: Ask) -> Response:
    asked = _asked(ask.query)
    return await schedule_lists.bookings_of_client(
        ask.service, ask.who, ask.named, limit=asked.limit, cursor=asked.cursor
    )


async def _public(ask: Ask) -> Response:
    return await schedule_lists.public(
        ask.service,
        ask.named,
        _asked(ask.query),
        if_none_match=ask.header(b"if-none-match"),
    )


def _asked(query: Query) -> Asked:
    status = query.get("status")
    return Asked(
        query.get("date_from"),
        query.get("date_to"),
        None if status is None else _STATUSES[status],
        limit=int(query.get("limit", 50)),
        cursor=query.get("cursor"),
    )


_GETS: Final = (
    hot("/v1/bulk-cancellations/{}", UUID, (), _poll),
    hot("/v1/sessions", "", _DAYS | {"status"}, _sessions),
    hot("/v1/clients/{}/bookings", PLATFORM_ID, ("limit", "cursor"), _bookings),
    hot("/v1/public/{}/schedule", PLATFORM_ID, _DAYS, _public),
)
_ACCEPT: Final = "/v1/bulk-cancellations"


class HotRoutes(BaseRoute):
    """Put before an app's routes: takes what is plain, and leaves the rest to those."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this answers, by the path and the query alone."""
        if scope["type"] != "http" or COLD in scope or scope.get("root_path"):
            return Match.NONE, {}
        path: str = scope["path"]
        if scope["method"] == "POST":
            is_plain = path == _ACCEPT and not scope["query_string"]
            noted = {"bulk_cancel_hot": None, ROUTE: _ACCEPT}
            return (Match.FULL, noted) if is_plain else (Match.NONE, {})
        if scope["method"] == "GET":
            for one in _GETS:
                found = one.pattern.fullmatch(path)
                if (
                    found is not None
                    and (query := plain_query(scope["query_string"], one.parameters)) is not None
                ):
                    return Match.FULL, {
                        "bulk_cancel_hot": (one.answer, found[1], query),
                        ROUTE: one.path,
                    }
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on an acceptance whose body is amiss, with that body."""
        plain = scope["bulk_cancel_hot"]
        if plain is None:
            await _accept(scope, receive, send)
            return
        answer, named, query = plain
        response = await answer(Ask(scope, named, query))
        await response(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """These have no names: FastAPI's routes of the same paths do."""
        raise NoMatchFound(name, path_params)


def plain_query(query: bytes, parameters: frozenset[str]) -> Query | None:
    """The parameters of a query that needs nothing explained.

    They are known ones, each once, of plain characters and in range. None: FastAPI's route is to
    read it.
    """
    if not query:
        return {}
    if not _PLAIN.fullmatch(query):
        return None
    pairs = [part.split("=", 1) for part in query.decode().split("&")]
    found = dict(pairs)
    if (
        len(found) < len(pairs)
        or not found.keys() <= parameters
        or not _LIMIT.fullmatch(found.get("limit", "50"))
        or found.get("status", "scheduled") not in _STATUSES
        or len(found.get("cursor", "")) > _MAX_CURSOR
    ):
        return None
    return found


async def _accept(scope: Scope, receive: Receive, send: Send) -> None:
    headers = Headers(scope=scope)
    if headers.get("content-type") != "application/json" or prefers_csv(headers.get("accept")):
        await _cold(scope, receive, send)
        return
    content = await _content(receive)
    try:
        body = CancellationRequest.model_validate(json.loads(content))
    except (ValueError, RecursionError, ValidationError):
        await _cold(scope, _again(content, receive), send)
        return
    ask = Ask(scope, "", {})
    accepted = await job_answers.accept(
        ask.service, ask.who, body, headers.getlist("idempotency-key")
    )
    answer = await job_answers.accepted_answer(accepted)
    await answer(scope, receive, send)


async def _content(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(content: bytes, receive: Receive) -> Receive:
    """Gives a body that was received once more, and then what comes after it.

    Others have their turn first: a body is read whole by each of the two, in one step of the loop.
    """
    left = [content]

    async def once_more() -> Message:
        if left:
            await asyncio.sleep(0)
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return once_more


async def _cold(scope: Scope, receive: Receive, send: Send) -> None:
    scope[COLD] = True
    await scope["app"].router(scope, receive, send)
