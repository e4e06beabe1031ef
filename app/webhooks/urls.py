"""Whether a URL may be an endpoint's, as far as the URL tells.

An address in any spelling is judged as that address. No name is looked up here: that would be slow,
would tell callers which names our network knows, and would hold for no later moment. What a name
means is judged by `addresses` when it is connected to.
"""

import re
import socket
from ipaddress import ip_address
from typing import Final

import httpx

from app.webhooks.addresses import LOOPBACK, Address, AddressPolicy, is_localhost, unmapped

MAX_URL: Final = 2048
_HIGHEST_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME: Final = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
# What the URL Standard of WHATWG calls "ends in a number": never a name, however wrong it is as an
# address.
_NUMBER_LAST: Final = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")


def check_url(text: str, policy: AddressPolicy) -> str:
    """The URL, normalised, if an endpoint may have it.

    What is normalised already stays as it is.

    Raises:
        ValueError: it may not, with a sentence for whoever has typed it.
    """
    url = _parsed(text)
    host = url.raw_host.decode().removesuffix(".")
    address = _numeric(host)
    if address is None and (not _NAME.fullmatch(host) or _NUMBER_LAST.fullmatch(host)):
        raise ValueError("The URL must have a host that is a name or an address.")
    meant = (address,) if address is not None else LOOPBACK if is_localhost(host) else ()
    if url.scheme == "http" and not (
        policy.loopback_http and meant and all(unmapped(one).is_loopback for one in meant)
    ):
        raise ValueError("The URL must begin with https://.")
    port = url.port or _DEFAULT_PORTS[url.scheme]
    if not (
        all(policy.allows(one, port) for one in meant)
        if meant
        else port in policy.ports or policy.networks
    ):
        raise ValueError(
            "The URL must lead to a public address and a port that endpoints may have."
        )
    normal = str(
        url.copy_with(host=host if address is None else str(address), path=url.path or "/")
    )
    if len(normal) > MAX_URL:
        raise ValueError(f"The URL must have at most {MAX_URL} characters.")
    return normal


def _parsed(text: str) -> httpx.URL:
    if len(text) > MAX_URL:
        raise ValueError(f"The URL must have at most {MAX_URL} characters.")
    if any(
        not character.isprintable() or character.isspace() or character == "\\"
        for character in text
    ):
        raise ValueError("The URL must have no spaces, control characters or backslashes.")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ValueError("The URL cannot be read as one.") from None
    if url.scheme not in _DEFAULT_PORTS:
        raise ValueError("The URL must begin with https://.")
    if url.userinfo:
        raise ValueError("The URL must have no user name or password.")
    if "#" in text:
        raise ValueError("The URL must have no fragment.")
    if url.port is not None and not 0 < url.port <= _HIGHEST_PORT:
        raise ValueError("The URL must have a port from 1 to 65535, or none.")
    return url


def _numeric(host: str) -> Address | None:
    """The address that the system takes this for without asking anybody.

    It knows more spellings than `ipaddress`.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return ip_address(found[0][4][0])
