"""Terms that ask clients: what they may say, alone and over the business's own."""

import pytest
from worlds.problems import refused_at

WHOLE = {
    "offer": ["original", "store_credit"],
    "default": "original",
    "within_hours": 72,
    "bonus_percent": 0,
}
AS_VALUE = {"payments": {"return_as": "store_credit"}}


async def put(studio, document):
    return await studio.http.put("/v1/terms", json=document)


async def planned(studio, terms):
    answer = await studio.plan(terms=terms)
    assert answer.status_code == 200, answer.text
    return answer.json()["terms"]["choice"]


async def test_nobody_is_asked_unless_terms_say_so(asked):
    studio = asked.studio
    assert (await studio.get("/terms"))["choice"] is None
    assert (await put(studio, {})).json()["choice"] is None
    assert await planned(studio, {"choice": {}}) == WHOLE
    assert await planned(studio, None) is None


async def test_a_request_replaces_the_members_of_the_choice_that_it_names(asked):
    studio = asked.studio
    assert (await put(studio, {"choice": {"within_hours": 5, "bonus_percent": 12.25}})).json()[
        "choice"
    ] == WHOLE | {"within_hours": 5, "bonus_percent": 12.25}
    assert await planned(studio, {"choice": {"within_hours": 7}}) == WHOLE | {
        "within_hours": 7,
        "bonus_percent": 12.25,
    }
    assert await planned(studio, {"choice": None}) is None
    assert await planned(studio, {"payments": {"return_as": "nothing"}}) is not None


@pytest.mark.parametrize(
    ("choice", "pointer"),
    [
        ({"offer": ["original"]}, "/choice/offer"),
        ({"offer": ["original", "original"]}, "/choice/offer"),
        ({"offer": ["original", "store_credit", "original"]}, "/choice/offer"),
        ({"offer": ["original", "void"]}, "/choice/offer/1"),
        ({"default": "void"}, "/choice/default"),
        ({"default": "store_credit"}, "/choice/default"),
        ({"within_hours": 0}, "/choice/within_hours"),
        ({"within_hours": 721}, "/choice/within_hours"),
        ({"within_hours": 1.5}, "/choice/within_hours"),
        ({"bonus_percent": 100.01}, "/choice/bonus_percent"),
        ({"bonus_percent": -1}, "/choice/bonus_percent"),
        ({"bonus_percent": 1.234}, "/choice/bonus_percent"),
        ({"colour": "red"}, "/choice/colour"),
        ([], "/choice"),
    ],
)
async def test_what_a_choice_can_t_be_is_refused_by_its_name(asked, choice, pointer):
    studio = asked.studio
    before = await studio.everything()
    refused_at(await put(studio, {"choice": choice}), 422, pointer, choice)
    refused_at(await studio.plan(terms={"choice": choice}), 422, f"/terms{pointer}", choice)
    refused_at(await studio.cancel(terms={"choice": choice}), 422, f"/terms{pointer}", choice)
    assert await studio.everything() == before


async def test_who_does_nothing_gets_money_unless_the_terms_return_value(asked):
    studio = asked.studio
    assert (await put(studio, AS_VALUE | {"choice": {"default": "store_credit"}})).is_success
    refused_at(await put(studio, AS_VALUE | {"choice": {}}), 422, "/choice/default", None)
    money = {"payments": {"return_as": "original"}}
    refused = await studio.plan(terms=money)
    refused_at(refused, 422, "/terms/payments/return_as", money)
    assert (await planned(studio, money | {"choice": {"default": "original"}}))["default"] == (
        "original"
    )


async def test_a_plan_that_asked_nobody_is_no_plan_of_one_that_does(asked):
    studio = asked.studio
    digest = (await studio.plan(terms={})).json()["digest"]
    answer = await studio.cancel(terms={"choice": {}}, plan_digest=digest)
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/plan-changed"
    plan = (await studio.plan(terms={"choice": {}})).json()
    assert (await studio.cancel(terms={"choice": {}}, plan_digest=plan["digest"])).is_success
