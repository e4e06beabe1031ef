"""Secrets that must be read again are kept sealed: in the database only what nobody can use without the operator's key.

The first key seals, every key opens, so that a key is changed by putting the new one before the old, sealing all anew
(`bulk-cancel reseal`), and taking the old one away.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_ONLY_OWN: Final = 0o600


class Unreadable(Exception):  # noqa: N818 - what it is, not that it went wrong
    """What was sealed can't be opened: it was sealed with a key that is not given any more, or is no seal at all."""


class Seals:
    """Seals and opens texts with Fernet (AES-128-CBC and HMAC-SHA-256), of the library `cryptography`."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take one or more keys, each 32 bytes in URL-safe base64.

        Raises:
            ValueError: a key that is none, or no key.
        """
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """With the key that is kept in a file, which is made when it is not there: for a process that is alone.

        Raises:
            OSError: it can be neither read nor made.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        if not path.exists():
            fresh.touch(mode=_ONLY_OWN)
            fresh.write_bytes(Fernet.generate_key())
            try:
                os.link(fresh, path)  # whole or not at all, and never over another process's
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return cls(path.read_text().split())

    def seal(self, text: str) -> str:
        """The text as it may be kept: ASCII, longer by some 60 characters and a third."""
        return self._fernet.encrypt(text.encode()).decode()

    def renew(self, sealed: str) -> str:
        """The same text, sealed with the first key.

        Raises:
            Unreadable: none of the keys has sealed this.
        """
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken:
            raise Unreadable from None

    def open(self, sealed: str) -> str:
        """The text.

        Raises:
            Unreadable: none of the keys has sealed this.
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Unreadable from None
