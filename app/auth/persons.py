"""Whom the claims of an access token name, and what they may do here.

What roles may do is this build's word; a scopes claim, where one is configured, narrows that.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.auth import tokens
from app.auth.roles import SCOPES_OF_ROLES, PlatformScope, Role, Scope
from app.config.settings import Settings
from app.domain.fields import PLATFORM_ID
from app.domain.nouns.sign_ins import ShownSignIn
from app.domain.texts.display_text import cut, displayed
from app.errors import Problem

_MAX_SUBJECT: Final = 200
_GRANTABLE: Final = SCOPES_OF_ROLES[Role.OWNER]


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a token names, and until when; times are seconds of Unix time."""

    subject: str
    label: str
    business_id: str | None  # None: they stand above businesses
    scopes: frozenset[Scope]
    expires_at: float
    issued_at: float
    sid: str | None

    @property
    def sign_in(self) -> ShownSignIn:
        """What their token shows of it."""
        at = dt.datetime.fromtimestamp(self.issued_at, dt.UTC)
        return ShownSignIn(self.subject, self.sid, self.business_id, at)


def person_of(claims: Mapping[str, Any], settings: Settings) -> Person:
    """Whom verified claims name, and what they may do.

    Raises:
        Unauthenticated: `sub` can't be anybody's.
        Problem: 403 no-access, no business or no role of ours.
    """
    subject = claims["sub"]
    if not 0 < len(subject) <= _MAX_SUBJECT or subject != displayed(subject):
        raise tokens.invalid_token("The claim sub can't be read.")
    name = claims.get("name")
    label = cut(displayed(name)) if isinstance(name, str) else ""
    sid = claims.get("sid")
    times = claims["exp"], claims["iat"], sid if isinstance(sid, str) else None
    if _is_operator(claims, settings):
        return Person(subject, label, None, frozenset(), *times)
    business_id = _at(claims, settings.jwt_business_claim)
    if not isinstance(business_id, str) or not re.fullmatch(PLATFORM_ID, business_id):
        raise no_access(
            "Your account names no business: the access token has none in its claim "
            f"{settings.jwt_business_claim}."
        )
    scopes = _scopes(claims, settings)
    if not scopes:
        raise no_access("Your account has no role here. Who manages it can give it one.")
    return Person(subject, label, business_id, scopes, *times)


def _is_operator(claims: Mapping[str, Any], settings: Settings) -> bool:
    """Whether they have the operators' role; a scopes claim, where one counts, must allow it."""
    role = settings.jwt_platform_role
    if role is None or role not in _words(_at(claims, settings.jwt_roles_claim)):
        return False
    if settings.jwt_scopes_claim is None:
        return True
    return PlatformScope.PLATFORM_ADMIN in _words(_at(claims, settings.jwt_scopes_claim))


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of this name, or at this path of names with dots."""
    if path in claims:  # such as `https://studio.example/roles`
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _words(value: Any) -> frozenset[str]:
    """Words with blanks between, as RFC 6749 has scopes, or a list; nothing else names any."""
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list):
        return frozenset()
    return frozenset(one for one in words if isinstance(one, str))


def _scopes(claims: Mapping[str, Any], settings: Settings) -> frozenset[Scope]:
    """What the person may do: as their roles say, and no more than the token's own scopes."""
    roles = _words(_at(claims, settings.jwt_roles_claim))
    of_roles = frozenset[Scope]().union(
        *(scopes for role, scopes in SCOPES_OF_ROLES.items() if role in roles)
    )
    if settings.jwt_scopes_claim is None:
        return of_roles
    words = _words(_at(claims, settings.jwt_scopes_claim))
    named = frozenset(scope for scope in _GRANTABLE if scope in words)
    return of_roles & named if roles else named


def no_access(detail: str) -> Problem:
    """403: it is known who this is, and they have nothing here."""
    return Problem(
        403,
        "no-access",
        "This account has no access here",
        detail,
        headers={"WWW-Authenticate": 'Bearer realm="bulk-cancel", error="insufficient_scope"'},
    )
