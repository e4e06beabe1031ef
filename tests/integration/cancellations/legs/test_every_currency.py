"""In every currency plan, 202, final CSV, job and the upstreams' books say the same to the cent.

The oracle of what is owed are fractions of this module; of what moved, the sandbox's books.
"""

from collections import Counter
from fractions import Fraction

import pytest
from worlds.records import booking, session

from app.domain.money import CURRENCIES
from app.refunds.verify import verify

# ISO 4217, table A.1: decimals of a minor unit that are not 2.
PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS = dict.fromkeys(CURRENCIES, 2) | {
    currency: places for places, words in PLACES.items() for currency in words.split()
}
ALL = sorted(CURRENCIES)
NUMBER = {currency: number for number, currency in enumerate(ALL)}
REST = 5  # minor units that are left of a payment of which somebody gave back the others
FIXED = {currency: 3 + number % 11 for currency, number in NUMBER.items()}
KEEP = [{"currency": currency, "amount_minor": amount} for currency, amount in FIXED.items()]
BY_TERMS = {
    "by booking": {"percent": 12.5, "fixed": KEEP, "per": "booking"},
    "by line": {"percent": 33.33, "fixed": KEEP, "per": "line"},
    "a percentage alone": {"percent": 12.5},
    "nothing": {},
}
PLAIN = {"method": "payment", "leg": "1", "returned_as": "original", "status": "succeeded"}


def paid_in(currency):
    """What each booking of a currency was paid by, in minor units.

    Of `halves` an eighth lies between two minor units; of `two` it is spread.
    """
    number = NUMBER[currency]
    return {
        "halves": (100 + 8 * number + 4,),
        "two": (2001 + number, 998 - number),
        "large": (10**11 + 7 * number,),
        "little": (1,),
        "old": (3100 + number,),
        "part": (4100 + number,),
    }


def fee(amount, currency, keep):
    fixed = FIXED[currency] if "fixed" in keep else 0
    return min(amount, round(Fraction(str(keep.get("percent", 0))) * amount / 100) + fixed)


def kept_of(paid, currency, keep):
    """What is kept of each of one or two payments: the first bears the remainder."""
    if keep.get("per") == "line" or len(paid) == 1:
        return [fee(amount, currency, keep) for amount in paid]
    whole = fee(sum(paid), currency, keep)
    last = whole * paid[1] // sum(paid)
    return [whole - last, last]


def major(amount, currency):
    places = DECIMALS[currency]
    digits = f"{amount:0{places + 1}}"
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def lines_by(keep):
    """Each payment of the schedule with its currency, what was paid and what is owed of it."""
    lines = {}
    for currency in ALL:
        for name, paid in paid_in(currency).items():
            kept = kept_of(paid, currency, keep)
            for place, (amount, less) in enumerate(zip(paid, kept, strict=True), 1):
                lines[f"{name}-{currency}-payment-{place}"] = (currency, amount, amount - less)
    return lines


def by_currency(amounts):
    return {one["currency"]: one["amount_minor"] for one in amounts}


def summed(pairs):
    sums = Counter()
    for currency, amount in pairs:
        sums[currency] += amount
    return dict(+sums)


@pytest.fixture
async def world(studio):
    """A class with bookings in every currency; of some payments a refund is refused."""
    await studio.load(session("yoga"))
    await studio.load(
        *(
            booking(f"{name}-{currency}", "yoga", *((currency, amount) for amount in paid))
            for currency in ALL
            for name, paid in paid_in(currency).items()
        )
    )
    refused = {f"old-{currency}-payment-1": "refund_window_expired" for currency in ALL}
    for currency in ALL:
        await give_back_all_but_the_rest(studio, f"part-{currency}-payment-1", currency)
    faults = {"payments": {"refuse_ids": refused}}
    assert (await studio.upstream.put("/faults", json=faults)).status_code == 200
    return studio


async def give_back_all_but_the_rest(studio, payment_id, currency):
    [paid] = paid_in(currency)["part"]
    known = {"amount_minor": paid, "currency": currency}
    assert (await studio.upstream.put(f"/payments/{payment_id}", json=known)).is_success
    order = known | {"amount_minor": paid - REST, "payment_id": payment_id}
    answer = await studio.upstream.post(
        "/payments/refunds",
        json=order | {"reference": payment_id, "business_id": "studio"},
        headers={"Idempotency-Key": payment_id},
    )
    assert answer.status_code == 201, answer.text


async def moved(studio):
    """What was given back, as money and as value: by reference, each once."""
    books = (await studio.upstream.get("/books")).json()
    sections = {"original": books["payments"], "store_credit": books["credits"]["store_credits"]}
    assert [section["twice"] for section in sections.values()] == [{}, {}]
    return {
        one["reference"]: (form, one["subject"], one["currency"], one["amount"])
        for form, section in sections.items()
        for one in section["effects"]
        if one["status"] == "succeeded"
    }


@pytest.mark.parametrize("keep", BY_TERMS.values(), ids=BY_TERMS)
async def test_plan_csv_job_and_books_agree_in_every_currency(world, audit_from, keep):
    """Payments that can't go back as they came end as value, or as the rest that was left."""
    lines = lines_by(keep)
    owed = summed((currency, amount) for currency, _, amount in lines.values())
    kept = summed((currency, paid - amount) for currency, paid, amount in lines.values())
    terms = {"payments": {"keep": keep, "fallback": ["store_credit"], "part_refunded": "rest"}}
    plan = (await world.plan(terms=terms)).json()
    assert by_currency(plan["totals"]["amounts"]) == owed
    assert by_currency(plan["totals"]["kept_amounts"]) == kept

    pressed = await world.cancel(accept="text/csv", plan_digest=plan["digest"], terms=terms)
    accepted = audit_from(pressed.content)
    job_id = accepted[0]["job_id"]
    refunds_at_first = {line["refund_id"]: line for line in accepted if line["refund_id"]}
    await world.work(job_id)
    assert (await world.job(job_id))["status"] == "completed"
    refunds = {one["id"]: one for one in await world.refunds(job_id, limit=200)}
    final = (await world.audit(job_id)).by_refund()
    assert refunds_at_first.keys() <= refunds.keys()
    assert final.keys() == refunds.keys() | refunds_at_first.keys()

    effects = await moved(world)
    for currency in ALL:
        effects.pop(f"part-{currency}-payment-1")
    told = {}
    for refund_id, one in refunds.items():
        currency, paid, owes = lines[one["payment_id"]]
        is_first = one["leg"] == 1
        if is_first:
            assert_cells(refunds_at_first[refund_id], currency, paid=paid, amount=owes)
        is_part = one["payment_id"].startswith("part") and not is_first
        amount = REST if is_part else owes
        shown = paid if not is_first or one["status"] == "succeeded" else None
        assert_cells(final[refund_id], currency, paid=shown, amount=amount)
        if one["status"] == "succeeded":
            form = one["returned_as"]
            told[refund_id] = (
                form,
                one["payment_id"] if form == "original" else "kim",
                currency,
                amount,
            )
    assert effects == told
    assert {one["payment_id"] for one in refunds.values() if one["id"] in told} == {
        payment_id for payment_id, (_, _, amount) in lines.items() if amount
    }
    back = summed((currency, amount) for _, _, currency, amount in told.values())
    less = {currency: lines[f"part-{currency}-payment-1"][2] - REST for currency in ALL}
    assert back == {currency: owed[currency] - less[currency] for currency in ALL}
    sums = (await world.job(job_id))["refunds"]["succeeded"]
    assert by_currency(sums["amounts"]) == back
    assert await verify(world.db) == []


def assert_cells(line, currency, *, paid, amount):
    """Whether the line says so, in major units with the currency's decimals; `paid` None: not."""
    assert line["currency"] == currency
    assert line["amount"] == major(amount, currency), line
    if paid is not None:
        assert line["paid_amount"] == major(paid, currency), line
        assert line["kept_amount"] == major(paid - amount, currency), line
