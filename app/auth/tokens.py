"""Access tokens (RFC 9068): whether the issuer signed one, for us, and for this time.

A token is believed only when its algorithm is one of an allow-list, its key is in the issuer's set
under its `kid`, and `iss`, `aud`, `exp`, `nbf`, `iat` and `sub` say what they must. Each refusal is
401 with `invalid_token` (RFC 6750 §3.1) and a sentence that repeats nothing of the token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from joserfc.errors import (
    ClaimError,
    ExpiredTokenError,
    JoseError,
    MissingClaimError,
    UnsupportedAlgorithmError,
)
from joserfc.jwk import Key
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact
from joserfc.jwt import JWTClaimsRegistry

from app.auth.issuer.key_set import ALGORITHMS
from app.errors import Unauthenticated

MAX_TOKEN_BYTES: Final = 8 * 1024
LEEWAY_SECONDS: Final = 60  # between the issuer's clock and ours
# However long its issuer lets it live: so long the end of a sign-in is remembered.
MAX_AGE_SECONDS: Final = 24 * 3600
_ED25519: Final = {"EdDSA": "Ed25519"}  # the older name, which joserfc warns of
_TELLS: Final = {
    "iss": "This access token is from another issuer.",
    "aud": "This access token is not for this service: its aud names another.",
    "nbf": "This access token is not valid yet.",
    "iat": "This access token is not valid yet: it was issued in the future.",
}


class _Registry(JWSRegistry):
    def get_alg(self, name: str) -> Any:
        return super().get_alg(_ED25519.get(name, name))


# Issuers put members of their own into headers; what is critical and unknown is refused still.
_REGISTRY: Final = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


@dataclass(frozen=True, slots=True)
class Expected:
    """What each token must say."""

    issuer: str
    audience: str
    type: str


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token that was read and is not yet believed."""

    signature: CompactSignature
    kid: str
    algorithm: str


def is_token(text: str) -> bool:
    """Whether it has the shape of a signed token, which no API key has."""
    return text.count(".") == 2  # noqa: PLR2004 - RFC 7515 §7.1


def read_token(text: str, *types: str | None) -> SignedToken:
    """The token with what names its key; None among its `types`: it need not say any.

    Raises:
        Unauthenticated: it is too long, or not signed as tokens are here.
    """
    if len(text) > MAX_TOKEN_BYTES:
        raise invalid_token(f"An access token of at most {MAX_TOKEN_BYTES} bytes is taken here.")
    try:
        signature = extract_compact(text.encode("ascii"), None, _REGISTRY)
        header = signature.headers()
        kid, algorithm, said = header.get("kid"), header["alg"], header.get("typ")
    except (JoseError, UnicodeError, RecursionError, AttributeError, TypeError):
        raise invalid_token("This is no access token: it can't be read.") from None
    if algorithm not in ALGORITHMS:
        raise invalid_token(f"Access tokens must be signed by one of: {', '.join(ALGORITHMS)}.")
    if not _is_one_of(said, types):
        raise invalid_token(f"This is no access token: its typ must be {types[0]}.")
    if not isinstance(kid, str):
        raise invalid_token("This access token names no key: it must have a kid.")
    return SignedToken(signature, kid, algorithm)


def checked_claims(claims: dict[str, Any], expected: Expected, *, now: float) -> Mapping[str, Any]:
    """The signed claims of an access token; `now` counts seconds of Unix time.

    Raises:
        Unauthenticated: a claim does not say what it must.
    """
    registry = JWTClaimsRegistry(
        now=int(now),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.audience},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError:
        raise invalid_token("This access token has expired.") from None
    except MissingClaimError as error:
        raise invalid_token(f"This access token lacks: {error.claim}.") from None
    except ClaimError as error:
        tells = _TELLS.get(error.claim, f"The claim {error.claim} can't be read.")
        raise invalid_token(tells) from None
    if claims["iat"] + MAX_AGE_SECONDS + LEEWAY_SECONDS <= now:
        raise invalid_token("This access token has expired: it was issued over a day ago.")
    return claims


def seconds_left(ends_at: float, now: float) -> float:
    """How long what a token has opened may go on: to its end, or within the leeway to that's."""
    left = ends_at - now
    return left if left > 0 else max(0.0, left + LEEWAY_SECONDS)


def signed_claims(token: SignedToken, key: Key) -> dict[str, Any]:
    """What a token says that this key has signed.

    Raises:
        Unauthenticated: the signature is another's.
    """
    try:
        if not validate_compact(token.signature, key, None, _REGISTRY):
            raise invalid_token("This access token is not signed by its issuer.")
        claims = orjson.loads(token.signature.payload)
    except (JoseError, UnsupportedAlgorithmError, orjson.JSONDecodeError):
        raise invalid_token("This access token can't be read.") from None
    if not isinstance(claims, dict):
        raise invalid_token("This access token can't be read.")
    return claims


def _is_one_of(said: Any, types: tuple[str | None, ...]) -> bool:
    if not isinstance(said, str):
        return said is None and None in types
    return _media_type(said) in {_media_type(one) for one in types if one is not None}


def _media_type(said: str) -> str:
    """RFC 7515 §4.1.9: `application/` may be left out, and case does not count."""
    return said.lower().removeprefix("application/")


def invalid_token(detail: str) -> Unauthenticated:
    """401: who sent this token is not known by it."""
    return Unauthenticated(detail, error="invalid_token")
