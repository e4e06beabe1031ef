"""Asks the identity provider for its documents: small, in good time, from where it was told.

An answer is at most `MAX_BYTES`, comes within `TIMEOUT_SECONDS` in all, and redirects are not
followed. What can't be had is logged once a try and is None.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx
import orjson
import structlog

from app.config.identity_values import issuer_url

log = structlog.get_logger()

TIMEOUT_SECONDS: Final = 5.0
MAX_BYTES: Final = 64 * 1024
_CONFIGURATION: Final = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Discovery:
    """What an issuer says of itself (OpenID Connect Discovery 1.0 §3), as far as it is used here.

    The addresses are https, or on this machine; those of a sign-in may be absent.
    """

    jwks_uri: str
    authorization_endpoint: str | None
    token_endpoint: str | None
    names_itself: bool  # in what it sends a page back with (RFC 9207)


class _UnusableError(Exception):
    """The answer is none that may be used; the reason names no value."""


_FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, _UnusableError)


async def fetch_discovery(client: httpx.AsyncClient, issuer: str) -> Discovery | None:
    """What the issuer says of itself; None where it can't be had."""
    address = issuer.rstrip("/") + _CONFIGURATION
    try:
        document = await _json(client, address)
        return _discovery(document, issuer)
    except _FAILURES as error:
        _tell("discovery", error)
        return None


async def fetch_key_set(client: httpx.AsyncClient, address: str) -> Mapping[str, Any] | None:
    """The JSON Web Key Set (RFC 7517 §5) at the address; None where it can't be had."""
    try:
        return _with_keys(await _json(client, address))
    except _FAILURES as error:
        _tell("keys", error)
        return None


def open_client() -> httpx.AsyncClient:
    """What asks the issuer: no redirects, no proxy of the environment."""
    return httpx.AsyncClient(
        trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=0),  # minutes lie between two questions
        follow_redirects=False,
        timeout=TIMEOUT_SECONDS,
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


def _with_keys(document: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(document.get("keys"), list):
        raise _UnusableError("it has no list of keys")
    return document


def _discovery(document: Mapping[str, Any], issuer: str) -> Discovery:
    if document.get("issuer") != issuer:
        raise _UnusableError("it names another issuer")
    return Discovery(
        _address(document, "jwks_uri"),
        _address_or_none(document, "authorization_endpoint"),
        _address_or_none(document, "token_endpoint"),
        document.get("authorization_response_iss_parameter_supported") is True,
    )


async def _json(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    async with asyncio.timeout(TIMEOUT_SECONDS), client.stream("GET", address) as answer:
        if answer.status_code != HTTPStatus.OK:
            raise _UnusableError(f"it answers {answer.status_code}")
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise _UnusableError("it is packed, though nobody asked for that")
        body = b""
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > MAX_BYTES:
                raise _UnusableError(f"it is longer than {MAX_BYTES} bytes")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _UnusableError("it is no JSON") from None
    if not isinstance(document, dict):
        raise _UnusableError("it is no JSON object")
    return document


def _address(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise _UnusableError(f"it has no {name}")
    try:
        return issuer_url(value)
    except ValueError as error:
        raise _UnusableError(f"its {name} {error}") from None


def _address_or_none(document: Mapping[str, Any], name: str) -> str | None:
    return _address(document, name) if document.get(name) is not None else None


def _tell(what: str, error: Exception) -> None:
    reason = str(error) if isinstance(error, _UnusableError) else type(error).__name__
    log.warning("issuer.unusable", document=what, reason=reason)
