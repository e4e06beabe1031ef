"""A client's own page: what came back, when, and under which reference; on a phone, too."""

import re

import pytest
from browser.records import booking, client, next_monday, session
from browser.test_access import PHONE, examine, walk
from crash.processes import until
from playwright.sync_api import Page, expect

from app.domain.messages.facts import ToldState

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def lines() -> list[bytes]:
    monday = next_monday()
    return [
        client("kim", "Kim Li"),
        client("lee", "Lee Ito"),
        session("yoga", monday, 15),
        session("spin", monday, 17),
        booking("b0", "yoga", ("CAD", 2005)),
        booking("b1", "spin", ("CAD", 1500), ("credits", 1)),
        booking("theirs", "spin", ("CAD", 7700), client_id="lee"),
    ]


def press(studio, **members) -> str:
    days = {"date_from": str(studio.monday), "date_to": str(studio.monday)}
    accepted = studio.ask(
        "POST",
        "/bulk-cancellations",
        json=days | {"session_ids": "all", "reason": "Snow day"} | members,
        headers={"Idempotency-Key": "k"},
    )
    assert accepted.status_code == 202, accepted.text
    return f"/bulk-cancellations/{accepted.json()['id']}"


def link_of(studio, job: str, client_id: str = "kim") -> str:
    def rows() -> dict[str, str]:
        data = studio.ask("GET", f"{job}/client-links").json()["data"]
        return {one["client_id"]: studio.url + one["link"] for one in data}

    return until(rows)[client_id]


def badges(page: Page) -> list[str]:
    return page.locator(".lines .badge").all_inner_texts()


def test_a_client_sees_what_is_back_what_is_on_its_way_and_what_the_studio_looks_after(
    open_studio, contexts
):
    studio = open_studio(lines())
    studio.town.faults_of(
        payments={"refuse_ids": {"payment-b1": "payment_disputed"}, "pending": 1.0}, credits={}
    )
    job = press(studio)
    link = link_of(studio, job)
    page = contexts(bypass_csp=True).new_page()
    page.clock.install()

    def refunds() -> dict[str, str]:
        data = studio.ask("GET", f"{job}/refunds?client_id=kim").json()["data"]
        return {f"{one['booking_id']} {one['method']}": one["status"] for one in data}

    until(lambda: {"rejected", "succeeded"} <= set(refunds().values()))
    page.goto(link)
    expect(page.locator(".panel.own")).to_have_count(2)
    until(lambda: refunds()["b0 payment"] == "succeeded")
    page.clock.fast_forward(15_000)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Some of it could not be returned by itself"
    )
    assert sorted(badges(page)) == ["Returned", "Returned", "We look after it"]
    expect(page.locator("main")).to_contain_text("CA$20.05 came back the way you paid")
    made = {one["id"] for one in studio.town.books()["payments"]["effects"]}
    shown = set(page.locator("code").all_inner_texts())
    assert made & shown
    for other in ("7700", "77.00", "Lee", "Kim"):
        expect(page.locator("body")).not_to_contain_text(other)
    examine(page)
    walk(page, PHONE)


@on_sqlite
def test_one_link_shows_what_came_back_and_lets_its_client_choose(open_studio, contexts):
    studio = open_studio(lines())
    link = link_of(studio, press(studio, terms={"choice": {"within_hours": 48}}))
    page = contexts(bypass_csp=True).new_page()
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "You can choose how your money comes back"
    )
    examine(page)
    page.get_by_role("link", name="Choose how it comes back").click()
    page.get_by_role("button", name=re.compile("store credit")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("It is chosen")
    page.get_by_role("link", name="See all that comes back to you").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Everything is back")
    expect(page.locator("main")).to_contain_text("as store credit")
    expect(page.get_by_role("link", name="Choose")).to_have_count(0)
    examine(page)


@on_sqlite
def test_a_link_that_is_not_whole_says_so_and_every_state_has_words(open_studio, contexts):
    studio = open_studio(lines())
    page = contexts(bypass_csp=True).new_page()
    page.goto(f"{studio.url}/yours/x.y")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    examine(page)
    line = {"method": "payment", "form": "original", "credits": 0, "kept_credits": 0}
    line |= {"amount": {"currency": "CAD", "amount_minor": 5}, "at": None, "bonus": None}
    line |= {"kept_amount": None, "choose_until": None, "expires_after": None}
    words = page.evaluate(
        """([states, line]) => import("/console/yours_words.js").then(({ lineWords }) =>
          states.map((state) => lineWords({ ...line, state }, "S", String).sentence))""",
        [list(ToldState), line],
    )
    assert all(words)
    assert len(set(words)) == len(ToldState)
