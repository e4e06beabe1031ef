"""Stripe's voids: the authorisation of an uncaptured payment is let go, whole.

docs.stripe.com/api/payment_intents/cancel. A cancellation takes no metadata of ours, so it is made
in steps, all within one call's time: the intent is read (of a `ch_…` by way of its charge), it is
marked with our refund's id, and only then cancelled, under the order's key. Whatever goes wrong
before the last step is surely not done. Only an intent that waits for capture, of just the order's
amount and currency, is cancelled: more would let go what another booking paid.

What Stripe does not tell is who cancelled. A cancelled intent with our mark counts as ours, though
it may have expired or been cancelled by hand after the mark; without it, it is somebody else's. In
each case nobody is charged. Of a charge that has no intent, which were made before 2019, nothing is
let go here.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain.statuses import ALREADY_REFUNDED, FORM_NOT_SUPPORTED
from app.gateways.answers import json_of, one_line, outcome_of
from app.gateways.by_reference import utc_now
from app.gateways.http import Broken, HttpAnswer, NotSent, Reply, UpstreamClient
from app.gateways.optional import unknown_of
from app.gateways.outcomes import (
    Absent,
    Finding,
    Indeterminate,
    Order,
    Outcome,
    Rejected,
    Succeeded,
    Unavailable,
    UnreadableAccount,
)
from app.gateways.stripe.account import account_of
from app.gateways.stripe.errors import error_of, limit_of, not_made, state_of
from app.gateways.stripe.reads import CHARGES
from app.gateways.stripe.refunds import payment_field
from app.gateways.stripe.units import in_their_units

INTENTS: Final = "/v1/payment_intents"
MARK: Final = "bulk_cancel_void"
_NO_SUCH_PAYMENT: Final = (
    b'{"error": {"code": "resource_missing", "message": "no id of Stripe\'s"}}'
)
_WAITS: Final = "requires_capture"
_CANCELED: Final = "canceled"
_CAPTURED: Final = "succeeded"
# A cancellation begins only with so much of a call's time left.
_LEAST_SHARE: Final = 0.25


class _VoidBody(BaseModel):
    model_config = ConfigDict(strict=True)


class _Intent(_VoidBody):
    id: Annotated[str, Field(pattern=r"^pi_[!-~]{1,250}$")]
    status: str
    amount: int
    amount_capturable: int | None = None
    currency: str
    metadata: dict[str, Any] | None = None

    def is_marked_for(self, order: Order) -> bool:
        return (self.metadata or {}).get(MARK) == order.refund_id

    def is_of(self, order: Order) -> bool:
        """Whether it is just what the order names; the order's amount is in Stripe's unit."""
        same = self.currency.upper() == order.currency
        return same and self.amount == order.amount_minor


class _Charge(_VoidBody):
    payment_intent: Annotated[str, Field(pattern=r"^pi_[!-~]{1,250}$")] | None


_Read = TypeVar("_Read", _Intent, _Charge)


class _Steps:
    """The calls of one void or look-up, which end within one call's time."""

    def __init__(self, upstream: UpstreamClient, account: Mapping[str, str]) -> None:
        self._upstream = upstream
        self._account = account
        self._begun = time.monotonic()

    def seconds_left(self) -> float:
        return self._upstream.total_seconds - (time.monotonic() - self._begun)

    async def call(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Reply:
        left = self.seconds_left()
        if left <= 0:
            return NotSent("no time was left")
        headers = self._account if key is None else {**self._account, "Idempotency-Key": key}
        return await self._upstream.call(method, path, headers=headers, form=form, seconds=left)


class StripeVoids:
    """Voids at Stripe; `upstream`'s token is the platform's secret key."""

    def __init__(
        self, upstream: UpstreamClient, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """All steps of a void, or of a look-up, end within one call's time."""
        self._upstream = upstream
        self._clock = clock

    async def void(self, order: Order) -> Outcome:
        """Let the authorisation go, under the order's key."""
        theirs = in_their_units(order)
        if theirs is None:
            return Rejected(
                "amount_not_possible", "Stripe has no such fraction of the currency", None
            )
        if isinstance(order.payment_account, UnreadableAccount):
            return Unavailable(order.payment_account.detail, None)
        steps = _Steps(self._upstream, account_of(order.payment_account))
        intent = await _intent_of(steps, order)
        if intent is None:
            return Rejected(FORM_NOT_SUPPORTED, "this payment has no intent to cancel", None)
        if not isinstance(intent, _Intent):
            return self._not_begun(intent, theirs)
        known = _known(intent, theirs)
        if known is not None:
            return known
        path = _path(INTENTS, intent.id)
        if not intent.is_marked_for(order):
            marked = await steps.call("POST", path, form={f"metadata[{MARK}]": order.refund_id})
            if not isinstance(marked, HttpAnswer) or marked.status != 200:  # noqa: PLR2004
                return self._not_begun(marked, theirs)
        if steps.seconds_left() < self._upstream.total_seconds * _LEAST_SHARE:
            return Unavailable("the steps before the cancellation took too long", None)
        reply = await steps.call("POST", f"{path}/cancel", key=order.idempotency_key)
        return outcome_of(reply, theirs, now=self._clock(), classifier=_classify)

    async def look_up(self, order: Order) -> Finding:
        """Whether the authorisation is let go, and, as far as told, by us."""
        theirs = in_their_units(order)
        if theirs is None or payment_field(order.payment_id or "") is None:
            return Indeterminate("look-up: the order could not be one for Stripe")
        if isinstance(order.payment_account, UnreadableAccount):
            return Indeterminate(f"look-up: {order.payment_account.detail}")
        steps = _Steps(self._upstream, account_of(order.payment_account))
        intent = await _intent_of(steps, order)
        if intent is None:
            return Absent()
        if isinstance(intent, _Intent):
            is_ours = intent.status == _CANCELED and intent.is_marked_for(order)
            return _canceled(intent, theirs) if is_ours else Absent()
        unknown = unknown_of(intent, now=self._clock())
        limit = limit_of(intent) if isinstance(intent, HttpAnswer) and unknown.limit else None
        return Indeterminate(f"look-up: {unknown.detail}", unknown.retry_after_seconds, limit)

    def _not_begun(self, reply: Reply, order: Order) -> Outcome:
        """What it means that a step before the cancellation failed: nothing was let go."""
        outcome = outcome_of(reply, order, now=self._clock(), classifier=_classify_step)
        match outcome:
            case Indeterminate(detail, wait):
                return Unavailable(f"before the cancellation: {detail}", wait)
            case _:
                return outcome


def _path(of: str, its_id: str) -> str:
    return f"{of}/{quote(its_id, safe='')}"


async def _intent_of(steps: _Steps, order: Order) -> _Intent | Reply | None:
    """The payment's intent, or None, or the reply that doesn't show it."""
    payment_id = order.payment_id or ""
    match payment_field(payment_id):
        case None:
            return HttpAnswer(404, {}, _NO_SUCH_PAYMENT)
        case "charge":
            charge = await steps.call("GET", _path(CHARGES, payment_id))
            found = _read(charge, _Charge)
            if not isinstance(found, _Charge):
                return found
            if found.payment_intent is None:
                return None
            payment_id = found.payment_intent
        case _:
            pass
    return _read(await steps.call("GET", _path(INTENTS, payment_id)), _Intent)


def _read(reply: Reply, kind: type[_Read]) -> _Read | Reply:
    if not isinstance(reply, HttpAnswer) or reply.status != 200:  # noqa: PLR2004
        return reply
    try:
        return kind.model_validate(json_of(reply))
    except ValidationError:
        return Broken("the answer is not what was asked for")


def _known(intent: _Intent, order: Order) -> Outcome | None:
    """What is plain before anything is asked for; None: it may be let go."""
    if intent.status == _CANCELED and intent.is_marked_for(order):
        return _canceled(intent, order)
    if intent.status != _WAITS:
        return _refused(intent.status)
    if not intent.is_of(order) or intent.amount_capturable not in (None, intent.amount):
        return Rejected("amount_not_whole", "the authorisation is of another amount", None)
    return None


def _refused(status: str) -> Rejected:
    if status == _CAPTURED:
        return Rejected("already_captured", "the payment is captured: it can be refunded", None)
    if status == _CANCELED:
        return Rejected(ALREADY_REFUNDED, "the payment intent is cancelled already", None)
    return Rejected("not_authorised", f"the payment intent is {one_line(status)}", None)


def _canceled(intent: _Intent, order: Order) -> Succeeded | Indeterminate:
    if not intent.is_of(order):
        return Indeterminate("the cancelled intent is of another amount")
    return Succeeded(intent.id)


def _classify(answer: HttpAnswer, order: Order, *, now: datetime) -> Outcome:
    """What the answer to a cancellation says."""
    if answer.status == 200:  # noqa: PLR2004
        intent = _read(answer, _Intent)
        if not isinstance(intent, _Intent) or intent.status != _CANCELED:
            return Indeterminate("the answer is not a cancelled intent")
        if not intent.is_marked_for(order):
            return Indeterminate("the cancelled intent is marked for another refund")
        return _canceled(intent, order)
    status = state_of(error_of(answer))
    return not_made(answer, now=now) if status is None else _refused(status)


def _classify_step(answer: HttpAnswer, order: Order, *, now: datetime) -> Outcome:  # noqa: ARG001
    if answer.status < 300:  # noqa: PLR2004
        return Indeterminate(f"HTTP {answer.status}")
    return not_made(answer, now=now)
