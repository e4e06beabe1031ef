"""Stripe's errors, in our words.

Where Stripe's words mean less than our contract's, less is believed. Its 503 is like any 5xx, for
it promises of none that nothing was done (docs.stripe.com/api/errors). Its 409 may tell of another
call under the same key, and its 424 of a third party. A key that it does not know (401) or that may
not refund (403) is the operator's to mend, and no fault of the refund.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.domain.statuses import NOT_CAPTURED
from app.gateways.answers import code_of, json_of, one_line, retry_after
from app.gateways.http import HttpAnswer
from app.gateways.outcomes import Indeterminate, Limit, Rejected, Throttled, Unavailable

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
# Refusals that have come without a code. An uncaptured payment can't be refunded
# (docs.stripe.com/refunds), and there is no code for it: what its intent has not, like one that was
# cancelled or never charged, is a successful charge. A void tells them apart.
_MESSAGES: Final = (
    (re.compile(r".*does not have a successful charge to refund"), NOT_CAPTURED),
    (re.compile(r"Refund amount .*is greater than"), "amount_exceeds_remaining"),
    (re.compile(r"Insufficient funds in your Stripe balance"), "insufficient_balance"),
)


def not_made(
    answer: HttpAnswer, *, now: datetime
) -> Rejected | Throttled | Unavailable | Indeterminate:
    """What an answer to a POST that is no 2xx says."""
    status = answer.status
    wait = retry_after(answer.headers, now=now)
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


def state_of(error: Mapping[str, Any]) -> str | None:
    """The intent's state that a call came too early or late for, or None."""
    if error.get("code") != "payment_intent_unexpected_state":
        return None
    intent = error.get("payment_intent")
    status = intent.get("status") if isinstance(intent, dict) else None
    return status if isinstance(status, str) else None


def limit_of(answer: HttpAnswer) -> Limit:
    """What a 429 is for (docs.stripe.com/rate-limits).

    `lock_timeout` has no reason, and is of the object alone.
    """
    reason = answer.headers.get("stripe-rate-limited-reason", "")
    if reason == "resource-specific" or error_of(answer).get("code") == "lock_timeout":
        return Limit.OBJECT
    return Limit.CONCURRENCY if reason.endswith("-concurrency") else Limit.RATE


def _refusal(
    error: Mapping[str, Any], status: int, wait: float | None
) -> Rejected | Throttled | Indeterminate:
    code = code_of(error.get("code"), fallback="")
    detail = one_line(error.get("message")) or f"HTTP {status}"
    if state_of(error) == "requires_capture":
        return Rejected(NOT_CAPTURED, detail, None)
    if code == "idempotency_key_in_use":
        return Indeterminate(f"HTTP {status} {code}", wait)
    if code == "lock_timeout":
        return Throttled(wait, Limit.OBJECT)
    if error.get("type") == "idempotency_error":
        return Rejected("idempotency_key_reused", detail, None)
    if not code and error.get("type") == "invalid_request_error":
        code = next((ours for says, ours in _MESSAGES if says.match(detail)), "")
    return Rejected(_CODES.get(code, code) or f"http_{status}", detail, None)
