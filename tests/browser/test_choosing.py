"""Choosing and pressing as people do.

A reason of several lines, days in any order, a week without sessions.
"""

import datetime as dt
import re

import pytest
from browser.records import booking, client, next_monday, session
from browser.steps import ACCEPTED, PRESS, sign_in
from crash.processes import until
from playwright.sync_api import Page, Route, expect

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
PATTERN = re.compile(r"pattern|\^|\[\^|\\x")  # what no page shows of how the service checks


def week(*weeks: int) -> list[bytes]:
    """A session on the Monday of each of these weeks, counted from the next."""
    mondays = [next_monday() + dt.timedelta(weeks=number) for number in weeks]
    sessions = [session(f"s{number}", monday, 15) for number, monday in enumerate(mondays)]
    return [client("kim", "Kim Li"), *sessions, booking("b0", "s0", ("CAD", 2000))]


def plan_of(page: Page):
    return page.get_by_role("region", name="What this will do")


def choose(page: Page, studio) -> None:
    """Sign in, tick the one session of the next week and wait for its plan."""
    sign_in(page, studio, f"/bulk-cancel?{studio.week}")
    page.locator(".row input").check()
    expect(page.get_by_role("button", name=PRESS)).to_be_enabled()


def press(page: Page) -> None:
    page.get_by_role("button", name=PRESS).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 1 session").click()


def test_a_reason_of_several_lines_is_taken_and_told_on_one(open_studio, page):
    studio = open_studio(week(0))
    choose(page, studio)
    page.get_by_label("Reason").fill("Snow day.\nThe roads are closed.\n\n\tStay home!\n")
    press(page)
    expect(page.get_by_text(ACCEPTED)).to_be_visible()
    expect(
        page.get_by_text("Snow day. The roads are closed. Stay home!", exact=True)
    ).to_be_visible()
    [job] = studio.ask("GET", "/bulk-cancellations").json()["data"]
    assert job["reason"] == "Snow day. The roads are closed. Stay home!"


@on_sqlite
def test_a_field_that_is_refused_is_named_in_words_and_the_plan_stays_until_it_is_mended(
    open_studio, page
):
    studio = open_studio(week(0))
    choose(page, studio)
    reason, button = page.get_by_label("Reason"), page.get_by_role("button", name=PRESS)
    reason.fill("Snow \x07day")
    press(page)
    trouble = plan_of(page).get_by_role("alert").first
    expect(trouble).to_contain_text("Reason: ")
    expect(page.get_by_text("control characters")).to_have_count(1)  # said once
    expect(reason).to_have_attribute("aria-invalid", "true")
    expect(button).to_be_enabled()
    expect(plan_of(page)).to_contain_text("CA$20.00")
    assert not PATTERN.search(page.locator("main").inner_text())
    # A plan that is asked for with it is refused too: what was shown stays, and it can't be
    # pressed.
    page.get_by_role("button", name="Select none").click()
    page.locator(".row input").check()
    expect(trouble).to_contain_text("Reason: ")
    expect(button).to_be_disabled()
    reason.fill("Snow day")
    expect(button).to_be_enabled()
    expect(trouble).to_be_empty()
    expect(reason).not_to_have_attribute("aria-invalid", "true")
    expect(plan_of(page)).to_contain_text("CA$20.00")
    press(page)
    expect(page.get_by_text(ACCEPTED)).to_be_visible()
    [job] = studio.ask("GET", "/bulk-cancellations").json()["data"]
    assert job["reason"] == "Snow day"


@on_sqlite
def test_a_week_without_sessions_says_so_and_where_to_go_on(open_studio, page):
    studio = open_studio(week(0, 2))
    between = studio.monday + dt.timedelta(weeks=1)
    sign_in(page, studio, f"/bulk-cancel?from={between}&to={between + dt.timedelta(days=6)}")
    expect(page.get_by_text("No session is on these days.")).to_be_visible()
    expect(page.get_by_role("link", name="how to import a schedule")).to_be_visible()
    page.get_by_role("link", name="Days after").click()
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator(".row")).to_have_attribute("data-session", "s1")
    page.go_back()
    page.get_by_role("link", name="Days before").click()
    expect(page.locator(".row")).to_have_attribute("data-session", "s0")
    page.goto(f"{studio.url}/?from={between}")
    expect(page.get_by_text("No session is on this week.")).to_be_visible()
    expect(page.get_by_role("link", name="how to import a schedule")).to_be_visible()
    page.get_by_role("link", name="Next week").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_text("No session is on this week.")).to_have_count(0)


@on_sqlite
def test_a_date_that_passes_the_other_takes_it_along_and_no_list_of_other_days_stays(
    open_studio, page
):
    studio = open_studio(week(0, 2))
    choose(page, studio)
    first, last = page.get_by_label("From", exact=True), page.get_by_label("To", exact=True)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/v1/sessions\?"), hold, times=1)
    later = studio.monday + dt.timedelta(weeks=2)
    first.fill(str(later))
    expect(last).to_have_value(str(later + dt.timedelta(days=6)))
    expect(page.locator(".row")).to_be_hidden()  # though the answer is still to come
    expect(page.get_by_text("of 1 session selected")).to_be_hidden()
    expect(page.get_by_role("button", name=PRESS)).to_be_disabled()
    expect(plan_of(page)).to_contain_text("Select sessions")
    [route] = held
    route.continue_()
    expect(page.locator(".row")).to_have_attribute("data-session", "s1")
    expect(page.locator(".row")).to_be_visible()
    expect(page.get_by_text("0 of 1 session selected")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text=re.compile("date"))).to_have_count(0)

    last.fill(str(studio.monday + dt.timedelta(days=2)))
    expect(first).to_have_value(str(studio.monday - dt.timedelta(days=4)))
    expect(page.locator(".row")).to_have_attribute("data-session", "s0")
    # What is typed is another date at each key: the other end is where it was before, once it can
    # be.
    last.fill(str(studio.monday - dt.timedelta(days=200)))
    expect(first).to_have_value(str(studio.monday - dt.timedelta(days=206)))
    last.fill(str(later + dt.timedelta(days=2)))
    expect(first).to_have_value(str(later))
    expect(page.locator(".row")).to_have_attribute("data-session", "s1")


@on_sqlite
def test_nothing_can_be_selected_before_the_sessions_of_the_days_are_there(open_studio, page):
    studio = open_studio(week(0, 1))
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/v1/sessions\?"), hold)
    buttons = [
        page.get_by_role("button", name=name, exact=True) for name in ("Select all", "Select none")
    ]
    sign_in(page, studio, f"/bulk-cancel?{studio.week}")
    for days in (7, 14):  # those that the page begins with, and others that a person asks for
        expect(page.get_by_text("Loading the sessions…")).to_be_visible()
        for button in buttons:
            expect(button).to_be_disabled()
        until(lambda: page.wait_for_timeout(10) or held)
        held.pop().continue_()
        for button in buttons:
            expect(button).to_be_enabled()
        buttons[0].click()
        expect(plan_of(page)).to_contain_text(f"Sessions{days // 7}")
        page.get_by_label("To", exact=True).fill(str(studio.monday + dt.timedelta(days=13)))


@on_sqlite
def test_days_that_are_refused_are_named_as_the_page_names_them(open_studio, page):
    studio = open_studio(week(0))
    choose(page, studio)
    page.get_by_label("To", exact=True).fill(str(studio.monday + dt.timedelta(days=800)))
    trouble = page.locator("#trouble")
    expect(trouble).to_contain_text("To: ")
    expect(page.locator(".row")).to_be_hidden()
    assert "date_to" not in page.locator("main").inner_text()
    page.get_by_label("To", exact=True).fill(str(studio.monday))
    expect(page.locator(".row")).to_be_visible()
    expect(trouble).to_be_empty()


@on_sqlite
def test_a_session_that_was_moved_after_the_plan_is_named_and_not_cancelled(open_studio, page):
    studio = open_studio(week(0))
    choose(page, studio)
    page.get_by_role("button", name=PRESS).click()
    moved = {"name": "S0", "timezone": "America/Toronto"}
    moved |= {
        name: f"{studio.monday + dt.timedelta(days=5)}T{at}:00Z"
        for name, at in (("starts_at", "15:00"), ("ends_at", "16:00"))
    }
    assert studio.ask("PUT", "/sessions/s0", json=moved).status_code == 200
    page.get_by_role("dialog").get_by_role("button", name="Cancel 1 session").click()
    trouble = page.locator("#trouble")
    expect(trouble).to_contain_text(
        "The schedule has changed since the plan, so nothing was cancelled."
    )
    expect(trouble).to_contain_text("but not as the plan saw it")
    expect(trouble.get_by_role("listitem")).to_have_text("S0 has moved.")
    assert studio.ask("GET", "/bulk-cancellations").json()["data"] == []
    assert studio.ask("GET", "/sessions/s0").json()["status"] == "scheduled"
