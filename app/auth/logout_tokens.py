"""Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4): whose sign-in the issuer has ended.

Only what the issuer signed for us as a logout is one: an access token names no event, and an ID
token may have a nonce, which a logout token never has.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from joserfc.errors import ClaimError, ExpiredTokenError
from joserfc.jwt import JWTClaimsRegistry

from app.auth.tokens import LEEWAY_SECONDS, MAX_AGE_SECONDS
from app.domain.nouns.sign_ins import EndedSignIn
from app.domain.texts.display_text import displayed
from app.errors import Problem

TYPES: Final = ("logout+jwt", "JWT", None)  # §2.4 recommends the first
_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_MAX_SUBJECT: Final = 200
_MAX_SESSION: Final = 255


def ended_by(claims: Mapping[str, Any], *, issuer: str, client_id: str, now: float) -> EndedSignIn:
    """What a token ends whose signature is the issuer's; `now` counts seconds of Unix time.

    Raises:
        Problem: 400 `logout-token-invalid`, it is no logout of a client of this id.
    """
    registry = JWTClaimsRegistry(
        now=int(now),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": client_id},
        exp={"essential": True},
        iat={"essential": True},
        jti={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except ExpiredTokenError:
        raise invalid_logout("It has expired.") from None
    except ClaimError as error:
        raise invalid_logout(f"Its claim {error.claim} is not as it must be.") from None
    if claims["iat"] + MAX_AGE_SECONDS <= now:
        raise invalid_logout("It was issued over a day ago.")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise invalid_logout("Its claim events names no back-channel logout.")
    if "nonce" in claims:
        raise invalid_logout("It has a nonce, which no logout token has.")
    subject = _named(claims, "sub", _MAX_SUBJECT)
    sid = _named(claims, "sid", _MAX_SESSION)
    if subject is None and sid is None:
        raise invalid_logout("It names neither sub nor sid.")
    at = dt.datetime.fromtimestamp(int(claims["iat"]), dt.UTC)
    return EndedSignIn(subject, sid, None, at)


def _named(claims: Mapping[str, Any], name: str, most: int) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= most or value != displayed(value):
        raise invalid_logout(f"Its claim {name} can't be read.")
    return value


def invalid_logout(detail: str) -> Problem:
    """400: nobody is signed out by it (§2.8)."""
    return Problem(400, "logout-token-invalid", "The logout token is not valid", detail)
