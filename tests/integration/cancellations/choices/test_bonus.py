"""Store credit that clients choose, with what is on top, as the credits service books it."""

from fractions import Fraction

from worlds.records import booking, client, session

from app.domain.money import CURRENCIES

PERCENT = "12.5"
# An eighth of these lies between two minor units, now above an even one and now above an odd one.
PAID = {currency: 100 + 8 * number + 4 for number, currency in enumerate(sorted(CURRENCIES))}
MORE = 1003  # of each currency in a second booking
DECLINED = "client_not_found"


def bonus(amount):
    return round(Fraction(PERCENT) * amount / 100)


async def press(asked, **members):
    """Two clients, each with two bookings in every currency; both are asked."""
    await asked.studio.load(client("lee"), session("yoga"))
    await asked.studio.load(
        *(
            booking(f"{whose}-{name}-{currency}", "yoga", (currency, amount), client_id=whose)
            for whose in ("kim", "lee")
            for currency in PAID
            for name, amount in (("first", PAID[currency]), ("more", MORE))
        )
    )
    terms = {"choice": {"within_hours": 48, "bonus_percent": float(PERCENT)}} | members
    await asked.cancel("yoga", terms=terms)


async def given(asked):
    """What the services gave, by form: each reference with whose or what, currency and amount."""
    books = (await asked.studio.upstream.get("/books")).json()
    sections = {"original": books["payments"], "store_credit": books["credits"]["store_credits"]}
    assert [section["twice"] for section in sections.values()] == [{}, {}]
    return {
        form: {
            one["reference"]: (one["client"] or one["subject"], one["currency"], one["amount"])
            for one in section["effects"]
        }
        for form, section in sections.items()
    }


def wanted(whose, *, on_top):
    """What a client gets of each booking, in order, with the bonus or without."""
    return sorted(
        (whose, currency, amount + (bonus(amount) if on_top else 0))
        for currency, first in PAID.items()
        for amount in (first, MORE)
    )


async def test_who_chooses_store_credit_has_the_bonus_in_the_books_in_every_currency(
    world_of_choices,
):
    asked = world_of_choices
    await press(asked)
    shown = (await asked.read()).json()
    [value] = [one for one in shown["offer"] if one["form"] == "store_credit"]
    promised = {one["currency"]: one["amount_minor"] for one in value["bonus"]}
    assert promised == {currency: bonus(amount) + bonus(MORE) for currency, amount in PAID.items()}
    assert (await asked.choose("store_credit")).status_code == 200
    assert (await asked.choose("original", "lee")).status_code == 200
    await asked.studio.work(asked.job_id)
    made = await given(asked)
    assert sorted(made["store_credit"].values()) == wanted("kim", on_top=True)
    refunds = {one["id"]: one for one in await asked.studio.refunds(asked.job_id, limit=200)}
    assert made["original"].keys() | made["store_credit"].keys() == refunds.keys()
    money = [(refunds[id_]["currency"], refunds[id_]["amount_minor"]) for id_ in made["original"]]
    assert sorted(("lee", *one) for one in money) == wanted("lee", on_top=False)
    assert {amount for *_, amount in made["original"].values()} <= {*PAID.values(), MORE}
    for id_, (_, currency, amount) in made["store_credit"].items():
        one = refunds[id_]
        assert (currency, amount) == (one["currency"], one["amount_minor"] + one["bonus_minor"])
    job = await asked.studio.job(asked.job_id)
    assert job["status"] == "completed"
    sums = {one["currency"]: one["amount_minor"] for one in job["refunds"]["succeeded"]["amounts"]}
    assert sums == {currency: 2 * (amount + MORE) for currency, amount in PAID.items()}
    assert await asked.broken() == []


async def test_money_that_follows_refused_store_credit_has_nothing_on_top(world_of_choices):
    asked = world_of_choices
    answer = await asked.studio.upstream.put(
        "/faults", json={"credits": {"refuse_ids": {"kim": DECLINED}}}
    )
    assert answer.status_code == 200, answer.text
    await press(asked, payments={"fallback": ["original"]})
    assert (await asked.choose("store_credit")).status_code == 200
    assert (await asked.choose("store_credit", "lee")).status_code == 200
    await asked.studio.work(asked.job_id)
    made = await given(asked)
    assert sorted(made["store_credit"].values()) == wanted("lee", on_top=True)
    refunds = {one["id"]: one for one in await asked.studio.refunds(asked.job_id, limit=200)}
    assert {refunds[id_]["client_id"] for id_ in made["original"]} == {"kim"}
    money = [("kim", *one[1:]) for one in made["original"].values()]
    assert sorted(money) == wanted("kim", on_top=False)
    assert (await asked.studio.job(asked.job_id))["status"] == "completed"
    assert await asked.broken() == []
