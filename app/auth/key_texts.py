"""API keys as text: `bck_<prefix>_<secret>` of a business, `bcp_…` of the platform.

The prefix is no secret; of the secret only a hash is kept.
"""

import hashlib
import re
import secrets
import string
from enum import StrEnum
from typing import Final, NamedTuple

# Without `_`, so that a key splits in one way only.
_ALPHABET: Final = string.ascii_letters + string.digits
_PREFIX_LENGTH: Final = 12
_SECRET_LENGTH: Final = 43  # 43 characters out of 62 hold 256 random bits


class KeyBegins(StrEnum):
    """What a key begins with, by which it says whose it is."""

    OF_BUSINESS = "bck"
    OF_PLATFORM = "bcp"


_KEY: Final = re.compile(
    rf"({'|'.join(KeyBegins)})_([A-Za-z0-9]{{{_PREFIX_LENGTH}}})_([A-Za-z0-9]{{{_SECRET_LENGTH}}})"
)


class KeyText(NamedTuple):
    """A key that has the form of one."""

    begins: KeyBegins
    prefix: str
    secret: str

    def whole(self) -> str:
        """What a caller shows of it."""
        return "_".join(self)


def read_key(text: str) -> KeyText | None:
    """The parts of a key; None: it is none."""
    parts = _KEY.fullmatch(text)
    return None if parts is None else KeyText(KeyBegins(parts[1]), parts[2], parts[3])


def new_key_text(begins: KeyBegins) -> KeyText:
    """A key that nobody has."""
    return KeyText(begins, _random(_PREFIX_LENGTH), new_secret())


def public_part(text: str) -> str:
    """The prefix of a whole key, or the prefix that it is already."""
    return text.split("_")[1] if text.startswith(tuple(f"{one}_" for one in KeyBegins)) else text


def new_secret() -> str:
    """256 random bits."""
    return _random(_SECRET_LENGTH)


def hashed(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
