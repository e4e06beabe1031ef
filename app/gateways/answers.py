"""Reads what an upstream sent into the vocabulary of outcomes.

Pure and total: no bytes make it raise. The invariant: a refund is called succeeded, processing or
rejected only on an answer that can be read whole and contradicts the order in nothing.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final, Protocol, assert_never

import orjson
from pydantic import TypeAdapter, ValidationError

from app.domain.fields import Moment
from app.domain.statuses import RefundForm
from app.gateways.http import MAX_ANSWER_BYTES, Broken, HttpAnswer, NotSent, Reply
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
)

MAX_RETRY_AFTER_SECONDS: Final = 900.0
MAX_DETAIL: Final = 500
_MOMENT: Final = TypeAdapter[datetime](Moment)
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_REFERENCE: Final = re.compile(r"[!-~]{1,255}")
_OF_A_CLIENT: Final = frozenset({RefundForm.STORE_CREDIT, RefundForm.GOODWILL})
_DELAY: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


class Classifier(Protocol):
    """Maps an answer to a POST to its outcome."""

    def __call__(self, answer: HttpAnswer, order: Order, *, now: datetime) -> Outcome: ...


class _Status(StrEnum):
    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


def outcome_of(
    reply: Reply, order: Order, *, now: datetime, classifier: Classifier | None = None
) -> Outcome:
    """What a call that asked for `order` came to.

    `now` (aware) is used where Retry-After is a date; `classifier` reads answers whose words are
    not our contract's.
    """
    match reply:
        case NotSent(detail):
            return Unavailable(detail, None)
        case Broken(detail):
            return Indeterminate(detail)
        case HttpAnswer():
            return (classifier or classify)(reply, order, now=now)
        case _:
            assert_never(reply)


def finding_of(reply: Reply, order: Order, *, now: datetime) -> Finding:
    """What a look-up of `order` found.

    Only a readable, complete 200 can say that there is none.
    """
    match reply:
        case NotSent(detail) | Broken(detail):
            return Indeterminate(f"look-up: {detail}")
        case HttpAnswer(200):
            return _find(json_of(reply), order)
        case HttpAnswer():
            limit = Limit.RATE if reply.status == 429 else None  # noqa: PLR2004
            return Indeterminate(
                f"look-up: HTTP {reply.status}", retry_after(reply.headers, now=now), limit
            )
        case _:
            assert_never(reply)


def classify(answer: HttpAnswer, order: Order, *, now: datetime) -> Outcome:
    """Map the answer to a POST to its outcome, as the contracts (`openapi/*-upstream.yaml`) say."""
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - the classes of RFC 9110, section 15
        return read_refund(json_of(answer), order)
    if status == 429:  # noqa: PLR2004
        return Throttled(retry_after(answer.headers, now=now))
    # A wrong or revoked token is no fault of the refund; as a refusal it would end all of a job's
    # refunds in seconds.
    if status == 401:  # noqa: PLR2004
        return Unavailable(
            "HTTP 401: the token is not accepted", retry_after(answer.headers, now=now)
        )
    if status == 503:  # noqa: PLR2004
        return Unavailable("HTTP 503", retry_after(answer.headers, now=now))
    if not 400 <= status < 500:  # noqa: PLR2004
        return Indeterminate(f"HTTP {status}", retry_after(answer.headers, now=now))
    problem = json_of(answer)
    fields = problem if isinstance(problem, dict) else {}
    code = code_of(fields.get("code"), fallback=f"http_{status}")
    # 408 is what servers say, unasked, on a connection they give up on, and 425 is a balancer's;
    # neither is the upstream's word on the refund. A key in use is another call of ours that may be
    # about to land.
    if status in {408, 425} or (status == 409 and code == "idempotency_key_in_use"):  # noqa: PLR2004
        return Indeterminate(f"HTTP {status} {code}", retry_after(answer.headers, now=now))
    return Rejected(
        code, one_line(fields.get("detail") or fields.get("title") or f"HTTP {status}"), None
    )


def read_refund(refund: object, order: Order) -> Succeeded | Processing | Rejected | Indeterminate:
    """Read a refund as an upstream shows it against the order it is for.

    It may be in an answer, a look-up or a webhook.
    """
    if not isinstance(refund, dict):
        return Indeterminate("the answer is not a refund in JSON")
    contradiction = _contradiction(refund, order)
    if contradiction is not None:
        return Indeterminate(contradiction)
    reference = refund.get("id")
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        return Indeterminate("the answer has no usable id")
    match refund.get("status"):
        case _Status.SUCCEEDED:
            return Succeeded(
                reference,
                _instant(refund.get("expires_before")),
                _instant(refund.get("expires_after")),
            )
        case _Status.PENDING:
            return Processing(reference)
        case _Status.FAILED:
            code = code_of(refund.get("failure_code"), fallback="failed")
            return Rejected(
                code, one_line(refund.get("failure_detail") or "the refund failed"), reference
            )
        case _:
            return Indeterminate("the answer has no status that the contract knows")


def retry_after(
    headers: Mapping[str, str], *, now: datetime, at_most: float = MAX_RETRY_AFTER_SECONDS
) -> float | None:
    """Seconds, 0 to `at_most`, that a Retry-After asks for, else None.

    It is a number or a date (RFC 9110, 10.2.3). A date is measured from the answer's own `Date`
    where it has one, so that no clock needs to agree with another.
    """
    value = headers.get("retry-after", "").strip()
    if _DELAY.fullmatch(value):
        return min(float(value), at_most)
    until = _http_date(value)
    if until is None:
        return None
    seconds = (until - (_http_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(seconds, 0.0), at_most)


def best_of(findings: Sequence[Finding], order: Order) -> Finding | None:
    """The finding that stands for all refunds found under the order's reference.

    None where none is of this order. An unreadable one of ours hides what it is: it stands above
    pending and failed, and below a plain success. Of those that failed, the one that the upstream
    had accepted stands for all.
    """
    for kind in (Succeeded, Indeterminate, Processing):
        for finding in findings:
            if isinstance(finding, kind):
                return finding
    failed = [
        one
        for one in findings
        if isinstance(one, Rejected) and one.upstream_reference != order.failed_as
    ]
    accepted = [one for one in failed if one.upstream_reference == order.accepted_as]
    return next(iter(accepted or failed), None)


def one_line(text: object) -> str:
    """A stranger's text as one printable line of at most 500 characters.

    Empty if it is no string.
    """
    if not isinstance(text, str):
        return ""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * MAX_DETAIL])
    return " ".join(printable.split())[:MAX_DETAIL]


def _find(document: object, order: Order) -> Finding:
    refunds = document.get("data") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(refunds, list):
        return Indeterminate("look-up: the answer is not a list in JSON")
    if not all(isinstance(refund, dict) for refund in refunds):
        return Indeterminate("look-up: the list holds something that is no refund")
    ours = [refund for refund in refunds if refund.get("reference") in (None, order.refund_id)]
    best = best_of([read_refund(refund, order) for refund in ours], order)
    if best is not None:
        return best
    # "None" is believed of a list that is about this reference and ends here, for it lets the
    # refund be sent again.
    if len(ours) < len(refunds):
        return Indeterminate("look-up: the list is about other references")
    if document.get("has_more") or document.get("next_cursor"):
        return Indeterminate("look-up: the list goes on")
    return Absent()


def _contradiction(refund: Mapping[str, Any], order: Order) -> str | None:
    for field, ours in (
        ("amount_minor", order.amount_minor),
        ("currency", order.currency),
        ("credits", order.credits),
        ("reference", order.refund_id),
        ("business_id", order.business_id),
        # Value for another client is no answer to this order; a refund may name one by its own id.
        ("client_id", order.client_id if order.form in _OF_A_CLIENT else None),
    ):
        theirs = refund.get(field)
        if theirs is None or ours is None:
            continue
        if isinstance(theirs, str) and isinstance(ours, str) and field == "currency":
            same = theirs.upper() == ours.upper()
        else:  # types too: true is not 1, and "2500" is not 2500
            same = type(theirs) is type(ours) and theirs == ours
        if not same:
            return f"the answer names another {field.removesuffix('_minor')} than the order"
    return None


def json_of(answer: HttpAnswer) -> object:
    """The JSON of an answer; None where it is none, or was cut."""
    if len(answer.body) > MAX_ANSWER_BYTES:
        return None
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def code_of(value: object, *, fallback: str) -> str:
    """A code as a contract may name one (up to 64 characters), or the fallback."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else fallback


def _instant(value: object) -> datetime | None:
    """An instant that an upstream names (RFC 3339), or None."""
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        return None


def _http_date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):  # what the parser does to odd input
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
