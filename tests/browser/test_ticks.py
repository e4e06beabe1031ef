"""What is ticked is found again by who comes back, taken by series, and summed up on a phone."""

import datetime as dt
import re

import pytest
from browser.pressing import plan_of, row
from browser.records import booking, client, next_monday, session
from browser.steps import PRESS, never_poll, sign_in
from browser.test_access import PHONE, examine, walk
from browser.test_begun import at, ticked
from playwright.sync_api import Page, expect

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
WEEKS = 3


def term() -> list[bytes]:
    """Three weeks with Yoga on Mondays, by Ana but for the second, and Spin by Bo and by Ana."""
    lines = [client("kim", "Kim Li")]
    for number in range(WEEKS):
        monday = next_monday() + dt.timedelta(weeks=number)
        spin = monday + dt.timedelta(days=1)
        by = "Bo" if number == 1 else "Ana"
        lines += [
            session(f"yoga{number}", monday, 15, name="Yoga", instructor=by, location="Hall"),
            session(f"late{number}", monday, 17, name="Yoga", instructor="Bo", location="Hall"),
            session(f"spin{number}", spin, 15, name="Spin", instructor="Ana", location="Pool"),
            booking(f"b-yoga{number}", f"yoga{number}", ("CAD", 2000)),
            booking(f"b-spin{number}", f"spin{number}", ("credits", 1)),
        ]
    return lines


def open_term(page: Page, studio) -> str:
    """The list of all three weeks; gives its address."""
    last = studio.monday + dt.timedelta(weeks=WEEKS, days=-1)
    address = f"/bulk-cancel?from={studio.monday}&to={last}"
    sign_in(page, studio, address)
    expect(page.locator(".row")).to_have_count(3 * WEEKS)
    return studio.url + address


def more(page: Page, words: str):
    return page.get_by_role("button", name=re.compile(rf"^\+ {re.escape(words)}"))


@on_sqlite
def test_a_series_and_all_of_an_instructor_are_taken_by_one_more_press_of_a_key(open_studio, page):
    open_term(page, open_studio(term()))
    row(page, "yoga0").get_by_role("checkbox").check()
    expect(more(page, "2 more of Yoga, Monday 10:00")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert ticked(page) == ["yoga0", "yoga1", "yoga2"]
    expect(row(page, "yoga0").get_by_role("checkbox")).to_be_focused()
    expect(plan_of(page)).to_contain_text("CA$60.00")
    expect(more(page, "")).to_have_count(0)

    row(page, "spin1").get_by_role("checkbox").check()
    more(page, "2 more with Ana").click()
    assert ticked(page) == ["yoga0", "spin0", "yoga1", "spin1", "yoga2", "spin2"]
    page.get_by_role("button", name="Select none").click()
    page.get_by_label("Location").select_option("Hall")  # what a filter hides is not taken
    row(page, "yoga0").get_by_role("checkbox").check()
    more(page, "1 more with Ana").click()
    assert ticked(page) == ["yoga0", "yoga2"]


@on_sqlite
def test_a_reload_and_back_find_what_was_ticked_and_a_link_finds_none(open_studio, page):
    studio = open_studio(term())
    address = open_term(page, studio)
    for one in ("yoga0", "spin2"):
        row(page, one).get_by_role("checkbox").check()
    page.reload()
    expect(page.locator(".ticked-count")).to_have_text("2 of 9 sessions selected")
    expect(plan_of(page)).to_contain_text("CA$20.00")
    page.get_by_role("link", name="Next week").click()
    expect(page.locator(".ticked-count")).to_have_text("0 of 6 sessions selected")
    page.get_by_role("link", name="Bulk cancellations").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bulk cancellations")
    page.go_back()
    page.go_back()
    expect(page.locator(".ticked-count")).to_have_text("2 of 9 sessions selected")
    assert ticked(page) == ["yoga0", "spin2"]
    # What was cancelled meanwhile is not ticked again.
    days = {"date_from": str(studio.monday), "date_to": str(studio.monday)}
    cancelled = studio.ask(
        "POST",
        "/bulk-cancellations",
        json=days | {"session_ids": ["yoga0"]},
        headers={"Idempotency-Key": "k"},
    )
    assert cancelled.status_code == 202, cancelled.text
    page.reload()
    expect(page.locator(".ticked-count")).to_have_text("1 of 8 sessions selected")
    page.goto(f"{studio.url}/jobs")
    page.goto(address)
    expect(page.locator(".ticked-count")).to_have_text("0 of 8 sessions selected")


@on_sqlite
def test_what_has_begun_since_it_was_ticked_is_not_ticked_by_a_reload(open_studio, page):
    studio = open_studio([at("over", -2), at("soon", 24), at("later", 25)])
    today = dt.datetime.now(dt.UTC).date()
    never_poll(page)
    sign_in(
        page,
        studio,
        f"/bulk-cancel?from={today - dt.timedelta(days=2)}&to={today + dt.timedelta(days=3)}",
    )
    page.get_by_role("button", name="Select all", exact=True).click()
    page.get_by_text("1 session has begun or is over").click()
    row(page, "over").get_by_role("checkbox").check()
    began = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    moved = {"name": "Soon", "timezone": "America/Toronto", "starts_at": began.isoformat()}
    moved |= {"ends_at": (began + dt.timedelta(hours=1)).isoformat()}
    assert studio.ask("PUT", "/sessions/soon", json=moved).status_code == 200
    page.reload()
    expect(row(page, "soon")).to_contain_text("Has begun")
    assert ticked(page) == ["over", "later"]  # the first was ticked when it was over already


@on_sqlite
def test_filters_in_a_row_narrow_by_status_too_and_are_cleared_at_once(open_studio, page):
    studio = open_studio([at("over", -2), at("soon", 24), at("gone", 25)])
    today = dt.datetime.now(dt.UTC).date()
    days = (today - dt.timedelta(days=2), today + dt.timedelta(days=3))
    body = {"date_from": str(days[0]), "date_to": str(days[1]), "session_ids": ["gone"]}
    studio.ask("POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": "k"})
    sign_in(page, studio, f"/bulk-cancel?from={days[0]}&to={days[1]}")
    expect(page.locator(".row.taken")).to_have_count(1)
    shown = page.locator(".row:visible")
    for status, session_id in (("To come", "soon"), ("Cancelled", "gone")):
        page.get_by_label("Status").select_option(status)
        expect(shown).to_have_count(1)
        expect(shown).to_have_attribute("data-session", session_id)
    page.get_by_label("Status").select_option("Begun or over")
    page.get_by_text("1 session has begun or is over").click()
    expect(shown).to_have_attribute("data-session", "over")
    page.get_by_label("Search").fill("nobody")
    expect(page.get_by_text("No session passes these filters.")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(shown).to_have_count(3)
    expect(page.get_by_role("button", name="Clear filters")).to_be_hidden()


@on_sqlite
def test_a_phone_has_what_is_selected_at_its_foot_and_nothing_is_under_it(open_studio, contexts):
    studio = open_studio(term())
    page = contexts(bypass_csp=True, viewport=PHONE).new_page()
    open_term(page, studio)
    bar = page.locator(".chosen-bar")
    expect(bar).to_be_hidden()
    for one in ("yoga0", "spin0"):
        row(page, one).get_by_role("checkbox").check()
    expect(bar).to_contain_text("2 selected · CA$20.00 + 1 credit")
    expect(bar).to_be_in_viewport(ratio=1)
    # The last of the list is above it once the list has been gone through.
    row(page, "spin2").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('.sessions').scrollIntoView({ block: 'end' })")
    assert (
        page.evaluate(
            """() => {
          const box = document.querySelector("[data-session=spin2]").getBoundingClientRect();
          const found = document.elementFromPoint(box.left + 60, box.bottom - 4);
          return found.closest("[data-session]")?.dataset.session;
        }"""
        )
        == "spin2"
    )
    walk(page, PHONE)
    bar.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="What this will do")).to_be_focused()
    expect(page.get_by_role("heading", name="What this will do")).to_be_in_viewport()
    expect(page.get_by_role("button", name=PRESS)).to_be_enabled()
    expect(bar.get_by_role("button")).not_to_be_in_viewport()
    examine(page)
