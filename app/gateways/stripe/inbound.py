"""Stripe's hooks: whether they are Stripe's, and of which refund they speak.

The bytes as they came are checked before anything reads them. How a refund went is never read; only
which one is said to have failed: that is asked after even where a success was heard before.

docs.stripe.com/webhooks, "Verify webhook signatures manually": of the header `Stripe-Signature` the
time `t` and every `v1` are read, other schemes are not. A time more than 300 s from our clock,
either way, is refused like a wrong signature.
"""

import hmac
import re
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from app.errors import Problem
from app.gateways.inbound import REFUND_UPDATED, AnyHook
from app.gateways.provider import InboundRefundEvent, ProvidersRefund
from app.gateways.stripe.refunds import failed_id_of, reference_of

# docs.stripe.com/api/events/types: of these data.object is a refund.
# That of `charge.refunded` is a charge.
STRIPE_TYPES: Final = (REFUND_UPDATED, "refund.created", "refund.failed", "charge.refund.updated")
# docs.stripe.com/webhooks?snapshot-or-thin=thin: these name the refund, and hold nothing of it.
_FAILED: Final = "v1.refund.failed"
THIN_TYPES: Final = ("v1.refund.created", "v1.refund.updated", _FAILED)
_STRIPES_ID: Final = Field(pattern=r"^[!-~]{1,255}$")

SIGNATURE_INVALID: Final = (
    401,
    "hook-signature-invalid",
    "The signature is not valid",
    "Sign as Stripe does, with the secret of the endpoint and the time of sending.",
)
_TOLERANCE_SECONDS: Final = 300
_SCHEME: Final = "v1"
_TIME: Final = re.compile(r"[1-9][0-9]{0,11}")


class _StripeData(BaseModel):
    object: dict[str, Any]


class _StripeEvent(AnyHook):
    id: Annotated[str, _STRIPES_ID]
    data: _StripeData


class _RelatedObject(BaseModel):
    id: Annotated[str, _STRIPES_ID]


class _ThinEvent(AnyHook):
    id: Annotated[str, _STRIPES_ID]
    related_object: _RelatedObject
    context: Annotated[str, _STRIPES_ID] | None = None


def verify_event(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """As `verify` has it, of a request's headers and by the clock."""
    verify(secrets, headers.get("stripe-signature"), body, now=time.time())


def read_event(_headers: Mapping[str, str], document: object) -> InboundRefundEvent | None:
    """What a verified event is about.

    None when it is of another type, or about what is no refund of ours. What is of another type is
    not read further than its type.

    Raises:
        ValidationError: it is no event as Stripe sends them.
    """
    type_ = AnyHook.model_validate(document).type
    if type_ in THIN_TYPES:
        thin = _ThinEvent.model_validate(document)
        refund_id = thin.related_object.id
        return InboundRefundEvent(
            thin.id,
            ProvidersRefund(refund_id, thin.context),
            refund_id if type_ == _FAILED else None,
        )
    if type_ not in STRIPE_TYPES:
        return None
    event = _StripeEvent.model_validate(document)
    refund = event.data.object
    reference = reference_of(refund) if refund.get("object") == "refund" else None
    if not isinstance(reference, str):
        return None
    return InboundRefundEvent(event.id, reference, failed_id_of(refund))


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


def _is_of_this_time(sent_at: str, now: float) -> bool:
    return _TIME.fullmatch(sent_at) is not None and abs(now - int(sent_at)) <= _TOLERANCE_SECONDS


def _signature(secret: str, sent_at: str, body: bytes) -> bytes:
    digest = hmac.new(secret.encode(), f"{sent_at}.".encode(), "sha256")
    digest.update(body)
    return digest.hexdigest().encode()
