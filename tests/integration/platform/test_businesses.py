"""Businesses, as who stands above them makes and changes them."""

import pytest
from worlds.problems import problem, refused_at

from app.auth.platform import businesses

HARBOUR = {
    "id": "harbour",
    "name": "Harbour Yoga",
    "timezone": "America/Toronto",
    "currency": "CAD",
}


async def test_a_business_is_made_once_and_shown(operator):
    made = await operator.ask("POST", **HARBOUR)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/v1/platform/businesses/harbour"
    assert {name: made.json()[name] for name in HARBOUR} == HARBOUR
    assert made.json()["suspension"] is None
    assert (await operator.ask("GET", "/harbour")).json() == made.json()
    problem(await operator.ask("POST", **HARBOUR), 409, "business-exists")


async def test_businesses_are_listed_page_by_page_in_the_order_of_their_ids(operator):
    ids = ["a", "b-1", "b.2", "c", "zoo"]
    for id_ in reversed(ids):
        await operator.ask("POST", **HARBOUR | {"id": id_})
    seen, query = [], "?limit=2"
    while query:
        page = (await operator.ask("GET", query)).json()
        seen += [one["id"] for one in page["data"]]
        query = page["next_cursor"] and f"?limit=2&cursor={page['next_cursor']}"
    assert sorted(seen) == sorted(ids)
    assert seen == [one.id for one in await businesses.page(operator.db)]
    refused_at(await operator.ask("GET", "?cursor=x"), 422, "?cursor", "x")


@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("id", "a b"),
        ("id", ""),
        ("name", ""),
        ("name", " \u200b"),
        ("name", "x" * 201),
        ("name", "a\nb"),
        ("timezone", "Mars/Base"),
        ("timezone", "localtime"),
        ("currency", "cad"),
        ("currency", "XAU"),
        ("owner", "ada"),
    ],
)
async def test_what_a_business_can_not_be_is_refused_by_its_field(operator, member, wrong):
    body = HARBOUR | {member: wrong}
    refused_at(await operator.ask("POST", **body), 422, f"/{member}", body)
    if member != "id":
        await operator.ask("POST", **HARBOUR)
        before = (await operator.ask("GET", "/harbour")).json()
        refused_at(await operator.ask("PATCH", "/harbour", **{member: wrong}), 422, f"/{member}", 0)
        assert (await operator.ask("GET", "/harbour")).json() == before


async def test_what_is_left_out_of_a_change_stays(operator, desk):
    before = (await operator.ask("GET", "/harbour")).json()
    changed = await operator.set("harbour", name="Harbour", currency="USD")
    assert changed == before | {"name": "Harbour", "currency": "USD"}
    assert await operator.set("harbour", timezone="Europe/Lisbon") == changed | {
        "timezone": "Europe/Lisbon"
    }
    shown = (await desk.get("/v1/business")).json()
    assert (shown["name"], shown["currency"], shown["timezone"]) == (
        *("Harbour", "USD"),
        "Europe/Lisbon",
    )
    refused_at(await operator.ask("PATCH", "/harbour", name=None), 422, "/name", None)
    problem(await operator.ask("PATCH", "/nobody", name="x"), 404, "not-found")


async def test_a_suspension_says_why_and_since_when_until_it_is_lifted(operator, desk):
    first = (await operator.set("harbour", suspension={"reason": "unpaid"}))["suspension"]
    again = (await operator.set("harbour", suspension={"reason": "unpaid since May"}))["suspension"]
    assert again == first | {"reason": "unpaid since May"}
    told = problem(await desk.get("/v1/business"), 403, "business-suspended")
    assert told["detail"] == "Its operator has suspended this business: unpaid since May"
    assert (await operator.set("harbour", suspension=None))["suspension"] is None
    assert (await desk.get("/v1/business")).status_code == 200
    for wrong in ({"reason": ""}, {"reason": " "}, {"reason": "x" * 501}):
        answer = await operator.ask("PATCH", "/harbour", suspension=wrong)
        refused_at(answer, 422, "/suspension/reason", wrong)


async def test_nobody_reads_the_schedule_of_a_suspended_business_nor_why(operator, desk):
    paths = [f"/v1/public/harbour/schedule{end}" for end in ("", ".ics")]
    for path in paths:
        assert (await operator.http.get(path)).status_code == 200
    await operator.set("harbour", suspension={"reason": "unpaid"})
    for path in paths:
        told = problem(await operator.http.get(path), 403, "business-suspended")
        assert "unpaid" not in told["detail"]
    await operator.set("harbour", suspension=None)
    for path in paths:
        assert (await operator.http.get(path)).status_code == 200
