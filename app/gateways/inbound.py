"""Whether a webhook comes from who holds the secret.

The bytes as they came are checked before anything reads them. Standard Webhooks 1.0.0. A timestamp
more than 300 s from our clock, either way, is refused like a wrong signature.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from standardwebhooks import Webhook, WebhookVerificationError

from app.errors import FieldError, Invalid, Problem

SIGNATURE_INVALID: Final = (
    401,
    "hook-signature-invalid",
    "The signature is not valid",
    (
        "Sign as Standard Webhooks 1.0.0 says, with the secret that both sides know "
        "and the time of sending."
    ),
)
_EVENT_ID: Final = re.compile(r"[!-~]{1,255}")


def verified_event_id(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> str:
    """The event's id, once one of the secrets (`whsec_…`) proves to have signed it.

    Raises:
        Problem: 401 `hook-signature-invalid`, in the same words whatever is wrong.
        Invalid: signed, and the id is not 1 to 255 visible ASCII characters.
    """
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    signed = {name: headers.get(name, "") for name in names}
    if not any(_is_signed(secret, signed, body) for secret in secrets):
        raise Problem(
            *SIGNATURE_INVALID, headers={"WWW-Authenticate": 'StandardWebhooks realm="bulk-cancel"'}
        )
    event_id = signed["webhook-id"]
    if not _EVENT_ID.fullmatch(event_id):
        detail = "Must be 1 to 255 visible ASCII characters."
        raise Invalid([FieldError("header:webhook-id", "event-id", detail)])
    return event_id


def _is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        # The latter for what is no UTF-8, no base64, or has no one comma.
        return False
    return True
