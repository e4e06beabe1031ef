"""Who may call a route, by the scopes of their key.

`caller(scope)` lets a route be reached by a key with that scope, `caller()` by any in force of a
business, `platform_caller()` by who stands above them, and by nobody else.
`Authorise` knows who calls, and whether they may, before a byte of the body is read; all routes
beneath it find their caller in `scope["state"]["caller"]`.
"""

import asyncio
import re
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Annotated, Final

import structlog
from fastapi import Request, Security
from fastapi.params import Security as SecurityParam
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from app.api.layers.addresses import Network, address_of
from app.api.layers.governor import Governor
from app.api.layers.operations import CUTS, Operation, Operations, Reach
from app.api.layers.problems import response_from
from app.auth.callers import AnyCaller, Caller, PlatformCaller
from app.auth.roles import PlatformScope, Scope
from app.cancellation import read as jobs
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.domain.fields import UUID
from app.errors import MissingScope, NotFound, Problem, Stopping
from app.schedule import read as schedule

# For the OpenAPI document only: reading the header is `authenticate`'s.
_BEARER: Final = HTTPBearer(
    auto_error=False,
    scheme_name="api_key",
    bearerFormat="bck_<prefix>_<secret> or a JWT",
    description=(
        "An API key of your business: `Authorization: Bearer bck_…`. `bulk-cancel keys create` "
        "prints one. Where an identity provider is configured, an access token of its (a JWT) is "
        "taken in its place."
    ),
)

_UUID: Final = re.compile(UUID)  # any other is the route's to refuse
_SAFE: Final = frozenset({"GET", "HEAD"})  # what these do is written down nowhere


def caller(*scopes: Scope, by_location: bool = False) -> SecurityParam:
    """The dependency that gives a route its `Caller`.

    Who has no valid key is answered 401, and who lacks one of the scopes 403; so is who is limited
    to locations, unless the route is of one session or of one bulk cancellation. `by_location`: the
    route promises to keep to `Caller.locations` itself.
    """
    known = _known_caller_by_location if by_location else _known_caller
    dependency = Security(known, scopes=[scope.value for scope in scopes])
    assert isinstance(dependency, SecurityParam)
    return dependency


def platform_caller() -> SecurityParam:
    """The dependency that gives a route its `PlatformCaller`; a business's callers have 403."""
    dependency = Security(_known_operator, scopes=[PlatformScope.PLATFORM_ADMIN.value])
    assert isinstance(dependency, SecurityParam)
    return dependency


class Authorise:
    """ASGI: lets through who may call an operation, and ends streams of revoked keys.

    It answers 401, 403 and 429 of every operation that needs a key.
    """

    def __init__(self, app: ASGIApp, governor: Governor, proxies: Sequence[Network]) -> None:
        """`proxies`: whose word about addresses is believed."""
        self.app = app
        self._governor = governor
        self._proxies = proxies
        self._operations: Operations | None = None

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self._operations is None:  # not in `__init__`: routes may still be added then
            self._operations = Operations(scope["app"].routes)
        operation = self._operations.find(scope["method"], scope["path"])
        if operation is None:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        address = address_of(scope, self._proxies)
        structlog.contextvars.bind_contextvars(address=address)
        streams = operation.streams(headers, scope["query_string"])
        with ExitStack() as held:
            try:
                who = await self._admitted(scope, headers, operation, address)
                if streams and isinstance(who, Caller):
                    held.enter_context(self._governor.stream(who))
            except Problem as refusal:
                await response_from(refusal)(scope, receive, send)
                return
            if scope["method"] not in _SAFE:
                who = who.asking(address, scope["state"].get("request_id"))
            scope["state"]["caller"] = who
            if isinstance(who, Caller):
                held.enter_context(of_business(who.business_id))
            if streams:
                await self._while_in_force(who, headers, scope, receive, send)
            else:
                await self.app(scope, receive, send)

    async def _admitted(
        self, scope: Connection, headers: Headers, operation: Operation, address: str
    ) -> AnyCaller:
        db = scope["app"].state.service.db
        who = await self._governor.identify(
            db, headers.get("authorization"), address=lambda: address
        )
        scope["state"]["caller"] = who  # of a refusal, too
        structlog.contextvars.bind_contextvars(caller=who.logged_as)
        if isinstance(who, Caller):
            structlog.contextvars.bind_contextvars(business_id=who.business_id)
        elif not operation.is_platforms:
            raise _no_business()
        for needed in operation.scopes:
            need(who, needed)
        await self._governor.admit(who)
        if isinstance(who, Caller) and who.locations is not None:
            await _keep_within(db, who, who.locations, operation, scope["path"])
        return who

    async def _while_in_force(
        self, who: AnyCaller, headers: Headers, scope: Connection, receive: Receive, send: Send
    ) -> None:
        """Run the app for as long as the caller's key is in force, or their access token is.

        The key may be revoked in whatever process.

        Raises:
            Stopping: it is no more.
        """
        db = scope["app"].state.service.db
        try:
            async with asyncio.timeout(None) as ends:
                looking = asyncio.create_task(
                    self._governor.until_out_of_force(db, who, headers.get("authorization"))
                )
                looking.add_done_callback(partial(_end, ends))
                try:
                    await self.app(scope, receive, send)
                finally:
                    looking.cancel()
        except TimeoutError:
            if not ends.expired():
                raise
            raise Stopping from None


def _end(ends: asyncio.Timeout, looking: asyncio.Task[None]) -> None:
    if not looking.cancelled():
        with suppress(RuntimeError):  # it has ended by itself meanwhile
            ends.reschedule(0)


async def _keep_within(
    db: Database, who: Caller, locations: Collection[str], operation: Operation, path: str
) -> None:
    """See that what is asked for is at a caller's locations, or will be cut to them.

    Raises:
        NotFound: the session or the bulk cancellation isn't, or there is none.
        Problem: 403 `limited-to-locations`.
    """
    if operation.reach is Reach.WHOLE:
        raise Problem(
            403,
            "limited-to-locations",
            "The key is limited to locations",
            "What it asks for is of the whole business.",
        )
    found = operation.path.match(path)
    assert found is not None
    with of_business(who.business_id):
        if operation.reach is Reach.SESSION:
            session = await schedule.session(db, who.business_id, found["session_id"])
            if session.session.facts.location not in locations:
                raise NotFound("session")
        elif operation.reach is Reach.JOB and _UUID.fullmatch(found["job_id"]):
            await jobs.require_within(db, who.business_id, found["job_id"], locations)


def caller_of(connection: HTTPConnection) -> Caller:
    """Who is calling an operation that needs a key, as `Authorise` has made sure."""
    who = connection.scope["state"]["caller"]
    assert isinstance(who, Caller)
    return who


def _no_business() -> Problem:
    return Problem(
        403,
        "no-business",
        "The caller belongs to no business",
        "This caller looks after businesses. What is in one is for callers of that business.",
    )


def need(who: AnyCaller, scope: str) -> None:
    """Make sure that a caller has the scope.

    For where what they ask for decides whether they need it.

    Raises:
        MissingScope: they haven't.
    """
    if scope not in who.scopes:
        raise MissingScope(scope)


async def _known_caller(
    request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Caller:
    return caller_of(request)


async def _known_caller_by_location(
    request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Caller:
    return caller_of(request)


setattr(_known_caller_by_location, CUTS, True)


async def _known_operator(
    request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> PlatformCaller:
    who = request.scope["state"]["caller"]
    assert isinstance(who, PlatformCaller)
    return who
