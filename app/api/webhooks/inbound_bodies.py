"""What is read of a hook's body: of which refund it speaks.

How that went is never read. Of Stripe's, also which refund there is said to have failed: that is
asked after even where a success was heard before. What is of a type that concerns no refund is not
read further than its type.
"""

from typing import Annotated, Any, Final, NamedTuple, TypeVar

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from app.api.validation import malformed, unsupported_media_type
from app.gateways.stripe.refunds import failed_id_of, reference_of
from app.refunds.inbound_events import AtStripe

REFUND_UPDATED: Final = "refund.updated"
# docs.stripe.com/api/events/types: of these data.object is a refund.
# That of `charge.refunded` is a charge.
STRIPE_TYPES: Final = (REFUND_UPDATED, "refund.created", "refund.failed", "charge.refund.updated")
# docs.stripe.com/webhooks?snapshot-or-thin=thin: these name the refund, and hold nothing of it.
_FAILED: Final = "v1.refund.failed"
THIN_TYPES: Final = ("v1.refund.created", "v1.refund.updated", _FAILED)
_STRIPES_ID: Final = Field(pattern=r"^[!-~]{1,255}$")
_Body = TypeVar("_Body", bound=BaseModel)


class Told(NamedTuple):
    """One event, and the reference of the refund that it is about.

    `failed_id` is the refund's id there, where that is said to have failed.
    """

    event_id: str
    reference: str | AtStripe
    failed_id: str | None = None


class _AnyHook(BaseModel):
    """What every hook has. A sender may say more than is read here."""

    type: Annotated[str, Field(min_length=1)]


class _HookedRefund(BaseModel):
    reference: Annotated[str, Field(min_length=1, max_length=255)]


class _RefundHook(_AnyHook):
    data: _HookedRefund


class _StripeData(BaseModel):
    object: dict[str, Any]


class _StripeEvent(_AnyHook):
    id: Annotated[str, _STRIPES_ID]
    data: _StripeData


class _RelatedObject(BaseModel):
    id: Annotated[str, _STRIPES_ID]


class _ThinEvent(_AnyHook):
    id: Annotated[str, _STRIPES_ID]
    related_object: _RelatedObject
    context: Annotated[str, _STRIPES_ID] | None = None


def reference_in(body: bytes, content_type: str | None) -> str | None:
    """The reference that the hook is about; None when its type is nothing to us.

    Raises:
        Problem: 415 or 400 for what is no JSON.
        RequestValidationError: it is no such hook.
    """
    document = _json_of(body, content_type)
    if _read(_AnyHook, document).type != REFUND_UPDATED:
        return None
    return _read(_RefundHook, document).data.reference


def told_by_stripe(body: bytes, content_type: str | None) -> Told | None:
    """The event and the reference that a hook of Stripe's is about.

    None when it is of another type, or about what is no refund of ours.

    Raises:
        Problem: 415 or 400 for what is no JSON.
        RequestValidationError: it is no event as Stripe sends them.
    """
    document = _json_of(body, content_type)
    type_ = _read(_AnyHook, document).type
    if type_ in THIN_TYPES:
        thin = _read(_ThinEvent, document)
        refund_id = thin.related_object.id
        return Told(
            thin.id, AtStripe(refund_id, thin.context), refund_id if type_ == _FAILED else None
        )
    if type_ not in STRIPE_TYPES:
        return None
    event = _read(_StripeEvent, document)
    refund = event.data.object
    reference = reference_of(refund) if refund.get("object") == "refund" else None
    return Told(event.id, reference, failed_id_of(refund)) if isinstance(reference, str) else None


def _json_of(body: bytes, content_type: str | None) -> object:
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise unsupported_media_type(content_type)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error.msg} (at character {error.pos}).") from None


def _read(kind: type[_Body], document: object) -> _Body:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        told = [one | {"loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(told, body=document) from None
