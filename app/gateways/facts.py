"""What a payments service may be asked before anything is returned, and what it says.

Both reads change nothing and bind nothing. A service may lack them: `Unsupported` says so, and is
not a fault. Neither read raises for anything that the network or the upstream does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.gateways.outcomes import Gateway, Limit, PaymentAccount


@dataclass(frozen=True, slots=True)
class PaymentAsked:
    """A payment to ask after: its id, whose, and at whose account."""

    business_id: str
    payment_id: str
    payment_account: PaymentAccount = None


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """A payment as it stands.

    `remaining_minor` (ISO 4217 minor units) is what was neither returned nor let go; of one that is
    not `captured` it is what would be charged. With `refundable_until` None nothing is known of an
    end.
    """

    remaining_minor: int
    currency: str
    captured: bool
    disputed: bool
    refundable_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentNotFound:
    """The service knows no such payment of this business."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What there is to return money from, in minor units by currency.

    It may be below zero. A currency that is not named has none.
    """

    available_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The service does not offer this read; asking again is of no use now."""


@dataclass(frozen=True, slots=True)
class FactsUnknown:
    """Nothing is known: no answer, or none that can be read.

    `retry_after_seconds` is what the upstream asked for, where it did; `limit` what the call was
    too many for.
    """

    detail: str
    retry_after_seconds: float | None = None
    limit: Limit | None = None


PaymentAnswer = PaymentFacts | PaymentNotFound | Unsupported | FactsUnknown
BalanceAnswer = Balance | Unsupported | FactsUnknown


class Reads(Protocol):
    """The optional reads of an upstream; one that gives no money back supports neither."""

    async def payment(self, asked: PaymentAsked) -> PaymentAnswer:
        """Read a payment once."""

    async def balance(self, business_id: str, payment_account: PaymentAccount) -> BalanceAnswer:
        """Read once what there is at the account that the business's refunds are paid from."""


class ReadingGateway(Gateway, Reads, Protocol):
    """A gateway with the optional reads: what every provider opens."""
