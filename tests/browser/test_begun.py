"""What has begun stands apart, and nobody cancels it by taking all."""

import datetime as dt

import pytest
from browser.pressing import plan_of, row
from browser.records import booking, client, session
from browser.steps import PRESS, sign_in
from playwright.sync_api import Page, expect

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NOW = dt.datetime.now(dt.UTC)
FIRST, LAST = (NOW.date() + dt.timedelta(days=days) for days in (-2, 3))
DAYS, RANGE = f"from={FIRST}&to={LAST}", f"date_from={FIRST}&date_to={LAST}"


def at(id_: str, hours: float) -> bytes:
    """A session of an hour that starts in so many hours."""
    times = {
        name: (NOW + dt.timedelta(hours=hours + more)).isoformat()
        for name, more in (("starts_at", 0), ("ends_at", 1))
    }
    return session(id_, NOW.date(), 0, **times)


def saturday() -> list[bytes]:
    """Two sessions that are over, one that is on, two to come; each is booked for 20.00."""
    hours = {"early": -30, "over": -2, "begun": -0.5, "soon": 24, "later": 25}
    sessions = [at(id_, start) for id_, start in hours.items()]
    bookings = [booking(f"b-{id_}", id_, ("CAD", 2000)) for id_ in hours]
    return [client("kim", "Kim Li"), *sessions, *bookings]


def apart(page: Page):
    return page.get_by_role("group").filter(has_text="Not part of “Select all”")


def ticked(page: Page) -> list[str]:
    return page.locator(".row input:checked").evaluate_all("all => all.map((one) => one.value)")


def test_select_all_takes_what_is_to_come_and_what_has_begun_is_ticked_one_by_one(
    open_studio, page
):
    studio = open_studio(saturday())
    sign_in(page, studio, f"/bulk-cancel?{DAYS}")
    expect(apart(page)).to_contain_text("3 sessions have begun or are over")
    expect(row(page, "over")).to_be_hidden()
    page.get_by_role("button", name="Select all", exact=True).click()
    expect(page.locator(".ticked-count")).to_have_text("2 of 5 sessions selected")
    expect(plan_of(page)).to_contain_text("Sessions2")
    expect(plan_of(page)).to_contain_text("CA$40.00")
    expect(plan_of(page).get_by_role("list", name="Warnings")).to_have_count(0)
    assert ticked(page) == ["soon", "later"]

    apart(page).get_by_text("3 sessions have begun").click()
    expect(row(page, "over")).to_contain_text("Over")
    expect(row(page, "begun")).to_contain_text("Has begun")
    expect(row(page, "soon")).not_to_contain_text("begun")
    expect(apart(page).get_by_role("button")).to_have_count(0)  # nothing there takes a whole day
    row(page, "early").get_by_role("checkbox").check()
    row(page, "begun").get_by_role("checkbox").click(modifiers=["Shift"])
    assert ticked(page) == ["early", "begun", "soon", "later"]  # and not what is between
    expect(page.locator(".ticked-count")).to_have_text(
        "4 of 5 sessions selected, 2 of them begun or over"
    )
    warnings = plan_of(page).get_by_role("list", name="Warnings").get_by_role("listitem")
    expect(warnings).to_have_count(2)
    expect(warnings.nth(0)).to_contain_text("1: Sessions that are over already")
    expect(warnings.nth(0)).to_contain_text("Early, ")
    expect(warnings.nth(1)).to_contain_text("1: Sessions that have begun.Begun, ")
    page.get_by_role("button", name="Select none").click()
    assert ticked(page) == []

    row(page, "over").get_by_role("checkbox").check()
    expect(page.get_by_role("button", name=PRESS)).to_be_enabled()
    page.get_by_role("button", name=PRESS).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 1 session").click()
    expect(page.get_by_role("heading", name="Progress")).to_be_visible()
    statuses = {
        one["id"]: one["status"] for one in studio.ask("GET", f"/sessions?{RANGE}").json()["data"]
    }
    assert [id_ for id_, status in statuses.items() if status == "cancelled"] == ["over"]


@on_sqlite
def test_days_that_are_over_are_open_to_see_and_nothing_of_them_can_be_taken_as_a_whole(
    open_studio, page
):
    studio = open_studio(saturday())
    day = NOW.date() - dt.timedelta(days=2)
    sign_in(page, studio, f"/bulk-cancel?from={day}&to={day + dt.timedelta(days=1)}")
    expect(row(page, "early")).to_be_visible()
    expect(page.get_by_role("button", name="Select all", exact=True)).to_be_disabled()


@on_sqlite
@pytest.mark.parametrize("days", [-400, 400])
def test_what_has_begun_is_told_by_the_service_s_clock_and_not_the_device_s(
    open_studio, contexts, days
):
    studio = open_studio(saturday())
    page = contexts().new_page()
    page.clock.set_fixed_time(NOW + dt.timedelta(days=days))
    sign_in(page, studio, f"/bulk-cancel?{DAYS}")
    expect(apart(page)).to_contain_text("3 sessions have begun or are over")
    page.get_by_role("button", name="Select all", exact=True).click()
    assert ticked(page) == ["soon", "later"]


@on_sqlite
def test_a_session_that_begins_while_the_page_is_open_goes_to_those_that_have(open_studio, page):
    begins = (dt.datetime.now(dt.UTC) - NOW).total_seconds() / 3600 + 15 / 3600
    studio = open_studio([at("next", begins), at("soon", 24), at("later", 25)])
    sign_in(page, studio, f"/bulk-cancel?{DAYS}")
    expect(row(page, "next")).to_contain_text("Has begun")
    page.get_by_role("button", name="Select all", exact=True).click()
    assert ticked(page) == ["soon", "later"]
