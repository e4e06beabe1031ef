"""Signing what is sent, as Standard Webhooks 1.0.0 has it.

The very bytes are signed, anew at each attempt, with every secret.
"""

import base64
import datetime as dt
import secrets
from collections.abc import Sequence
from typing import Final

from standardwebhooks import Webhook

_SECRET_BYTES: Final = 32
_PREFIX: Final = "whsec_"


def new_secret() -> str:
    """A secret of 32 random bytes: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed(event_id: str, payload: str, keys: Sequence[str], *, at: dt.datetime) -> dict[str, str]:
    """The headers that prove the payload ours.

    Args:
        event_id: `webhook-id`, the same over all attempts.
        payload: what is sent, to the byte (in UTF-8).
        keys: the secrets in force, the newest first.
        at: when it is sent; aware, in any zone.
    """
    # The library takes any instant's clock face for UTC's.
    in_utc = at.astimezone(dt.UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(in_utc.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(event_id, in_utc, payload) for key in keys),
    }
