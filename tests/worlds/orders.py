"""Orders of refunds, as a gateway is given them and as an upstream is sent them."""

from dataclasses import replace

from app.domain.statuses import RefundForm
from app.gateways.outcomes import Order, UpstreamMethod

PAYMENT = Order(
    refund_id="ref-1",
    idempotency_key="key-1",
    method=UpstreamMethod.PAYMENT,
    payment_id="pay1",
    amount_minor=2500,
    currency="USD",
    account_id=None,
    credits=None,
    reason="Snow day",
    business_id="studio",
    client_id="kim",
)
CREDIT = Order(
    refund_id="ref-2",
    idempotency_key="key-2",
    method=UpstreamMethod.CREDIT,
    payment_id=None,
    amount_minor=None,
    currency=None,
    account_id="acc1",
    credits=2,
    reason="Snow day",
    business_id="studio",
    client_id="kim",
)

VOID = replace(PAYMENT, form=RefundForm.VOID)
STORE_CREDIT = replace(PAYMENT, method=UpstreamMethod.CREDIT, form=RefundForm.STORE_CREDIT)
GOODWILL = replace(CREDIT, account_id=None, form=RefundForm.GOODWILL)

# What our own contracts make of such orders.
PAYMENT_BODY = {
    "business_id": "studio",
    "payment_id": "pay1",
    "amount_minor": 2500,
    "currency": "USD",
    "reference": "r1",
    "reason": "Snow day",
}
CREDIT_BODY = {
    "business_id": "studio",
    "client_id": "kim",
    "account_id": "acc1",
    "credits": 2,
    "reference": "r1",
    "reason": None,
}
STORE_CREDIT_BODY = {
    "business_id": "studio",
    "client_id": "kim",
    "amount_minor": 2500,
    "currency": "USD",
    "reference": "r1",
    "reason": "Snow day",
}
GRANT_BODY = {
    "business_id": "studio",
    "client_id": "kim",
    "credits": 2,
    "reference": "r1",
    "reason": "Snow day",
}
