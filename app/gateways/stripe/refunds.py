"""Stripe's refunds (`POST` and `GET /v1/refunds`).

They are for payments whose ids are Stripe's `pi_…`, `ch_…` or `py_…`. Our refund's id is kept in
Stripe's metadata, and a refund without it is somebody else's. The invariant: a look-up says
`Absent` only when it has read the payment's refunds to the last page.

Where Stripe's words mean less than our contract's, less is believed. Its 503 is like any 5xx, for
it promises of none that nothing was done (docs.stripe.com/api/errors). Its 409 may tell of another
call under the same key, and its 424 of a third party. A key that it does not know (401) or that may
not refund (403) is the operator's to mend, and no fault of the refund. A refund is asked for
without a currency, because Stripe uses the payment's: an answer in another than the order's is a
contradiction for a person to look at.

Every call for an order is made for the account that its payment is at (`account`).
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, assert_never

from app.gateways.answers import (
    best_of,
    code_of,
    json_of,
    one_line,
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
    Limit,
    Order,
    Outcome,
    Processing,
    Rejected,
    Succeeded,
    Throttled,
    Unavailable,
    UnreadableAccount,
)
from app.gateways.stripe.account import account_of
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
# docs.stripe.com/error-codes. There is none for a refund that comes too late: banks say that later,
# as a failed refund.
_CODES: Final = {
    "charge_already_refunded": "already_refunded",
    "charge_disputed": "payment_disputed",
    "refund_disputed_payment": "payment_disputed",
    "resource_missing": "payment_not_found",
    "amount_too_large": "amount_exceeds_remaining",
    "balance_insufficient": "insufficient_balance",
}
# Refusals that have come without a code.
_MESSAGES: Final = (
    (re.compile(r"Refund amount .*is greater than"), "amount_exceeds_remaining"),
    (re.compile(r"Insufficient funds in your Stripe balance"), "insufficient_balance"),
)


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
            | {"amount": str(theirs.amount_minor), f"metadata[{_REFERENCE}]": order.refund_id},
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
    status = answer.status
    wait = retry_after(answer.headers, now=now)
    if 200 <= status < 300:  # noqa: PLR2004 - the classes of RFC 9110, section 15
        return read_stripe_refund(json_of(answer), order)
    if status == 429:  # noqa: PLR2004
        return Throttled(wait, limit_of(answer))
    if status in {401, 403}:
        return Unavailable(f"HTTP {status}: Stripe does not accept the key", wait)
    if not 400 <= status < 500 or status in {408, 409, 424, 425}:  # noqa: PLR2004
        return Indeterminate(f"HTTP {status}", wait)
    return _refusal(error_of(answer), status, wait)


def error_of(answer: HttpAnswer) -> Mapping[str, Any]:
    """What Stripe says went wrong (docs.stripe.com/api/errors); empty where it is not Stripe's."""
    document = json_of(answer)
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def limit_of(answer: HttpAnswer) -> Limit:
    """What a 429 is for (docs.stripe.com/rate-limits).

    `lock_timeout` has no reason, and is of the object alone.
    """
    reason = answer.headers.get("stripe-rate-limited-reason", "")
    if reason == "resource-specific" or error_of(answer).get("code") == "lock_timeout":
        return Limit.OBJECT
    return Limit.CONCURRENCY if reason.endswith("-concurrency") else Limit.RATE


def _refusal(error: Mapping[str, Any], status: int, wait: float | None) -> Outcome:
    code = code_of(error.get("code"), fallback="")
    detail = one_line(error.get("message")) or f"HTTP {status}"
    if code == "idempotency_key_in_use":
        return Indeterminate(f"HTTP {status} {code}", wait)
    if code == "lock_timeout":
        return Throttled(wait, Limit.OBJECT)
    if error.get("type") == "idempotency_error":
        return Rejected("idempotency_key_reused", detail, None)
    if not code and error.get("type") == "invalid_request_error":
        code = next((ours for says, ours in _MESSAGES if says.match(detail)), "")
    return Rejected(_CODES.get(code, code) or f"http_{status}", detail, None)


def payment_of(order: Order) -> dict[str, str] | None:
    """The field that names the payment, with its id; None: it is no id of Stripe's."""
    payment_id = order.payment_id or ""
    field = payment_field(payment_id)
    return None if field is None else {field: payment_id}


def payment_field(payment_id: str) -> str | None:
    """What Stripe calls a payment with such an id; None: it is no id of Stripe's."""
    return _PAYMENT_FIELD.get(payment_id[:3])
