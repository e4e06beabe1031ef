"""Finds the operation that will answer a request, before the router does.

It goes by method and path alone. Only what needs a key is found. The first that fits is the
router's choice too, because both keep the routes' order.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl

from fastapi.dependencies.models import Dependant
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.datastructures import Headers
from starlette.routing import BaseRoute, compile_path

from app.api.negotiation import prefers_csv
from app.auth.roles import PlatformScope

CUTS: Final = "cuts_by_location"  # a mark of what gives a route its caller
_NO: Final = frozenset({"false", "0", "off", "no", "f", "n"})  # as a parameter's values are read


class Reach(StrEnum):
    """What of a business an operation shows, or acts on: how it keeps to locations."""

    NONE = "none"  # nothing that is at a location: what any caller of the business may ask
    CUT = "cut"  # it says so, and cuts what it has by the caller's locations
    SESSION = "session"  # the one session of its path
    JOB = "job"  # the one bulk cancellation of its path
    WHOLE = "whole"  # anything: a caller who is limited may not ask


@dataclass(frozen=True, slots=True)
class Operation:
    """What must be known of an operation before it is called.

    Its path, its caller's scopes, whether it is a stream, and what it reaches.
    """

    path: re.Pattern[str]
    reach: Reach
    scopes: tuple[str, ...]
    always_streams: bool
    streams_csv: bool  # where the caller wants that rather than JSON
    checks_plans: bool  # where its query says so

    @property
    def is_platforms(self) -> bool:
        """Whether it is for those who stand above businesses, and for no caller of one."""
        return PlatformScope.PLATFORM_ADMIN in self.scopes

    def streams(self, headers: Headers, query: bytes) -> bool:
        """Whether it may take as long as its caller, or its upstream, likes."""
        return (
            self.always_streams
            or (self.streams_csv and prefers_csv(headers.get("accept")))
            or self.checks(query)
        )

    def checks(self, query: bytes) -> bool:
        """Whether it asks the payment service about a plan."""
        if not self.checks_plans or b"check" not in query:
            return False
        given = parse_qsl(query.decode("latin-1"))
        return any(name == "check" and value.lower() not in _NO for name, value in given)


class Operations:
    """Those of an app that need a key."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        # By method and number of slashes, so that two or three patterns are tried instead of
        # thirty.
        self._by_shape: defaultdict[tuple[str, int], list[tuple[re.Pattern[str], Operation | None]]]
        self._by_shape = defaultdict(list)
        for context in iter_route_contexts(list(routes)):
            if isinstance(context.original_route, APIRoute):
                self._add(context, context.original_route)

    def find(self, method: str, path: str) -> Operation | None:
        """The operation with this method whose path fits.

        None where there is none, or it needs no key.
        """
        for pattern, operation in self._by_shape.get((method, path.count("/")), ()):
            if pattern.match(path):
                return operation
        return None

    def _add(self, context: RouteContext, route: APIRoute) -> None:
        assert context.path is not None
        pattern = compile_path(context.path)[0]
        operation = _operation(pattern, route) if _needs_key(route.dependant) else None
        for method in context.methods or ():
            self._by_shape[method, context.path.count("/")].append((pattern, operation))


def _operation(pattern: re.Pattern[str], route: APIRoute) -> Operation:
    taken = (
        (route.openapi_extra or {}).get("requestBody", {}).get("content", {"application/json": {}})
    )
    given = {
        media for response in route.responses.values() for media in response.get("content", ())
    }
    scopes = tuple(_scopes_of(route.dependant))
    return Operation(
        pattern,
        _reach(pattern, route, scopes),
        scopes,
        always_streams=route.response_class is StreamingResponse or "application/json" not in taken,
        streams_csv="text/csv" in given,
        checks_plans=any(one.alias == "check" for one in route.dependant.query_params),
    )


def _reach(pattern: re.Pattern[str], route: APIRoute, scopes: tuple[str, ...]) -> Reach:
    if not scopes:
        return Reach.NONE
    if _cuts(route.dependant):
        return Reach.CUT
    if "job_id" in pattern.groupindex:
        return Reach.JOB
    return Reach.SESSION if "session_id" in pattern.groupindex else Reach.WHOLE


def _cuts(dependant: Dependant) -> bool:
    """Whether a route asks for a caller by whose locations it cuts what it has."""
    return getattr(dependant.call, CUTS, False) or any(map(_cuts, dependant.dependencies))


def _needs_key(dependant: Dependant) -> bool:
    """Whether a route asks who is calling, if only to tell them."""
    return isinstance(dependant.call, SecurityBase) or any(map(_needs_key, dependant.dependencies))


def _scopes_of(dependant: Dependant) -> Iterator[str]:
    """The scopes that a route's caller must have, as it names them."""
    yield from dependant.own_oauth_scopes or ()
    for inner in dependant.dependencies:
        yield from _scopes_of(inner)
