"""The prefix under which a proxy has this service, and what it may be.

A path of a request with the prefix, and one from which the proxy has taken it, are told apart by
their beginning. So no prefix may begin as an address of this service does.
"""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

# What the addresses of this service begin with. `/bulk-cancel` is one too, but nothing is below it,
# and it shows the same page as the start does.
OURS: Final = frozenset(
    {
        "c",
        "choose",
        "clients",
        "console",
        "docs",
        "embed",
        "jobs",
        "livez",
        "metrics",
        "openapi.json",
        "outbox",
        "problems",
        "readyz",
        "settings",
        "terms",
        "unsubscribe",
        "v1",
        "yours",
    }
)
_PREFIX: Final = re.compile(r"(?=.{2,128}\Z)(/(?!\.)[A-Za-z0-9._~-]+)+(?<!\.)")


def _root_path(value: str) -> str:
    if not _PREFIX.fullmatch(value):
        raise ValueError(
            "must be /NAME or /NAME/NAME, of letters, digits and . _ ~ -, with no slash at its end "
            "and no name that begins with a dot"
        )
    first = value.split("/")[1]
    if first in OURS:
        raise ValueError(
            f"must not begin with /{first}, as addresses of this service do: choose another prefix"
        )
    return value


def contradiction(public_url: str | None, root_path: str | None) -> str | None:
    """What PUBLIC_URL ends with where that is not ROOT_PATH; None: they fit."""
    if public_url is None or root_path is None:
        return None
    path = urlsplit(public_url).path.removesuffix("/")
    return None if path == root_path else path or "/"


RootPath = Annotated[str, AfterValidator(_root_path)]
