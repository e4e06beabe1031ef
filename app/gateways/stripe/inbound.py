"""Whether a hook comes from Stripe.

The bytes as they came are checked before anything reads them.

docs.stripe.com/webhooks, "Verify webhook signatures manually": of the header `Stripe-Signature` the
time `t` and every `v1` are read, other schemes are not. A time more than 300 s from our clock,
either way, is refused like a wrong signature.
"""

import hmac
import re
from collections.abc import Sequence
from typing import Final

from app.errors import Problem

SIGNATURE_INVALID: Final = (
    401,
    "hook-signature-invalid",
    "The signature is not valid",
    "Sign as Stripe does, with the secret of the endpoint and the time of sending.",
)
_TOLERANCE_SECONDS: Final = 300
_SCHEME: Final = "v1"
_TIME: Final = re.compile(r"[1-9][0-9]{0,11}")


def verify(secrets: Sequence[str], header: str | None, body: bytes, *, now: float) -> None:
    """Return if one of the secrets has signed the body.

    Of a secret (`whsec_…`) the whole string is the key.

    Args:
        secrets: those in force.
        header: `Stripe-Signature`, as it came.
        body: as it came.
        now: our clock, in seconds since 1970.

    Raises:
        Problem: 401 `hook-signature-invalid`, in the same words whatever is wrong.
    """
    parts = [part.partition("=") for part in (header or "").split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value.encode() for name, _, value in parts if name == _SCHEME]
    if (
        all(equals for _, equals, _ in parts)
        and len(times) == 1
        and _is_of_this_time(times[0], now)
    ):
        for secret in secrets:
            signature = _signature(secret, times[0], body)
            if any(hmac.compare_digest(signature, theirs) for theirs in signatures):
                return
    raise Problem(
        *SIGNATURE_INVALID, headers={"WWW-Authenticate": 'Stripe-Signature realm="bulk-cancel"'}
    )


def _is_of_this_time(time: str, now: float) -> bool:
    return _TIME.fullmatch(time) is not None and abs(now - int(time)) <= _TOLERANCE_SECONDS


def _signature(secret: str, time: str, body: bytes) -> bytes:
    digest = hmac.new(secret.encode(), f"{time}.".encode(), "sha256")
    digest.update(body)
    return digest.hexdigest().encode()
