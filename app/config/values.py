"""What a setting may hold, by kind.

A value that could fail later, at its use, is refused here with a sentence. No sentence repeats a
value that may be a secret.
"""

import base64
import binascii
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import AfterValidator, Field, SecretStr

from app.encryption import SecretBox

SANDBOX: Final = "sandbox"  # the one word, beside addresses, that names an upstream
_YEAR_SECONDS: Final = 366 * 86_400
_MAX_BYTES: Final = 1 << 40
_HIGHEST_PORT: Final = 65_535
_HOOKS_PREFIX: Final = "whsec_"
# Stripe does not say how long its secrets are.
_STRIPE_HOOKS_SECRET: Final = re.compile(_HOOKS_PREFIX + r"[!-+\--~]{24,255}")
_HOOKS_SECRET_BYTES: Final = range(24, 64 + 1)  # Standard Webhooks 1.0.0, "Signature scheme"
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_DRIVERS: Final = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}
# These are libpq's, and asyncpg's.
_TLS_MODES: Final = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
_DATABASE_PARAMETERS: Final = {"ssl", "host", "port"}

Seconds = Annotated[float, Field(gt=0, le=_YEAR_SECONDS)]
SecondsOrNone = Annotated[float, Field(ge=0, le=_YEAR_SECONDS)]
CallsPerSecond = Annotated[float, Field(gt=0, le=1_000_000)]
Bytes = Annotated[int, Field(ge=1024, le=_MAX_BYTES)]


def _database_url(value: str) -> str:
    """The address with its driver named.

    That is asyncpg for `postgresql://` and `postgres://`, and aiosqlite for `sqlite://`.
    """
    try:
        url = sa.make_url(value)
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
    ports = given.get("port", ())
    for port in (ports,) if isinstance(ports, str) else ports:
        if not _is_port(port):
            raise ValueError("the port must be from 1 to 65535")
    return url.set(query=given)


def _redis_url(value: str) -> str:
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
    if not re.fullmatch(
        r"(/|/[0-9]{1,9})?(\?db=[0-9]{1,9})?", f"{url.path}{'?' if url.query else ''}{url.query}"
    ):
        raise ValueError(
            "what follows the host must be the number of a database, as redis://HOST:PORT/0"
        )
    return value.removesuffix("/")


def http_url(value: str) -> str:
    """An address of a service, which ends with its path.

    Raises:
        ValueError: it is none.
    """
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        raise ValueError(
            "must be http://HOST:PORT/PATH or https://…, with a port from 1 to 65535"
        ) from None
    if (
        url.scheme not in {"http", "https"}
        or not url.hostname
        or port == 0
        or not re.fullmatch(r"[!-~]+", value)
    ):
        raise ValueError("must be http://HOST/PATH or https://HOST/PATH")
    if url.query or url.fragment:
        raise ValueError("must end with its path: no ? and no #")
    return value


def _upstream_url(value: str) -> str:
    if value == SANDBOX:
        return value
    try:
        return http_url(value)
    except ValueError as error:
        raise ValueError(f"{error}; or `{SANDBOX}`, to try it: no money moves") from None


def _token(value: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("must be 1 to 4096 printable ASCII characters without blanks")
    return value


def _namespace(value: str) -> str:
    if not _NAMESPACE.fullmatch(value):
        raise ValueError("must be 1 to 64 letters, digits and . _ : -")
    return value


def _hooks_secrets(value: SecretStr) -> SecretStr:
    for secret in _several(value):
        if not _is_hooks_secret(secret):
            raise ValueError("each secret must be whsec_ and then 24 to 64 bytes in base64")
    return value


def _is_hooks_secret(secret: str) -> bool:
    try:
        key = base64.b64decode(secret.removeprefix(_HOOKS_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith(_HOOKS_PREFIX) and len(key) in _HOOKS_SECRET_BYTES


def _stripe_hooks_secrets(value: SecretStr) -> SecretStr:
    for secret in _several(value):
        if not _STRIPE_HOOKS_SECRET.fullmatch(secret):
            raise ValueError(
                "each secret must be whsec_ and then 24 to 255 characters, and no comma"
            )
    return value


def _secrets_keys(value: SecretStr) -> SecretStr:
    try:
        SecretBox(_several(value))
    except ValueError:
        raise ValueError("each key must be 32 bytes in URL-safe base64") from None
    return value


def _several(value: SecretStr) -> list[str]:
    secrets = value.get_secret_value().split()
    if not secrets:
        raise ValueError("must not be blank; leave it out to unset it")
    return secrets


def _networks(value: str) -> str:
    for network in value.split():
        ipaddress.ip_network(network)
    return value


def _ports(value: str) -> str:
    if not value.split() or not all(_is_port(port) for port in value.split()):
        raise ValueError("each must be a port, from 1 to 65535")
    return value


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) <= _HIGHEST_PORT


def _file(value: Path) -> Path:
    """A file that is there or can be made.

    Its folders are made when it is.
    """
    try:
        if value.is_dir():
            raise ValueError("must be a file, and this is a folder")
        above = next(folder for folder in value.absolute().parents if folder.exists())
        if not above.is_dir():
            raise ValueError("must be a file in a folder, and what should be the folder is a file")
    except OSError as error:
        raise ValueError(f"can't be a file: {error.strerror}") from None
    return value


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
RedisUrl = Annotated[str, AfterValidator(_redis_url)]
HttpUrl = Annotated[str, AfterValidator(http_url)]
UpstreamUrl = Annotated[str, AfterValidator(_upstream_url)]
Namespace = Annotated[str, AfterValidator(_namespace)]
Token = Annotated[SecretStr, AfterValidator(_token)]
HooksSecrets = Annotated[SecretStr, AfterValidator(_hooks_secrets)]
StripeHooksSecrets = Annotated[SecretStr, AfterValidator(_stripe_hooks_secrets)]
SecretsKeys = Annotated[SecretStr, AfterValidator(_secrets_keys)]
Networks = Annotated[str, AfterValidator(_networks)]
Ports = Annotated[str, AfterValidator(_ports)]
File = Annotated[Path, AfterValidator(_file)]
