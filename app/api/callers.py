"""Who may call a route: `caller(scope)` lets a route be reached by a key with that scope, and by no other."""

from typing import Annotated, Final

import structlog
from fastapi import Request, Security
from fastapi.params import Security as SecurityParam
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from app.api.state import Service
from app.auth import Caller, Scope, authenticate
from app.errors import MissingScope

# For the OpenAPI document only: reading the header is `authenticate`'s.
_BEARER: Final = HTTPBearer(
    auto_error=False,
    scheme_name="api_key",
    bearerFormat="bck_<prefix>_<secret>",
    description="An API key of your business: `Authorization: Bearer bck_…`. `bulk-cancel keys create` prints one.",
)


def caller(scope: Scope) -> SecurityParam:
    """The dependency that gives a route its `Caller`: 401 for no valid key, 403 for one without the scope."""
    dependency = Security(_known_caller, scopes=[scope.value])
    assert isinstance(dependency, SecurityParam)
    return dependency


async def _known_caller(
    request: Request,
    needed: SecurityScopes,
    service: Service,
    _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Caller:
    who = await authenticate(service.db, request.headers.get("authorization"))
    for scope in needed.scopes:
        if scope not in who.scopes:
            raise MissingScope(scope)
    structlog.contextvars.bind_contextvars(business_id=who.business_id)
    return who
