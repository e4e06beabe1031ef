"""A client chooses by their link: in plain words, by the keyboard, on a phone, once."""

import asyncio
import re

import httpx
import pytest
import sqlalchemy as sa
from browser.records import booking, client, next_monday, session
from browser.test_access import PHONE, examine, tab_to, walk
from crash.processes import until
from playwright.sync_api import Page, expect
from postgresql_databases import in_a_thread

from app.db import tables as t
from app.db.core.dialect import now
from app.db.core.engine import Database

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
HOUR = "10:00"


def lines() -> list[bytes]:
    monday = next_monday()
    return [
        client("kim", "Kim Li"),
        session("yoga", monday, 15),
        session("spin", monday, 17),
        booking("b0", "yoga", ("CAD", 2005)),
        booking("b1", "spin", ("CAD", 1500), ("credits", 1)),
    ]


class Asked:
    """A cancellation whose client is asked, and their link."""

    def __init__(self, studio, **choice):
        terms = {"choice": {"within_hours": 48, "bonus_percent": 10} | choice}
        days = {"date_from": str(studio.monday), "date_to": str(studio.monday)}
        self.studio = studio
        accepted = studio.ask(
            "POST",
            "/bulk-cancellations",
            json=days | {"session_ids": "all", "terms": terms},
            headers={"Idempotency-Key": "k"},
        )
        assert accepted.status_code == 202, accepted.text
        self.job = f"/bulk-cancellations/{accepted.json()['id']}"
        until(self._rows)
        [row] = self._rows()
        self.link = studio.url + row["link"]

    def _rows(self) -> list[dict]:
        return self.studio.ask("GET", f"{self.job}/choices").json()["data"]

    def chosen(self) -> tuple[str, str | None]:
        [row] = self._rows()
        return row["status"], row["form"]

    def end_time(self) -> None:
        in_a_thread(_end_time(self.studio.town.database_url))


async def _end_time(url: str) -> None:
    db = Database(url)
    try:
        async with db.write() as conn:
            waits = t.refunds.c.choose_until.is_not(None)
            over = {"due_at": now(), "first_due_at": now(), "choose_until": now()}
            await conn.execute(sa.update(t.refunds).where(waits).values(over))
            await conn.execute(sa.update(t.jobs).values(due_at=now()))
        await asyncio.sleep(0)
    finally:
        await db.close()


@pytest.fixture
def asked(open_studio):
    return Asked(open_studio(lines()))


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


@on_sqlite
def test_a_client_chooses_by_the_keyboard_and_is_told_what_they_get(asked, contexts):
    page = contexts(bypass_csp=True).new_page()
    page.goto(asked.link)
    heading(page, "Choose how your money comes back")
    expect(page.get_by_role("list")).to_contain_text(re.compile(rf"Yoga.*{HOUR}.*Spin.*12:00"))
    expect(page.get_by_text("it comes back the way you paid by itself")).to_be_visible()
    money = page.get_by_role("region", name="The way you paid")
    value = page.get_by_role("region", name="Store credit")
    expect(money.locator(".sum")).to_have_text("CA$35.05")
    expect(value.locator(".sum")).to_have_text("CA$38.55")
    expect(value).to_contain_text("CA$35.05 that you paid, and CA$3.50 on top.")
    expect(page.locator("body")).not_to_contain_text("Kim")
    examine(page)
    assert walk(page) >= 2
    assert walk(page, PHONE) >= 2
    tab_to(page, page.get_by_role("button", name="Take CA$38.55 as store credit"))
    page.keyboard.press("Enter")
    heading(page, "It is chosen")
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("It is chosen")
    expect(page.get_by_text("You get CA$38.55 as store credit.")).to_be_visible()
    examine(page)
    assert asked.chosen() == ("chosen", "store_credit")
    page.reload()
    heading(page, "It is chosen")


@on_sqlite
def test_a_choice_that_another_tab_made_or_that_time_ended_is_shown_for_what_it_is(
    open_studio, contexts
):
    asked = Asked(open_studio(lines()), bonus_percent=0)
    window = contexts(bypass_csp=True)
    first, second, third = (window.new_page() for _ in range(3))
    for page in (first, second, third):
        page.goto(asked.link)
        heading(page, "Choose how your money comes back")
    expect(first.get_by_role("region", name="Store credit")).not_to_contain_text("on top")
    first.get_by_role("button", name="Return CA$35.05").click()
    heading(first, "It is chosen")
    second.get_by_role("button", name="as store credit").click()
    expect(second.get_by_text("You get CA$35.05 the way you paid.")).to_be_visible()
    assert asked.chosen() == ("chosen", "original")


@on_sqlite
def test_when_the_time_is_up_the_page_says_what_comes_back(asked, contexts):
    page = contexts(bypass_csp=True).new_page()
    page.goto(asked.link)
    heading(page, "Choose how your money comes back")
    asked.end_time()
    page.get_by_role("button", name="as store credit").click()
    heading(page, "The time to choose is over")
    expect(page.get_by_text("CA$35.05 comes back the way you paid")).to_be_visible()
    examine(page)
    assert asked.chosen() == ("over", "original")


@on_sqlite
def test_a_link_that_is_not_whole_says_so_and_a_lost_answer_is_asked_for_again(asked, contexts):
    page = contexts(bypass_csp=True).new_page()
    page.goto(asked.link[:-3])
    heading(page, "There is nothing to choose here")
    examine(page)
    page.goto(asked.link)
    lost = iter((True, False))

    def drop(route) -> None:
        if route.request.method == "POST" and next(lost):
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/choices/*", drop)
    page.get_by_role("button", name="Return CA$35.05").click()
    heading(page, "It is chosen")
    assert asked.chosen() == ("chosen", "original")


@on_sqlite
def test_clients_are_asked_by_terms_that_the_console_sets(open_studio, page):
    studio = open_studio(lines())
    page.goto(studio.signed_in("/terms"))
    page.get_by_label("Clients choose the form").select_option("yes")
    page.get_by_label("Within so many hours").fill("0")
    page.get_by_label("On top of store credit").fill("7.5")
    page.get_by_role("button", name="Save the terms").click()
    expect(page.get_by_label("Within so many hours")).to_be_focused()
    page.get_by_label("Within so many hours").fill("24")
    page.get_by_role("button", name="Save the terms").click()
    said = (
        "clients choose between the way it was paid and store credit with 7.5 % on top"
        " within 24 hours"
    )
    expect(page.locator("#main > p").nth(1)).to_contain_text(said)
    assert studio.ask("GET", "/terms").json()["choice"] == {
        "offer": ["original", "store_credit"],
        "default": "original",
        "within_hours": 24,
        "bonus_percent": 7.5,
    }
    page.get_by_label("Payments come back", exact=True).select_option("store_credit")
    page.get_by_role("button", name="Save the terms").click()
    expect(page.locator("#main > p").nth(1)).to_contain_text("store credit with 7.5 % on top and")
    assert studio.ask("GET", "/terms").json()["choice"]["default"] == "store_credit"


@on_sqlite
def test_the_job_page_says_how_many_have_chosen_and_until_when(asked, page):
    page.goto(asked.studio.signed_in(asked.job.replace("/bulk-cancellations/", "/jobs/")))
    words = page.locator("dt", has_text="Choices").locator("+ dd")
    expect(words).to_contain_text("0 of 1 client has chosen. They may until ")
    expect(words).to_contain_text("who has not by then gets money back the way it was paid")
    with httpx.Client(trust_env=False, verify=False) as http:
        address = asked.link.replace("/choose/", "/v1/choices/")
        assert http.post(address, json={"form": "store_credit"}).status_code == 200
    expect(words).to_have_text("1 of 1 client has chosen (1 store credit).")


@on_sqlite
def test_what_is_chosen_stands_in_one_column_under_its_title_however_wide_the_window_is(
    asked, contexts
):
    page = contexts(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(asked.link)
    title, time_left, offers = (
        place.bounding_box()
        for place in (
            page.get_by_role("heading", level=1),
            page.get_by_text("You can choose until"),
            page.locator(".offers"),
        )
    )
    assert title["x"] == time_left["x"] == offers["x"]
    assert title["y"] < time_left["y"] < offers["y"]


@on_sqlite
def test_the_sessions_to_choose_from_have_the_width_of_the_window(asked, contexts):
    page = contexts(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(asked.studio.signed_in(f"/bulk-cancel?{asked.studio.week}"))
    expect(page.locator(".plan")).to_be_visible()
    assert page.locator(".choosing").bounding_box()["width"] > 1100
