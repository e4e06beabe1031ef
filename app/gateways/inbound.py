"""The hooks of our two contracts: whose they are, and of which refund they speak.

The bytes as they came are checked before anything reads them. Standard Webhooks 1.0.0. A timestamp
more than 300 s from our clock, either way, is refused like a wrong signature. How a refund went is
never read.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, Field
from standardwebhooks import Webhook, WebhookVerificationError

from app.errors import FieldError, Invalid, Problem
from app.gateways.provider import InboundRefundEvent

REFUND_UPDATED: Final = "refund.updated"

SIGNATURE_INVALID: Final = (
    401,
    "hook-signature-invalid",
    "The signature is not valid",
    (
        "Sign as Standard Webhooks 1.0.0 says, with the secret that both sides know "
        "and the time of sending."
    ),
)
ID_HEADER: Final = "webhook-id"
_EVENT_ID: Final = re.compile(r"[!-~]{1,255}")


class AnyHook(BaseModel):
    """What every hook has. A sender may say more than is read here."""

    type: Annotated[str, Field(min_length=1)]


class _HookedRefund(BaseModel):
    reference: Annotated[str, Field(min_length=1, max_length=255)]


class _RefundHook(AnyHook):
    data: _HookedRefund


def verify_event(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """Return if one of the secrets (`whsec_…`) proves to have signed the event.

    Raises:
        Problem: 401 `hook-signature-invalid`, in the same words whatever is wrong.
        Invalid: signed, and the id is not 1 to 255 visible ASCII characters.
    """
    names = (ID_HEADER, "webhook-timestamp", "webhook-signature")
    signed = {name: headers.get(name, "") for name in names}
    if not any(_is_signed(secret, signed, body) for secret in secrets):
        raise Problem(
            *SIGNATURE_INVALID, headers={"WWW-Authenticate": 'StandardWebhooks realm="bulk-cancel"'}
        )
    if not _EVENT_ID.fullmatch(signed[ID_HEADER]):
        detail = "Must be 1 to 255 visible ASCII characters."
        raise Invalid([FieldError(f"header:{ID_HEADER}", "event-id", detail)])


def read_event(headers: Mapping[str, str], document: object) -> InboundRefundEvent | None:
    """What a verified event is about; None where its type is nothing to us.

    What is of another type is not read further than its type.

    Raises:
        ValidationError: it is no such hook.
    """
    if AnyHook.model_validate(document).type != REFUND_UPDATED:
        return None
    reference = _RefundHook.model_validate(document).data.reference
    return InboundRefundEvent(headers[ID_HEADER], reference)


def _is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        # The latter for what is no UTF-8, no base64, or has no one comma.
        return False
    return True
