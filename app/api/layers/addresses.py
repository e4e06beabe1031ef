"""The address that a request came from.

It is the connection's, or what a proxy that is trusted says of it. `X-Forwarded-For` is read from
its end, where the nearest proxy writes: what callers write stands before that.
"""

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.config.hosts import is_here

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_OF_ONE_IPV6 = 64  # one subscriber has all addresses of such a network


def networks(text: str | None) -> Sequence[Network]:
    """The networks that a setting names, with blanks between."""
    return [ipaddress.ip_network(one) for one in (text or "").split()]


def address_of(scope: Scope, trusted: Sequence[Network]) -> str:
    """Whom to count a request to; "" where nobody knows.

    An IPv4 address, or an IPv6 network of one subscriber.
    """
    client = scope.get("client")
    hops = [
        part.strip()
        for part in ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
    ]
    found = client[0] if client else ""
    while (
        (address := _address(found)) is not None
        and any(address in network for network in trusted)
        and hops
    ):
        found = hops.pop() or found
    if address is None:
        return ""
    if address.version == 6:  # noqa: PLR2004
        return str(ipaddress.ip_network((address, _OF_ONE_IPV6), strict=False))
    return str(address)


def is_this_machine(connection: HTTPConnection) -> bool:
    """Whether this machine asks, and by a name of its own.

    A name of elsewhere may be made to lead here: a page there would then read the answer.
    """
    caller = connection.client.host if connection.client else ""
    return is_here(caller) and is_here(connection.url.hostname or "")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address  # noqa: PLR2004
