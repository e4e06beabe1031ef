"""Stripe's refunds (`POST` and `GET /v1/refunds`).

They are for payments whose ids are Stripe's `pi_…`, `ch_…` or `py_…`. Our refund's id is kept in
Stripe's metadata, and a refund without it is somebody else's. The invariant: a look-up says
`Absent` only when it has read the payment's refunds to the last page.

A refund is asked for without a currency, because Stripe uses the payment's: an answer in another
than the order's is a contradiction for a person to look at.

Where a platform makes destination charges (docs.stripe.com/connect/destination-charges), a refund
may take the money back from the account that it was transferred to, and give the platform's fee
back: `reverse_transfer` and `refund_application_fee`, in proportion. Stripe knows no such thing of
a payment at a connected account, and is not asked for it there.

Every call for an order is made for the account that its payment is at (`account`).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final, assert_never

from app.gateways.answers import (
    best_of,
    code_of,
    json_of,
    outcome_of,
    read_refund,
    retry_after,
)
from app.gateways.by_reference import utc_now
from app.gateways.http import Broken, HttpAnswer, NotSent, Reply, UpstreamClient
from app.gateways.outcomes import (
    Absent,
    Finding,
    Indeterminate,
    Order,
    Outcome,
    PlatformAccount,
    Processing,
    Rejected,
    Succeeded,
    Unavailable,
    UnreadableAccount,
)
from app.gateways.stripe.account import account_of
from app.gateways.stripe.errors import limit_of, not_made
from app.gateways.stripe.units import in_their_units

# Stripe gives up to 100 a page; so few fit into `http.MAX_ANSWER_BYTES` whatever metadata others
# give their refunds.
PAGE: Final = 25
MAX_PAGES: Final = 40
_PATH: Final = "/v1/refunds"
_REFERENCE: Final = "reference"
_PAYMENT_FIELD: Final = {"pi_": "payment_intent", "ch_": "charge", "py_": "charge"}
_STATUS: Final = {
    "succeeded": "succeeded",
    "pending": "pending",
    "requires_action": "pending",
    "failed": "failed",
    "canceled": "failed",
}


class StripeRefunds:
    """Refunds at Stripe. `upstream`'s token is the platform's secret key."""

    def __init__(
        self,
        upstream: UpstreamClient,
        *,
        look_up_seconds: float,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """A look-up begins no page after `look_up_seconds`."""
        self._upstream = upstream
        self._look_up_seconds = look_up_seconds
        self._clock = clock

    async def refund(self, order: Order) -> Outcome:
        """Ask once for the refund, under the order's key."""
        theirs = in_their_units(order)
        payment = payment_of(order)
        if payment is None:
            return Rejected("payment_not_found", "this is no id of a Stripe payment", None)
        if theirs is None:
            return Rejected(
                "amount_not_possible", "Stripe has no such fraction of the currency", None
            )
        if isinstance(order.payment_account, UnreadableAccount):
            return Unavailable(order.payment_account.detail, None)
        reply = await self._upstream.call(
            "POST",
            _PATH,
            headers=account_of(order.payment_account) | {"Idempotency-Key": order.idempotency_key},
            # Not our reason: it is free text, and Stripe's `reason` a choice of three.
            form=payment
            | {"amount": str(theirs.amount_minor), f"metadata[{_REFERENCE}]": order.refund_id}
            | _of_destination(order),
        )
        return outcome_of(reply, theirs, now=self._clock(), classifier=_classify)

    async def look_up(self, order: Order) -> Finding:
        """What Stripe has of ours for this payment, read page by page to the last."""
        theirs = in_their_units(order)
        payment = payment_of(order)
        if payment is None or theirs is None:
            return Indeterminate("look-up: the order could not be one for Stripe")
        if isinstance(order.payment_account, UnreadableAccount):
            return Indeterminate(f"look-up: {order.payment_account.detail}")
        account = account_of(order.payment_account)
        begun = time.monotonic()
        query = payment | {"limit": str(PAGE)}
        ours: list[Finding] = []
        for _ in range(MAX_PAGES):
            if time.monotonic() - begun > self._look_up_seconds:
                return Indeterminate("look-up: the list did not end in time")
            reply = await self._upstream.call("GET", _PATH, query=query, headers=account)
            page = page_of(reply, now=self._clock())
            if isinstance(page, Indeterminate):
                return page
            refunds, after = page
            ours += [
                finding for refund in refunds if (finding := read_ours(refund, theirs)) is not None
            ]
            best = best_of(ours, order)
            if after is None:
                return best or Absent()
            if isinstance(best, Succeeded):
                return best
            query["starting_after"] = after
        return Indeterminate("look-up: the list does not end")


def read_stripe_refund(
    refund: object, order: Order
) -> Succeeded | Processing | Rejected | Indeterminate:
    """Read a refund as Stripe shows it against the order it is for.

    The order's amount is in Stripe's unit.
    """
    if not isinstance(refund, dict) or refund.get("object") != "refund":
        return Indeterminate("the answer is not a refund")
    if refund.get("amount") is None or refund.get("currency") is None:
        return Indeterminate("the refund has no amount")
    payment = payment_of(order) or {}
    if any(refund.get(field) not in (None, payment_id) for field, payment_id in payment.items()):
        return Indeterminate("the refund is of another payment")
    status = refund.get("status")
    in_our_words = {
        "id": refund.get("id"),
        "status": _STATUS.get(status) if isinstance(status, str) else None,
        "amount_minor": refund["amount"],
        "currency": refund["currency"],
        "reference": reference_of(refund),
        "failure_code": refund.get("failure_reason") or status,
        "failure_detail": f"Stripe says {status}",
    }
    outcome = read_refund(in_our_words, order)
    return (
        replace(outcome, reason=_waits_for(refund)) if isinstance(outcome, Processing) else outcome
    )


def _waits_for(refund: Mapping[str, Any]) -> str | None:
    """Why a refund is not done yet.

    Its client's bank details are missing, or it is Stripe's own `pending_reason`.
    """
    if refund["status"] == "requires_action":
        return "requires_action"
    return code_of(refund.get("pending_reason"), fallback="") or None


def reference_of(refund: Mapping[str, Any]) -> object:
    """What a refund of Stripe's keeps as our refund's id; None: somebody else's."""
    metadata = refund.get("metadata")
    return metadata.get(_REFERENCE) if isinstance(metadata, dict) else None


def failed_id_of(refund: Mapping[str, Any]) -> str | None:
    """The id of a refund of Stripe's that is said to have failed.

    Banks may send money back that was refunded before: docs.stripe.com/refunds#failed-refunds
    """
    status, refund_id = refund.get("status"), refund.get("id")
    failed = isinstance(status, str) and _STATUS.get(status) == "failed"
    return refund_id if failed and isinstance(refund_id, str) else None


def read_ours(refund: Mapping[str, Any], order: Order) -> Finding | None:
    """A refund out of a list, None where it is somebody else's."""
    metadata = refund.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        return Indeterminate("look-up: a refund's metadata cannot be read")
    return read_stripe_refund(refund, order) if reference_of(refund) == order.refund_id else None


def page_of(
    reply: Reply, *, now: datetime
) -> tuple[list[dict[str, Any]], str | None] | Indeterminate:
    """One page's refunds and, unless it is the last, the id to go on after."""
    match reply:
        case NotSent(detail) | Broken(detail):
            return Indeterminate(f"look-up: {detail}")
        case HttpAnswer(200):
            page = json_of(reply)
        case HttpAnswer():
            limit = limit_of(reply) if reply.status == 429 else None  # noqa: PLR2004
            return Indeterminate(
                f"look-up: HTTP {reply.status}", retry_after(reply.headers, now=now), limit
            )
        case _:
            assert_never(reply)
    refunds = page.get("data") if isinstance(page, dict) else None
    if not isinstance(page, dict) or not isinstance(refunds, list):
        return Indeterminate("look-up: the answer is not a list in JSON")
    if not all(
        isinstance(refund, dict) and isinstance(refund.get("id"), str) for refund in refunds
    ):
        return Indeterminate("look-up: the list holds something that is no refund")
    match page.get("has_more"):
        case False:
            return refunds, None
        case True if refunds:
            return refunds, refunds[-1]["id"]
        case _:
            return Indeterminate("look-up: the list goes on, and does not say where")


def _classify(answer: HttpAnswer, order: Order, *, now: datetime) -> Outcome:
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the classes of RFC 9110, section 15
        return read_stripe_refund(json_of(answer), order)
    return not_made(answer, now=now)


def _of_destination(order: Order) -> dict[str, str]:
    if not isinstance(order.payment_account, PlatformAccount):
        return {}
    return {name: "true" for name, wanted in asdict(order.payment_account).items() if wanted}


def payment_of(order: Order) -> dict[str, str] | None:
    """The field that names the payment, and its id; None: not Stripe's."""
    payment_id = order.payment_id or ""
    field = payment_field(payment_id)
    return None if field is None else {field: payment_id}


def payment_field(payment_id: str) -> str | None:
    """What Stripe calls a payment with such an id; None: nothing."""
    return _PAYMENT_FIELD.get(payment_id[:3])
