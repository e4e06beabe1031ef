"""Addresses of PostgreSQL, SQLite and Redis: taken as their drivers want them, or refused.

What a driver would choke on, or pass over in silence, is refused here with a sentence. None repeats
an address, which may hold a password.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import sqlalchemy as sa

_HIGHEST_PORT: Final = 65_535
_HERE: Final = "localhost"
_DRIVERS: Final = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}
# These are libpq's, and asyncpg's.
_TLS_MODES: Final = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
_DATABASE_PARAMETERS: Final = {"ssl", "host", "port", "target_session_attrs"}
_SESSIONS: Final = {"read-write", "primary"}
_HOST_LIST: Final = re.compile(
    r"(?P<before>[a-z+]+://(?:[^@]*@)?)(?P<hosts>[\w.-]+(?::\d+)?(?:,[\w.-]+(?::\d+)?)+)(?P<after>/.*)"
)
_USUAL_PORT: Final = "5432"


def database_url(value: str) -> str:
    """The address with its driver named.

    That is asyncpg for `postgresql://` and `postgres://`, and aiosqlite for `sqlite://`.

    Raises:
        ValueError: it is none, or has what the driver would choke on.
    """
    try:
        url = _with_hosts(value)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError(
            "must be postgresql://USER:PASSWORD@HOST/NAME or sqlite+aiosqlite:///PATH"
        ) from None
    if url.drivername not in _DRIVERS:
        raise ValueError("must begin with postgresql:// or sqlite+aiosqlite://")
    url = url.set(drivername=_DRIVERS[url.drivername])
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise ValueError(
            "must name a file, as sqlite+aiosqlite:///PATH: each connection has a memory of its own"
        )
    if url.port is not None and not 0 < url.port <= _HIGHEST_PORT:
        raise ValueError("the port must be from 1 to 65535")
    return _with_driver_parameters(url).render_as_string(hide_password=False)


def _with_hosts(value: str) -> sa.URL:
    """The address, with a list of hosts (`HOST1:5432,HOST2`, as libpq has it) as parameters.

    Raises:
        ValueError, sqlalchemy.exc.ArgumentError: it is none.
    """
    found = _HOST_LIST.fullmatch(value)
    if found is None:
        return sa.make_url(value)
    url = sa.make_url(f"{found['before']}{found['after']}")
    return url.update_query_pairs([("host", one) for one in found["hosts"].split(",")])


def _with_driver_parameters(url: sa.URL) -> sa.URL:
    """With the parameters after `?` as asyncpg has them.

    Those that it would choke on are refused.
    """
    given = dict(url.query)
    if "sslmode" in given:
        given["ssl"] = given.pop("sslmode")
    known = _DATABASE_PARAMETERS if url.get_backend_name() == "postgresql" else set[str]()
    if unknown := sorted(set(given) - known):
        raise ValueError(
            f"the parameter {unknown[0][:40]!r} is not one of: {', '.join(sorted(known)) or 'none'}"
        )
    if "ssl" in given and given["ssl"] not in _TLS_MODES:
        raise ValueError(f"sslmode must be one of: {', '.join(sorted(_TLS_MODES))}")
    attributes = given.get("target_session_attrs", "read-write")
    if attributes not in _SESSIONS:
        raise ValueError(f"target_session_attrs must be one of: {', '.join(sorted(_SESSIONS))}")
    hosts = _host_parameters(given)
    if len(hosts) > 1:  # of which one may be a standby, which takes no writes
        given |= {"host": hosts, "target_session_attrs": attributes}
        given.pop("port", None)
    return url.set(query=given)


def _host_parameters(given: Mapping[str, str | Sequence[str]]) -> tuple[str, ...]:
    """The hosts that an address has as parameters, each with its port.

    Raises:
        ValueError: a port is none, or nobody knows whose it is.
    """
    hosts, ports = _each(given.get("host", ())), _each(given.get("port", ()))
    if len(ports) > 1 and len(ports) != len(hosts):
        raise ValueError("there must be one port for all hosts, or one for each")
    each = (ports or [_USUAL_PORT]) * (1 if len(ports) > 1 else max(1, len(hosts)))
    pairs = [
        host.rpartition(":")[::2] if ":" in host else (host, port)
        for host, port in zip(hosts or [""], each, strict=True)
    ]
    if not all(is_port(port) for _, port in pairs):
        raise ValueError("the port must be from 1 to 65535")
    return tuple(f"{host}:{port}" for host, port in pairs)


def hosts_of(database: sa.URL) -> tuple[str, ...]:
    """Which machines a database's address names; one by a socket or a file is this one."""
    named = _each(database.query.get("host", ())) if database.host is None else [database.host]
    return tuple(one.partition(":")[0] for one in named if not one.startswith("/")) or (
        "localhost",
    )


def _each(given: str | Sequence[str]) -> list[str]:
    """What one parameter lists, or several by one name."""
    return [
        one for each in ([given] if isinstance(given, str) else given) for one in each.split(",")
    ]


def redis_url(value: str) -> str:
    """The address, without a slash at its end.

    Raises:
        ValueError: it is none, or has what arq would pass over.
    """
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        raise ValueError("must be redis://HOST:PORT/NUMBER with a port from 1 to 65535") from None
    if url.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    if url.scheme == "unix":
        if not url.path:
            raise ValueError("must name a socket, as unix:///run/redis.sock")
        return value
    if not url.hostname or port == 0:
        raise ValueError("must be redis://HOST:PORT/NUMBER with a port from 1 to 65535")
    for parameter in filter(None, url.query.split("&")):
        if (name := parameter.partition("=")[0]) != "db":
            raise ValueError(
                f"the parameter {name[:40]!r} is not taken; over rediss:// the certificate must "
                "be the host's, and SSL_CERT_FILE names a private authority"
            )
    if not re.fullmatch(
        r"(/|/[0-9]{1,9})?(\?db=[0-9]{1,9})?", f"{url.path}{'?' if url.query else ''}{url.query}"
    ):
        raise ValueError(
            "what follows the host must be the number of a database, as redis://HOST:PORT/0"
        )
    return value.removesuffix("/")


def is_port(text: str) -> bool:
    """Whether it is a number from 1 to 65535."""
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) <= _HIGHEST_PORT
