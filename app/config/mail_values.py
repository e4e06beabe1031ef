"""What a setting of mail may hold: the relay's address, and ours.

As in `values`: what could fail at its use is refused here with a sentence, and no sentence repeats
a value that may be a secret.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, SecretStr

from app.config.hosts import is_here
from app.domain.mail_address import MAX_LOCAL_PART, MailAddress

_ID_CHARACTERS: Final = 36  # of a message, in its bounces' address after a plus sign
_SHAPE: Final = (
    "must be smtp://USER:PASSWORD@HOST:PORT?tls=starttls or smtps://USER:PASSWORD@HOST:PORT, where "
    "USER:PASSWORD@ and :PORT may be left out"
)
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_LOGIN: Final = re.compile(r"[^\x00-\x1f\x7f]{1,512}")


class SmtpTls(StrEnum):
    """How a connection to the relay is encrypted."""

    IMPLICIT = "implicit"  # from the first byte on (RFC 8314)
    STARTTLS = "starttls"  # required: without it nothing is sent
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SmtpUrlParts:
    """A relay, and as whom we log in there; `user` None: as nobody."""

    host: str
    port: int
    tls: SmtpTls
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def smtp_url_parts(value: str) -> SmtpUrlParts:
    """Read the address of a relay.

    `smtp://` needs STARTTLS, but on this machine or with `?tls=none`.

    Raises:
        ValueError: it is none; the sentence does not repeat it.
    """
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        raise ValueError(_SHAPE) from None
    host = url.hostname or ""
    if url.scheme not in {"smtp", "smtps"} or port == 0 or url.path not in {"", "/"}:
        raise ValueError(_SHAPE)
    if url.fragment or not _HOST.fullmatch(host):
        raise ValueError(_SHAPE)
    user, password = _login(url)
    tls = _tls(url, host)
    port = port or (465 if tls is SmtpTls.IMPLICIT else 587)  # RFC 8314, sections 3.2 and 3.3
    return SmtpUrlParts(host, port, tls, user, password)


def _login(url: SplitResult) -> tuple[str | None, str | None]:
    if url.username is None and url.password is None:
        return None, None
    try:
        user = unquote(url.username or "", errors="strict")
        password = unquote(url.password or "", errors="strict")
    except UnicodeDecodeError:
        raise ValueError("its user and password must be UTF-8, percent-encoded") from None
    if not _LOGIN.fullmatch(user) or not _LOGIN.fullmatch(password):
        raise ValueError("must have both a user and a password, or neither")
    return user, password


def _tls(url: SplitResult, host: str) -> SmtpTls:
    given = dict(parse_qsl(url.query, keep_blank_values=True))
    if given.keys() - {"tls"}:
        raise ValueError("may have no parameter but tls")
    if url.scheme == "smtps":
        if given:
            raise ValueError("smtps:// is TLS from the first byte on, and has no tls=")
        return SmtpTls.IMPLICIT
    match given.get("tls"):
        case None:
            return SmtpTls.NONE if is_here(host) else SmtpTls.STARTTLS
        case "starttls":
            return SmtpTls.STARTTLS
        case "none":
            return SmtpTls.NONE
    raise ValueError("tls must be starttls or none")


def _smtp_url(value: SecretStr) -> SecretStr:
    smtp_url_parts(value.get_secret_value())
    return value


def _address(value: str) -> str:
    address = MailAddress.read(value)
    if address.needs_smtputf8:
        raise ValueError("must be in ASCII letters before its @, for not every relay takes others")
    return str(address)


def _bounces_address(value: str) -> str:
    longest = MAX_LOCAL_PART - 1 - _ID_CHARACTERS
    address = MailAddress.read(_address(value))
    if len(address.local_part) > longest:
        raise ValueError(
            f"must have at most {longest} characters before its @: a message's id comes after them"
        )
    return str(address)


def _folder(value: Path) -> Path:
    """A folder that is there or can be made."""
    try:
        above = next(one for one in (value.absolute(), *value.absolute().parents) if one.exists())
        if not above.is_dir():
            raise ValueError("must be a folder, and there is a file in its place")
    except OSError as error:
        raise ValueError(f"can't be a folder: {error.strerror}") from None
    return value


SmtpUrl = Annotated[SecretStr, AfterValidator(_smtp_url)]
OurAddress = Annotated[str, AfterValidator(_address)]
BouncesAddress = Annotated[str, AfterValidator(_bounces_address)]
Folder = Annotated[Path, AfterValidator(_folder)]
