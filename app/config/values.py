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
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from app.config.data_servers import database_url, is_port, redis_url
from app.encryption import SecretBox
from app.signatures import SigningKeys

SANDBOX: Final = "sandbox"  # the one word, beside addresses, that names an upstream
_YEAR_SECONDS: Final = 366 * 86_400
_MAX_BYTES: Final = 1 << 40
_HOOKS_PREFIX: Final = "whsec_"
# Stripe does not say how long its secrets are.
_STRIPE_HOOKS_SECRET: Final = re.compile(_HOOKS_PREFIX + r"[!-+\--~]{24,255}")
_HOOKS_SECRET_BYTES: Final = range(24, 64 + 1)  # Standard Webhooks 1.0.0, "Signature scheme"
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")
# RFC 9110, 5.1 and 5.5
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HEADER_VALUE: Final = re.compile(r"[!-~]([ -~]{0,4094}[!-~])?")
_SERVICE_NAME: Final = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
Seconds = Annotated[float, Field(gt=0, le=_YEAR_SECONDS)]
SecondsOrNone = Annotated[float, Field(ge=0, le=_YEAR_SECONDS)]
CallsPerSecond = Annotated[float, Field(gt=0, le=1_000_000)]
Bytes = Annotated[int, Field(ge=1024, le=_MAX_BYTES)]


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


def _listen_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise ValueError("must be ADDRESS:PORT, as 127.0.0.1:9101 or [::]:9101") from None
    if not is_port(port) or (":" in host) != host.startswith("["):
        raise ValueError("must be ADDRESS:PORT, with a port from 1 to 65535")
    return value


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


def _evidence_keys(value: SecretStr) -> SecretStr:
    try:
        SigningKeys(_several(value))
    except ValueError:
        raise ValueError("each key must be 32 bytes in URL-safe base64") from None
    return value


def _several(value: SecretStr) -> list[str]:
    secrets = value.get_secret_value().split()
    if not secrets:
        raise ValueError("must not be blank; leave it out to unset it")
    return secrets


def otlp_headers(value: str) -> dict[str, str]:
    """Headers written as OpenTelemetry does: `name=value` with commas between, percent-encoded.

    Raises:
        ValueError: one is none, or can't be in a header.
    """
    headers = {}
    for one in value.split(","):
        name, equals, encoded = (part.strip() for part in one.partition("="))
        decoded = unquote(encoded)
        if not (equals and _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(decoded)):
            raise ValueError("must be NAME=VALUE,NAME=VALUE, with values percent-encoded")
        headers[name.lower()] = decoded
    return headers


def _otlp_headers(value: SecretStr) -> SecretStr:
    otlp_headers(value.get_secret_value())
    return value


def _service_name(value: str) -> str:
    if not _SERVICE_NAME.fullmatch(value):
        raise ValueError("must be 1 to 64 letters, digits and . _ : / -")
    return value


def _networks(value: str) -> str:
    for network in value.split():
        ipaddress.ip_network(network)
    return value


def _ports(value: str) -> str:
    if not value.split() or not all(is_port(port) for port in value.split()):
        raise ValueError("each must be a port, from 1 to 65535")
    return value


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


DatabaseUrl = Annotated[str, AfterValidator(database_url)]
RedisUrl = Annotated[str, AfterValidator(redis_url)]
HttpUrl = Annotated[str, AfterValidator(http_url)]
UpstreamUrl = Annotated[str, AfterValidator(_upstream_url)]
Namespace = Annotated[str, AfterValidator(_namespace)]
ListenAddress = Annotated[str, AfterValidator(_listen_address)]
Token = Annotated[SecretStr, AfterValidator(_token)]
HooksSecrets = Annotated[SecretStr, AfterValidator(_hooks_secrets)]
StripeHooksSecrets = Annotated[SecretStr, AfterValidator(_stripe_hooks_secrets)]
SecretsKeys = Annotated[SecretStr, AfterValidator(_secrets_keys)]
EvidenceKeys = Annotated[SecretStr, AfterValidator(_evidence_keys)]
OtlpHeaders = Annotated[SecretStr, AfterValidator(_otlp_headers)]
ServiceName = Annotated[str, AfterValidator(_service_name)]
Networks = Annotated[str, AfterValidator(_networks)]
Ports = Annotated[str, AfterValidator(_ports)]
File = Annotated[Path, AfterValidator(_file)]
