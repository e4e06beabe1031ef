"""Signs documents so that anybody with the public key can check them, without us.

A signed document is a JSON Web Signature in its flattened form (RFC 7515 §7.2.2), by Ed25519 (RFC
8037, under the name that RFC 9864 gives it). A key is named by the thumbprint of its public part
(RFC 7638).
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.encryption import decoded_key

_ALGORITHM: Final = "Ed25519"
_MEMBERS: Final = ("payload", "protected", "signature")


class NotSigned(ValueError):  # noqa: N818 - what the document is
    """A document that none of the keys has signed, or a key that is none; it says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key, as a JSON Web Key has it."""

    x: str  # 32 bytes in URL-safe base64, without padding

    @property
    def kid(self) -> str:
        """Its name, which follows from it."""
        members = {"crv": "Ed25519", "kty": "OKP", "x": self.x}
        return _encoded(sha256(json.dumps(members, separators=(",", ":")).encode()).digest())

    def jwk(self) -> dict[str, str]:
        """As it is published."""
        own = {"kid": self.kid, "use": "sig", "alg": _ALGORITHM}
        return {"kty": "OKP", "crv": "Ed25519", "x": self.x} | own


class SigningKeys:
    """The keys of an installation: the first signs, and all are published."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Take one or more keys, each 32 bytes in URL-safe base64.

        Raises:
            ValueError: a key that is none, or no key.
        """
        if not secrets:
            raise ValueError("no key")
        self._keys = [Ed25519PrivateKey.from_private_bytes(decoded_key(one)) for one in secrets]
        self.public = [
            PublicKey(_encoded(one.public_key().public_bytes_raw())) for one in self._keys
        ]

    def sign(self, document: Mapping[str, Any], *, typ: str) -> dict[str, str]:
        """The document as a signed one. `typ` says what it is (RFC 7515 §4.1.9)."""
        header = {"alg": _ALGORITHM, "kid": self.public[0].kid, "typ": typ}
        protected, payload = _encoded(_json(header)), _encoded(_json(document))
        signature = self._keys[0].sign(f"{protected}.{payload}".encode())
        signed = (payload, protected, _encoded(signature))
        return dict(zip(_MEMBERS, signed, strict=True))


def keys_of(document: Any) -> list[PublicKey]:
    """The keys of a JSON Web Key, or of a set of them; what is no key of ours is left out.

    Raises:
        NotSigned: there is none.
    """
    listed = document.get("keys", [document]) if isinstance(document, dict) else []
    found = [
        PublicKey(one["x"])
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("crv") == "Ed25519" and isinstance(one.get("x"), str)
    ]
    if not found:
        raise NotSigned("holds no public key of Ed25519")
    return found


def document_of(signed: Any, keys: Sequence[PublicKey], *, typ: str) -> tuple[dict[str, Any], str]:
    """The document that one of the keys has signed, and that key's name.

    Raises:
        NotSigned: it is no signed document of this `typ`, or none of the keys has signed it.
    """
    if not isinstance(signed, dict) or not all(isinstance(signed.get(m), str) for m in _MEMBERS):
        raise NotSigned("it is no signed document")
    try:
        header = json.loads(_decoded(signed["protected"]))
        signature = _decoded(signed["signature"])
        payload = _decoded(signed["payload"])
    except ValueError:
        raise NotSigned("it is no signed document") from None
    if not isinstance(header, dict) or header.get("typ") != typ or "crit" in header:
        raise NotSigned("it is a signed document of another kind")
    if header.get("alg") != _ALGORITHM:
        raise NotSigned("it is signed in another way than with Ed25519")
    named = [key for key in keys if key.kid == header.get("kid")]
    if not named:
        raise NotSigned(f"it names a key that is not given: {header.get('kid')}")
    content = f"{signed['protected']}.{signed['payload']}".encode()
    try:
        Ed25519PublicKey.from_public_bytes(_decoded(named[0].x)).verify(signature, content)
    except (InvalidSignature, ValueError):
        raise NotSigned("its signature is not that of the key that it names") from None
    document: dict[str, Any] = json.loads(payload)
    return document, named[0].kid


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
