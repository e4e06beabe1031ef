"""What is asked of an upstream, and what became of it: one vocabulary.

It is to be matched exhaustively. The invariant: `Throttled` and `Unavailable` mean the refund was
surely not made by this call, `Indeterminate` that nothing is known, and no outcome ever means more
than its upstream said.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.domain.statuses import RefundForm


class UpstreamMethod(StrEnum):
    """How a booking was paid, and so what is given back."""

    PAYMENT = "payment"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """The business's account is connected to the platform's.

    The platform's key speaks for it, and it is named.
    """

    account: str


@dataclass(frozen=True, slots=True)
class SecretKeyAccount:
    """The business's account has its own secret key or bearer token, never shown."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnreadableAccount:
    """The business has a key of its own that can't be read.

    Nothing may be sent, least of all by the platform's.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class PlatformAccount:
    """The platform's own account, with what comes back with a destination charge's refund.

    `reverse_transfer`: what was transferred to the business; `refund_application_fee`: the
    platform's fee. Both in proportion (docs.stripe.com/connect/destination-charges).
    """

    reverse_transfer: bool = False
    refund_application_fee: bool = False


# At whose account a payment was made or credits were spent; None: the platform's token speaks for
# the business. Calls can be made at all of them but one whose key can't be read.
OpenAccount = ConnectedAccount | SecretKeyAccount | PlatformAccount | None
PaymentAccount = OpenAccount | UnreadableAccount


@dataclass(frozen=True, slots=True)
class Order:
    """One refund to be made, frozen before the first call.

    The same order always sends the same bytes. A payment names `payment_id`, `amount_minor` (ISO
    4217 minor units) and `currency`; a credit names `account_id`, `credits` and the client who
    booked. `business_id` is for whom it is asked: the upstream refuses a payment or an account of
    somebody else's. `refund_id` is the reference that the upstream keeps and is looked up by.
    `accepted_as` is the upstream's id of the refund that it said it was at work on; `failed_as`
    that of one that failed and was then ordered anew, so that it says nothing of this order.
    `payment_account` is whose account is asked. Credits are to be usable at least until
    `valid_until`. `form` is what the upstream is asked to do: `method` says which upstream, for
    value at the credits service that is `credit` though money was paid.
    """

    refund_id: str
    idempotency_key: str
    method: UpstreamMethod
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None
    reason: str
    accepted_as: str | None = None
    failed_as: str | None = None
    payment_account: PaymentAccount = None
    valid_until: datetime | None = None
    form: RefundForm = RefundForm.ORIGINAL
    business_id: str = field(kw_only=True)
    client_id: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The money or the credits are back.

    `upstream_reference` is the upstream's own id of the refund. Of credits it may say until when
    they were to be used before, and until when they are now.
    """

    upstream_reference: str
    expires_before: datetime | None = None
    expires_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Processing:
    """The upstream has taken the refund; its final word is still to come.

    That comes by look-up or by webhook.

    `reason` is what it waits for, where the upstream says so.
    """

    upstream_reference: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The upstream will not make this refund.

    `code` says why, `detail` is a line of up to 500 characters. `upstream_reference` is present
    where the upstream made a refund and that refund failed.
    """

    code: str
    detail: str
    upstream_reference: str | None


class Limit(StrEnum):
    """What a call was too many for."""

    RATE = "rate"  # calls a second; and what an upstream does not tell apart from it
    CONCURRENCY = "concurrency"  # calls at once
    OBJECT = "object"  # another call was at the same payment: no other refund is concerned


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many calls (429): surely not done.

    It is no fault of the refund, so it costs no attempt.
    """

    retry_after_seconds: float | None
    limit: Limit = Limit.RATE


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Surely not done: the upstream said so (503), or no request left.

    None leaves where it was refused, or there was no such host or no slot.
    """

    detail: str
    retry_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class Indeterminate:
    """Nothing is known: a timeout, a broken connection, another 5xx, or a senseless answer.

    `retry_after_seconds` is what the upstream asked for, where it did; a look-up that is throttled
    says it here, and what it was too many for.
    """

    detail: str
    retry_after_seconds: float | None = None
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """Look-up only: the upstream answered, and it has no refund with this reference."""


Outcome = Succeeded | Processing | Rejected | Throttled | Unavailable | Indeterminate

# A look-up has no Throttled and no Unavailable: those say "the refund was not made", and a look-up
# that could not be answered says nothing about the refund.
Finding = Succeeded | Processing | Rejected | Indeterminate | Absent


class Gateway(Protocol):
    """One upstream. Neither call raises for anything that the network or the upstream does."""

    async def refund(self, order: Order) -> Outcome:
        """Ask once for the refund, under the order's key. Never repeats the call by itself."""

    async def look_up(self, order: Order) -> Finding:
        """What the upstream has under the order's reference; changes nothing there."""

    async def aclose(self) -> None:
        """Close the pool. Calls still under way end as `Indeterminate`."""
