"""A check at Stripe: at the business's own account, by a quarter of the calls that it counts."""

import time

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from worlds.checks import asking, booked, checked, codes

from app.db.access import stripe_accounts
from app.db.access.stripe_accounts import StripeAccount
from app.db.refunds import call_rates
from app.domain.plan_check import PlanRisk

ACCOUNT = "acct_1Studio"
RATE = 25.0


class Charges:
    """Stripe's charges: those of the payments that a test names are as it says."""

    def __init__(self, **said):
        self.said = said
        self.asked = []
        self.accounts = set()

    @property
    def app(self):
        return Starlette(
            routes=[Route("/v1/charges", self.listed), Route("/v1/balance", self.balance)]
        )

    def note(self, request):
        self.accounts.add(request.headers.get("stripe-account"))
        self.asked.append((time.monotonic(), request.query_params.get("payment_intent")))

    async def listed(self, request):
        self.note(request)
        charge = {"status": "succeeded", "amount": 2000, "amount_captured": 2000}
        charge |= {"amount_refunded": 0, "captured": True, "currency": "cad", "disputed": False}
        charge |= self.said.get(request.query_params["payment_intent"], {})
        return JSONResponse({"object": "list", "data": [charge], "has_more": False})

    async def balance(self, request):
        self.note(request)
        return JSONResponse({"available": [{"amount": 4000, "currency": "cad"}]})


@pytest.fixture
def stripe():
    return {
        "payments_provider": "stripe",
        "payments_token": SecretStr("sk_test_1"),
        "payments_calls_per_second": RATE,
    }


async def test_charges_are_read_once_each_at_the_connected_account_within_its_calls(studio, stripe):
    bookings = [studio.record("booking", f"b{n}", "yoga", ("CAD", 2000)) for n in range(8)]
    for n, record in enumerate(bookings):
        record["payments"][0]["payment_id"] = f"pi_{n}"
    await studio.load(studio.record("session", "yoga"), *bookings)
    async with studio.db.write() as conn:
        await stripe_accounts.put(conn, "studio", StripeAccount(ACCOUNT, None))
    charges = Charges(
        pi_2={"disputed": True}, pi_3={"captured": False}, pi_4={"amount_refunded": 1}
    )
    async with asking(studio, charges, **stripe):
        begun = time.monotonic()
        check = (await checked(studio))["check"]
    assert codes(check) == {
        "b2": PlanRisk.DISPUTED,
        "b3": PlanRisk.NOT_CAPTURED,
        "b4": PlanRisk.PART_REFUNDED,
    }
    assert check["balances"] == [
        {"currency": "CAD", "available_minor": 4000, "needed_minor": 16_000}
    ]
    assert sorted(str(one) for _, one in charges.asked) == ["None", *(f"pi_{n}" for n in range(8))]
    assert charges.accounts == {ACCOUNT}
    assert charges.asked[-1][0] - begun >= 8 / (RATE * 0.25), "nine calls, evenly spaced"
    [budget] = await studio.rows(call_rates.call_rates.metadata.tables["call_budgets"])
    assert ACCOUNT in budget


async def test_an_id_that_is_none_of_stripes_is_not_found_without_a_call(studio, stripe):
    await booked(studio, 2)
    charges = Charges()
    async with asking(studio, charges, **stripe):
        check = (await checked(studio))["check"]
    assert codes(check) == dict.fromkeys(("b0", "b1"), "not_found")
    assert [payment for _, payment in charges.asked] == [None], "the balance alone"
