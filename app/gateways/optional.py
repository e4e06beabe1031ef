"""Reads what our contracts leave to a service: whether it offers it, and what.

Pure and total, as `answers` is. A service that lacks an operation says 404 without a `code`, or
501. A fact is believed only out of an answer that can be read whole and is about what was asked.
"""

from datetime import datetime
from typing import Annotated, Final, assert_never

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain.fields import Currency, Moment
from app.gateways.answers import code_of, json_of, retry_after
from app.gateways.facts import (
    Balance,
    BalanceAnswer,
    FactsUnknown,
    PaymentAnswer,
    PaymentAsked,
    PaymentFacts,
    PaymentNotFound,
    Unsupported,
)
from app.gateways.http import Broken, HttpAnswer, NotSent, Reply
from app.gateways.outcomes import Limit

PAYMENT_NOT_FOUND: Final = "payment_not_found"


class _OptionalBody(BaseModel):
    # Strict: true is not 1, and "2500" is not 2500. A service may say more than is read here.
    model_config = ConfigDict(strict=True)


class _Payment(_OptionalBody):
    remaining_minor: Annotated[int, Field(ge=0)]
    currency: Currency
    captured: bool
    disputed: bool
    refundable_until: Moment | None = None
    payment_id: str | None = None
    business_id: str | None = None


class _Amount(_OptionalBody):
    currency: Currency
    amount_minor: int


class _Balance(_OptionalBody):
    available: list[_Amount]


def lacks(reply: Reply) -> bool:
    """Whether the service has no such operation: 404 without a code, or 501."""
    match reply:
        case HttpAnswer(501):
            return True
        case HttpAnswer(404):
            return _code(reply) == ""
        case _:
            return False


def payment_of(reply: Reply, asked: PaymentAsked, *, now: datetime) -> PaymentAnswer:
    """What the answer to `GET /payments/{id}` says of the payment that was asked after."""
    match reply:
        case HttpAnswer(200):
            return _payment(reply, asked)
        case HttpAnswer(404) if _code(reply) == PAYMENT_NOT_FOUND:
            return PaymentNotFound()
        case _:
            return Unsupported() if lacks(reply) else unknown_of(reply, now=now)


def balance_of(reply: Reply, *, now: datetime) -> BalanceAnswer:
    """What the answer to `GET /balance` says."""
    match reply:
        case HttpAnswer(200):
            return _balance(reply)
        case _:
            return Unsupported() if lacks(reply) else unknown_of(reply, now=now)


def unknown_of(reply: Reply, *, now: datetime) -> FactsUnknown:
    """Why a reply tells nothing, and when to come again where it says so."""
    match reply:
        case NotSent(detail) | Broken(detail):
            return FactsUnknown(detail)
        case HttpAnswer(status, headers):
            limit = Limit.RATE if status == 429 else None  # noqa: PLR2004
            return FactsUnknown(f"HTTP {status}", retry_after(headers, now=now), limit)
        case _:
            assert_never(reply)


def _payment(answer: HttpAnswer, asked: PaymentAsked) -> PaymentFacts | FactsUnknown:
    try:
        said = _Payment.model_validate(json_of(answer))
    except ValidationError:
        return FactsUnknown("the answer is no payment in JSON")
    if said.payment_id not in (None, asked.payment_id):
        return FactsUnknown("the answer is about another payment")
    if said.business_id not in (None, asked.business_id):
        return FactsUnknown("the answer is about another business's payment")
    return PaymentFacts(
        said.remaining_minor,
        said.currency,
        said.captured,
        said.disputed,
        said.refundable_until,
    )


def _balance(answer: HttpAnswer) -> Balance | FactsUnknown:
    try:
        said = _Balance.model_validate(json_of(answer))
    except ValidationError:
        return FactsUnknown("the answer is no balance in JSON")
    amounts = {one.currency: one.amount_minor for one in said.available}
    if len(amounts) < len(said.available):
        return FactsUnknown("the answer names a currency twice")
    return Balance(amounts)


def _code(answer: HttpAnswer) -> str:
    problem = json_of(answer)
    return code_of(problem.get("code"), fallback="") if isinstance(problem, dict) else ""
