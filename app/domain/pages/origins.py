"""The origins (RFC 6454) of the sites in which a business has its schedule shown.

Each is a scheme and a host, with a port where it is not the scheme's own, as browsers write them:
so that it can be compared with what they send, and stand in a policy with nothing around it.
"""

import ipaddress
import re
from typing import Final

MAX_ORIGINS: Final = 20
MAX_LENGTH: Final = 255
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# Not by `urlsplit`, which takes line breaks out of what it is given.
_ORIGIN: Final = re.compile(
    rf"(https?)://((?:{_LABEL}\.)*{_LABEL})(?::([1-9][0-9]{{0,4}}))?/?", re.ASCII
)
_OWN_PORTS: Final = {"https": 443, "http": 80}
_MAX_PORT: Final = 65_535
_LOOPBACK: Final = ("localhost", "127.0.0.1")


def origin_of(text: str) -> str:
    """The origin that this is, as browsers write it: `https://www.studio.example`.

    A last slash is taken, and capital letters. A name of other letters than these is written as
    DNS has it (`xn--…`). Only what is shown on this machine may do without TLS.

    Raises:
        ValueError: it is none; the message says what is wrong with it.
    """
    found = _ORIGIN.fullmatch(text.strip(" ").lower())
    if found is None or not _is_host(found[2]) or int(found[3] or 1) > _MAX_PORT:
        raise ValueError("must be an origin such as https://www.studio.example, with no path")
    scheme, host, port = found.groups()
    if scheme == "http" and host not in _LOOPBACK:
        raise ValueError("must begin with https://, but on this machine")
    is_own = port is None or int(port) == _OWN_PORTS[scheme]
    return f"{scheme}://{host}" + ("" if is_own else f":{port}")


def _is_host(host: str) -> bool:
    """Whether it is a name, or an address as it is written: browsers take `0x7f.1` for one, too."""
    if not re.match(r"[0-9]+$|0x", host.rpartition(".")[2]):
        return True
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
