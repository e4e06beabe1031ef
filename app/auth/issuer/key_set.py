"""The keys that an issuer's tokens may be signed with, each read by itself.

What is malformed, secret, too weak or not for signatures is left out, and takes no other with it.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import structlog
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.util import base64_to_int

log = structlog.get_logger()

KeySet: TypeAlias = Mapping[tuple[str, str], Key]
# By type of key and its curve. `oct` has no place here: a shared secret signs no token of ours.
_ALGORITHMS: Final = {
    ("RSA", None): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),  # one algorithm under two names: RFC 8037, RFC 9864
}
ALGORITHMS: Final = tuple(name for names in _ALGORITHMS.values() for name in names)
_TYPES: Final[Mapping[str, type[RSAKey | ECKey | OKPKey]]] = {
    "RSA": RSAKey,
    "EC": ECKey,
    "OKP": OKPKey,
}
_RSA_BITS: Final = range(2048, 8192 + 1)  # a longer one would take the loop's time
_MAX_KEYS: Final = 100
_MAX_KID: Final = 255
_PUBLIC: Final = ("kty", "crv", "n", "e", "x", "y")
_PRIVATE: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


class _UnfitKeyError(ValueError):
    """The key is of no use here, or of too much."""


def read_key_set(document: Mapping[str, Any]) -> KeySet:
    """The keys by `kid` and algorithm; of two with the same, the first."""
    found: dict[tuple[str, str], Key] = {}
    listed = document.get("keys")
    for jwk in listed[:_MAX_KEYS] if isinstance(listed, list) else ():
        try:
            kid, algorithms, key = _read(jwk)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, others are good
            reason = str(error) if isinstance(error, _UnfitKeyError) else type(error).__name__
            log.info("issuer.key_left_out", reason=reason)
            continue
        for algorithm in algorithms:
            found.setdefault((kid, algorithm), key)
    return found


def _read(jwk: Any) -> tuple[str, tuple[str, ...], Key]:
    if not isinstance(jwk, dict):
        raise _UnfitKeyError("it is no object")
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID:
        raise _UnfitKeyError("it has no kid")
    if any(name in jwk for name in _PRIVATE):
        raise _UnfitKeyError("it is a secret, and published")
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        raise _UnfitKeyError("it is not for signatures")
    algorithms = _ALGORITHMS.get((jwk.get("kty", ""), jwk.get("crv")), ())
    if "alg" in jwk:
        algorithms = tuple(name for name in algorithms if name == jwk["alg"])
    if not algorithms:
        raise _UnfitKeyError("its algorithm is none of ours")
    if jwk["kty"] == "RSA" and base64_to_int(jwk["n"]).bit_length() not in _RSA_BITS:
        raise _UnfitKeyError("it is shorter than 2048 bits, or longer than 8192")
    public = {name: jwk[name] for name in _PUBLIC if name in jwk}
    return kid, algorithms, _TYPES[jwk["kty"]].import_key(public)
