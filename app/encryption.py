"""Secrets that must be read again are kept encrypted.

In the database is only what nobody can use without the operator's key. A ciphertext is bound to its
place: copied into another row or column, it doesn't open.

The first key encrypts, every key decrypts, so that a key is changed by putting the new one before
the old, encrypting all anew (`bulk-cancel reencrypt`), and taking the old one away.
"""

import base64
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_ONLY_OWN: Final = 0o600
_BOUND: Final = "2"  # the format; what Fernet made before has no full stop in it
_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_MAX_TOKEN: Final = 400  # characters


class Undecryptable(Exception):  # noqa: N818 - what it is, not that it went wrong
    """What was encrypted can't be decrypted.

    Its key is not given any more, or it is no ciphertext at all.
    """


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a ciphertext is kept; it can be decrypted nowhere else."""

    table: str
    column: str
    row_id: str

    def data(self) -> bytes:
        """What is authenticated with the text; no two places have the same."""
        return json.dumps([_BOUND, self.table, self.column, self.row_id]).encode()


class SecretBox:
    """Encrypts and decrypts texts with AES-256-GCM.

    It also decrypts what Fernet encrypted before, which no place binds.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """Take one or more keys, each 32 bytes in URL-safe base64.

        Raises:
            ValueError: a key that is none, or no key.
        """
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._secrets = [base64.urlsafe_b64decode(key) for key in keys]
        self._ids = [
            _derived(secret, b"bulk-cancel seal 2 id", _ID_BYTES).hex() for secret in self._secrets
        ]
        self._ciphers = [
            AESGCM(_derived(secret, b"bulk-cancel seal 2 key", 32)) for secret in self._secrets
        ]

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """With the key that is kept in a file: for a process that is alone.

        The file is made when it is not there.

        Raises:
            OSError: it can be neither read nor made.
        """
        return cls(kept_key(path).split())

    def encrypt(self, text: str, place: SecretPlace) -> str:
        """The text as it may be kept in this place, in ASCII.

        It is longer by some 50 characters and a third.
        """
        nonce = os.urandom(_NONCE_BYTES)
        kept = nonce + self._ciphers[0].encrypt(nonce, text.encode(), place.data())
        return f"{_BOUND}.{self._ids[0]}.{base64.urlsafe_b64encode(kept).decode()}"

    def reencrypt(self, encrypted: str, place: SecretPlace) -> str:
        """The same text, encrypted with the first key and bound to its place.

        Raises:
            Undecryptable: as of `decrypt`.
        """
        return self.encrypt(self.decrypt(encrypted, place), place)

    def decrypt(self, encrypted: str, place: SecretPlace) -> str:
        """The text.

        Raises:
            Undecryptable: none of the keys has encrypted this, or not for this place.
        """
        if "." in encrypted:
            return self._decrypt_bound(encrypted, place)
        try:
            return self._fernet.decrypt(encrypted.encode()).decode()
        except InvalidToken:
            raise Undecryptable from None

    def macs(self, purpose: str, text: str) -> list[bytes]:
        """The codes (HMAC-SHA256) of a text for one purpose, by each key.

        The first is the one to give away; what has any of them is ours.

        No two purposes have one key, nor has any the key of a cipher.
        """
        keys = (_derived(one, f"bulk-cancel mac {purpose}".encode(), 32) for one in self._secrets)
        return [hmac.digest(key, text.encode(), "sha256") for key in keys]

    def signed(self, purpose: str, data: bytes) -> str:
        """A token of these bytes for one purpose: URL-safe, the same each time; all may read it."""
        text = _encoded(data)
        return f"{text}.{_encoded(self.macs(purpose, text)[0])}"

    def data_of(self, purpose: str, token: str) -> bytes | None:
        """What was `signed`; None: no key of ours has made this token for this purpose."""
        text, _, code = token.partition(".")
        if len(token) > _MAX_TOKEN or not token.isascii():
            return None
        known = [
            hmac.compare_digest(_encoded(mac).encode(), code.encode())
            for mac in self.macs(purpose, text)
        ]
        if not any(known):
            return None
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    def _decrypt_bound(self, encrypted: str, place: SecretPlace) -> str:
        version, _, rest = encrypted.partition(".")
        key_id, _, encoded = rest.partition(".")
        if version != _BOUND:
            raise Undecryptable
        try:
            kept = base64.b64decode(encoded, altchars=b"-_", validate=True)
        except ValueError:  # binascii's own is one
            raise Undecryptable from None
        if len(kept) < _NONCE_BYTES:
            raise Undecryptable
        for own_id, cipher in zip(self._ids, self._ciphers, strict=True):
            if own_id == key_id:
                try:
                    return cipher.decrypt(
                        kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], place.data()
                    ).decode()
                except InvalidTag:
                    continue
        raise Undecryptable


def kept_key(path: Path) -> str:
    """The key that is kept in a file, which is made when it is not there.

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
    return path.read_text().strip()


def decoded_key(text: str) -> bytes:
    """The 32 bytes of a key.

    Raises:
        ValueError: they are not 32 bytes in URL-safe base64.
    """
    key = base64.b64decode(text, altchars=b"-_", validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError("not 32 bytes")
    return key


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _derived(secret: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=purpose).derive(secret)
