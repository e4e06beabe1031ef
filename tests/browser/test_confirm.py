"""Check, confirm, undo: people and money in words, all warnings again, ten minutes to undo."""

import re

import pytest
from browser.pressing import choose, jobs, on_job_page, plan_of, press, returned, row, status
from browser.steps import PRESS, never_poll, sign_in
from browser.test_access import examine
from browser.test_begun import DAYS, saturday
from crash.processes import until
from playwright.sync_api import Page, expect

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def undo_strip(page: Page):
    return page.get_by_role("complementary", name="Undo")


@on_sqlite
def test_a_plan_is_a_sentence_of_people_and_money_and_each_session_says_what_goes_back_and_is_kept(
    small_studio, contexts
):
    studio = small_studio
    terms = {"payments": {"keep": {"percent": 10}}}
    assert studio.ask("PUT", "/terms", json=terms).status_code == 200
    page = contexts(bypass_csp=True).new_page()
    choose(page, studio, "s1", "s2")
    expect(plan_of(page)).to_contain_text(
        "This cancels 2 sessions with 3 people booked and gives back CA$54.00 + 4 credits."
        " It keeps CA$6.00."
    )
    page.get_by_text("Session by session").click()
    lines = plan_of(page).locator(".by-session").get_by_role("listitem")
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text(
        "3 bookings · Back: CA$27.00 + 2 credits · kept: CA$3.00 (fee)"
    )
    examine(page)


@on_sqlite
def test_the_last_question_repeats_warnings_reason_and_sessions_and_alone_has_the_colour_of_danger(
    open_studio, contexts
):
    studio = open_studio(saturday())
    page = contexts(bypass_csp=True).new_page()
    sign_in(page, studio, f"/bulk-cancel?{DAYS}")
    page.get_by_role("button", name="Select all", exact=True).click()
    page.get_by_text("3 sessions have begun").click()
    row(page, "over").get_by_role("checkbox").check()
    reason = page.get_by_label("Reason")
    page.get_by_role("button", name="Bad weather").click()
    expect(reason).to_have_value("Bad weather")
    expect(reason).to_be_focused()
    reason.press_sequentially(" in town")
    expect(plan_of(page)).to_contain_text("gives back CA$60.00")
    expect(page.locator("button.danger")).to_have_count(0)
    page.get_by_role("button", name=PRESS).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This cancels 3 sessions with 1 person booked")
    warnings = dialog.get_by_role("list", name="Warnings").get_by_role("listitem")
    expect(warnings).to_contain_text("1: Sessions that are over already")
    expect(warnings).to_contain_text("Over, ")
    expect(dialog).to_contain_text("Reason, told to clients: Bad weather in town")
    named = dialog.get_by_role("list", name="Sessions").get_by_role("listitem")
    expect(named).to_have_text(
        [re.compile("^Over, "), re.compile("^Soon, "), re.compile("^Later, ")]
    )
    danger = page.locator("button.danger")
    expect(danger).to_have_text("Cancel 3 sessions")
    expect(danger).to_be_in_viewport(ratio=1)
    others = page.locator("button:not(.danger)")
    colour = "(one) => getComputedStyle(one).backgroundColor"
    assert danger.evaluate(colour) not in {one.evaluate(colour) for one in others.all()}
    examine(page)
    page.get_by_role("button", name="Keep them").click()
    expect(page.locator("button.danger")).to_have_count(0)


def test_for_ten_minutes_a_press_can_be_undone_from_any_page_and_nothing_was_returned(
    small_studio, page
):
    studio = small_studio
    never_poll(page)
    choose(page, studio, "s1", "s2")
    page.get_by_role("button", name=PRESS).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Money and credits go back after 10 minutes.")
    dialog.get_by_role("button", name="Cancel 2 sessions").click()
    job = on_job_page(page)
    expect(status(page)).to_contain_text("On hold")
    expect(undo_strip(page)).to_be_hidden()  # the page itself says so
    page.get_by_role("link", name="Schedule").click()
    expect(undo_strip(page)).to_contain_text("2 sessions cancelled. You can undo it for ")
    expect(undo_strip(page).locator("strong")).to_have_text(re.compile(r"^(10:00|\d:\d\d)$"))
    page.goto(f"{studio.url}/jobs")  # loaded anew
    undo_strip(page).get_by_role("button", name="Undo").click()
    expect(undo_strip(page)).to_contain_text("It is undone: 2 sessions are scheduled again.")
    assert studio.ask("GET", job).json()["status"] == "withdrawn"
    assert studio.ask("GET", "/sessions/s1").json()["status"] == "scheduled"
    assert returned(studio) == []
    page.get_by_role("link", name="Schedule").click()
    expect(undo_strip(page)).to_be_hidden()


@on_sqlite
def test_at_once_is_one_choice_away_and_says_that_there_is_no_undo(small_studio, page):
    studio = small_studio
    choose(page, studio, "s1")
    confirm = press(page, "At once")
    expect(page.get_by_role("dialog")).to_contain_text("at once: there is no undo.")
    confirm.click()
    on_job_page(page)
    until(lambda: jobs(studio)[0]["status"] == "completed")
    page.get_by_role("link", name="Schedule").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(undo_strip(page)).to_be_hidden()
    assert len(returned(studio)) == 4
