"""Names of hosts: which of them are this machine, and which a setting names."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import AfterValidator

ANY: Final = "*"
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def is_here(host: str) -> bool:
    """Whether this name or address is this machine's own, and of no other."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_named(host: str, names: Iterable[str]) -> bool:
    """Whether one of the names is this host's: itself, `*.above.it`, or `*`."""
    host = host.lower().removesuffix(".")
    return any(
        name in {ANY, host} or (name.startswith("*.") and host.endswith(name[1:])) for name in names
    )


def _hosts(value: str) -> str:
    names = [_bare(name.lower()) for name in value.split()]
    if not names or not all(_is_host(name) for name in names):
        raise ValueError("each must be the name or address of a host, without scheme and port")
    return " ".join(names)


def _host_patterns(value: str) -> str:
    names = [_bare(name.lower()) for name in value.split()]
    if not names or not all(name == ANY or _is_host(name.removeprefix("*.")) for name in names):
        raise ValueError(
            "each must be the name of a host without scheme and port, `*.NAME` for all below it, "
            "or `*`"
        )
    return " ".join(names)


def _bare(name: str) -> str:
    """An IPv6 address as a URL has it, without its brackets."""
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _NAME.fullmatch(name) is not None
    return True


Hosts = Annotated[str, AfterValidator(_hosts)]
HostPatterns = Annotated[str, AfterValidator(_host_patterns)]
