"""Stripe's optional reads: a payment as it stands, and the balance.

docs.stripe.com/api/charges and docs.stripe.com/api/balance. The money of a payment intent is that
of its newest charge: nobody can pay it again after one has succeeded. Until when a bank takes a
refund, Stripe does not say: `refundable_until` stays None. Amounts are told in ISO 4217's unit;
what is not whole in it is rounded down.
"""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.gateways.answers import json_of
from app.gateways.facts import (
    Balance,
    BalanceAnswer,
    FactsUnknown,
    PaymentAnswer,
    PaymentFacts,
    PaymentNotFound,
)
from app.gateways.http import HttpAnswer, Reply, UpstreamClient
from app.gateways.optional import unknown_of
from app.gateways.outcomes import PaymentAccount, UnreadableAccount
from app.gateways.stripe.account import account_of
from app.gateways.stripe.errors import error_of, limit_of
from app.gateways.stripe.refunds import payment_field
from app.gateways.stripe.units import in_our_units

CHARGES: Final = "/v1/charges"
_BALANCE: Final = "/v1/balance"
_MISSING: Final = "resource_missing"
_Currency = Annotated[str, Field(pattern=r"^[a-z]{3}$")]
_Amount = Annotated[int, Field(ge=0)]


class _ReadBody(BaseModel):
    model_config = ConfigDict(strict=True)


class _ReadCharge(_ReadBody):
    status: str
    amount: _Amount
    amount_captured: _Amount | None = None  # accounts of API versions before 2020 have none
    amount_refunded: _Amount
    captured: bool
    currency: _Currency
    disputed: bool


class _Charges(_ReadBody):
    data: list[_ReadCharge]


class _Part(_ReadBody):
    amount: int
    currency: _Currency


class _StripeBalance(_ReadBody):
    available: list[_Part]


async def read_payment(
    upstream: UpstreamClient, payment_id: str, payment_account: PaymentAccount, *, now: datetime
) -> PaymentAnswer:
    """Read a payment intent's newest charge, or a charge, once."""
    field = payment_field(payment_id)
    if field is None:
        return PaymentNotFound()
    if isinstance(payment_account, UnreadableAccount):
        return FactsUnknown(payment_account.detail)
    by_id = field == "charge"
    reply = await upstream.call(
        "GET",
        f"{CHARGES}/{quote(payment_id, safe='')}" if by_id else CHARGES,
        query=None if by_id else {field: payment_id, "limit": "1"},
        headers=account_of(payment_account),
    )
    if not isinstance(reply, HttpAnswer) or reply.status != 200:  # noqa: PLR2004
        missing = isinstance(reply, HttpAnswer) and error_of(reply).get("code") == _MISSING
        return PaymentNotFound() if missing else _unknown(reply, now=now)
    try:
        document = json_of(reply)
        charges = (
            [_ReadCharge.model_validate(document)]
            if by_id
            else _Charges.model_validate(document).data
        )
    except ValidationError:
        return FactsUnknown("the answer is no charge of Stripe's")
    return _facts(charges[0]) if charges else FactsUnknown("it was never charged")


async def read_balance(
    upstream: UpstreamClient, payment_account: PaymentAccount, *, now: datetime
) -> BalanceAnswer:
    """Read once what is available at the account; what is pending can't be refunded from."""
    if isinstance(payment_account, UnreadableAccount):
        return FactsUnknown(payment_account.detail)
    reply = await upstream.call("GET", _BALANCE, headers=account_of(payment_account))
    if not isinstance(reply, HttpAnswer) or reply.status != 200:  # noqa: PLR2004
        return _unknown(reply, now=now)
    try:
        parts = _StripeBalance.model_validate(json_of(reply)).available
    except ValidationError:
        return FactsUnknown("the answer is no balance of Stripe's")
    amounts = {part.currency.upper(): part.amount for part in parts}
    if len(amounts) < len(parts):
        return FactsUnknown("the answer names a currency twice")
    return Balance({name: in_our_units(amount, name) for name, amount in amounts.items()})


def _unknown(reply: Reply, *, now: datetime) -> FactsUnknown:
    unknown = unknown_of(reply, now=now)
    if isinstance(reply, HttpAnswer) and unknown.limit is not None:
        return replace(unknown, limit=limit_of(reply))
    return unknown


def _facts(charge: _ReadCharge) -> PaymentFacts:
    currency = charge.currency.upper()
    paid = charge.amount
    if charge.captured and charge.amount_captured is not None:
        paid = charge.amount_captured
    left = max(paid - charge.amount_refunded, 0) if charge.status != "failed" else 0
    return PaymentFacts(in_our_units(left, currency), currency, charge.captured, charge.disputed)
