"""What a setting of the identity provider may hold: its addresses, and names of claims.

As in `values`, what could fail at its use is refused here with a sentence.
"""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

from app.config.hosts import is_here
from app.config.values import http_url

_PLACE: Final = re.compile(r"[A-Za-z0-9._:\[\]-]+")
_AUDIENCE: Final = re.compile(r"[!-~]{1,255}")
_CLAIM: Final = re.compile(r"[!-~]{1,255}")


def issuer_url(value: str) -> str:
    """An address of the identity provider, which nobody on the way may change.

    Raises:
        ValueError: it is none, or is in clear text and not on this machine.
    """
    url = urlsplit(http_url(value))
    if url.username is not None or url.password is not None:
        raise ValueError("must hold no user and no password")
    if not _PLACE.fullmatch(url.netloc):  # it stands in headers, too
        raise ValueError("must name its host by letters, digits, dots and dashes")
    if url.scheme != "https" and not is_here(url.hostname or ""):
        raise ValueError("must begin with https://; http:// is for this machine alone")
    return value


def _audience(value: str) -> str:
    if not _AUDIENCE.fullmatch(value):
        raise ValueError("must be 1 to 255 printable ASCII characters without blanks")
    return value


def _scope(value: str) -> str:
    words = value.split()
    if "openid" not in words or not all(_AUDIENCE.fullmatch(word) for word in words):
        raise ValueError("must be words with blanks between, openid among them")
    return " ".join(words)


def _claim(value: str) -> str:
    if not _CLAIM.fullmatch(value):
        raise ValueError(
            "must be the name of a claim, or a path of names with dots: 1 to 255 printable ASCII "
            "characters without blanks"
        )
    return value


IssuerUrl = Annotated[str, AfterValidator(issuer_url)]
Audience = Annotated[str, AfterValidator(_audience)]
ClientScope = Annotated[str, AfterValidator(_scope)]
ClaimName = Annotated[str, AfterValidator(_claim)]
