"""What the contracts ask of a request, and how a refund is shown.

A body that breaks one changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from app.sandbox.books import (
    FAILED,
    GOODWILL,
    ORIGINAL,
    STORE_CREDIT,
    VOID,
    BookedRefund,
    BookedRequest,
)
from app.sandbox.payments import Payment

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:~-]{1,128}$")]
Reference = Annotated[str, Field(min_length=1, max_length=255)]
Reason = Annotated[str, Field(max_length=2000)]
Amount = Annotated[int, Field(ge=1, le=2**53 - 1)]
Instant = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RefundBody(_Body):
    """The body of POST /refunds."""

    form: ClassVar[str] = ORIGINAL

    business_id: Name
    payment_id: Name
    amount_minor: Amount
    currency: Currency
    reference: Reference
    reason: Reason | None = None

    def request(self) -> BookedRequest:
        """The same, in the books' words."""
        return BookedRequest(
            self.payment_id,
            self.amount_minor,
            self.currency,
            self.reference,
            self.reason,
            self.business_id,
            form=self.form,
        )


class VoidBody(RefundBody):
    """The body of POST /voids."""

    form: ClassVar[str] = VOID


class StoreCreditBody(_Body):
    """The body of POST /store-credits."""

    business_id: Name
    client_id: Name
    amount_minor: Amount
    currency: Currency
    reference: Reference
    reason: Reason | None = None

    def request(self) -> BookedRequest:
        """The same, in the books' words."""
        return BookedRequest(
            self.client_id,
            self.amount_minor,
            self.currency,
            self.reference,
            self.reason,
            self.business_id,
            self.client_id,
            form=STORE_CREDIT,
        )


class GrantBody(_Body):
    """The body of POST /credit-grants."""

    business_id: Name
    client_id: Name
    credits: Amount
    valid_until_at_least: Instant | None = None
    reference: Reference
    reason: Reason | None = None

    def request(self) -> BookedRequest:
        """The same, in the books' words."""
        return BookedRequest(
            self.client_id,
            self.credits,
            None,
            self.reference,
            self.reason,
            self.business_id,
            self.client_id,
            self.valid_until_at_least,
            form=GOODWILL,
        )


class ReturnBody(_Body):
    """The body of POST /credit-returns."""

    business_id: Name
    client_id: Name
    account_id: Name
    credits: Amount
    valid_until_at_least: Instant | None = None
    reference: Reference
    reason: Reason | None = None

    def request(self) -> BookedRequest:
        """The same, in the books' words."""
        return BookedRequest(
            self.account_id,
            self.credits,
            None,
            self.reference,
            self.reason,
            self.business_id,
            self.client_id,
            self.valid_until_at_least,
        )


class PaymentBody(_Body):
    """The body of PUT /payments/{payment_id}; without a business, it is the first's that asks."""

    business_id: Name | None = None
    amount_minor: Amount
    currency: Currency
    captured: bool = True
    disputed: bool = False
    refundable_until: Instant | None = None

    def payment(self) -> Payment:
        """The same, in the books' words."""
        facts = self.model_dump(include={"captured", "disputed", "refundable_until"})
        return Payment(self.amount_minor, self.currency, **facts)


class BalanceBody(RootModel[dict[Currency, Annotated[int, Field(ge=0, le=2**53 - 1)]]]):
    """The body of PUT /balance: minor units by currency."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A form in which a service gives back, its body, and whose it must be."""

    form: str
    body: type[RefundBody | ReturnBody | StoreCreditBody | GrantBody]
    not_found: str


# By path.
PAYMENTS: Mapping[str, Offer] = {
    "/refunds": Offer(ORIGINAL, RefundBody, "payment_not_found"),
    "/voids": Offer(VOID, VoidBody, "payment_not_found"),
}
CREDITS: Mapping[str, Offer] = {
    "/credit-returns": Offer(ORIGINAL, ReturnBody, "account_not_found"),
    "/store-credits": Offer(STORE_CREDIT, StoreCreditBody, "client_not_found"),
    "/credit-grants": Offer(GOODWILL, GrantBody, "client_not_found"),
}


def shown(refund: BookedRefund, *, status: str) -> dict[str, Any]:
    """A refund as the contracts show it, with the given status."""
    request = refund.request
    subject = {_subject(request): request.subject} | (
        {"credits": request.amount}
        if request.currency is None
        else {"amount_minor": request.amount, "currency": request.currency}
    )
    if request.business is not None:
        subject["business_id"] = request.business
    if request.valid_until is not None:
        # As if the credits had been about to expire, and hold for as long as was asked. Those that
        # are granted were none before.
        before = {} if request.form == GOODWILL else {"expires_before": refund.created_at}
        subject |= before | {"expires_after": request.valid_until}
    failure = {"failure_code": refund.failure_code or "failed"} if status == FAILED else {}
    created = {"created_at": refund.created_at}
    return {
        "id": refund.id,
        "status": status,
        **failure,
        **subject,
        "reference": request.reference,
        **created,
    }


def _subject(request: BookedRequest) -> str:
    if request.form in {STORE_CREDIT, GOODWILL}:
        return "client_id"
    return "account_id" if request.currency is None else "payment_id"


def complaint(error: ValidationError) -> str:
    """One line on what is wrong with a body, without the values that were sent."""
    return "; ".join(
        f"/{'/'.join(map(str, one['loc']))}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    )[:500]
