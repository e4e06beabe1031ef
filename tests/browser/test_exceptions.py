"""Exceptions for people, and terms for one cancellation: on the plan, and kept with the job."""

import pytest
from browser.pressing import audit, choose, on_job_page, plan_of, press, returned, row, status
from browser.records import booking, client, next_monday, session
from browser.steps import sign_in
from browser.test_access import examine, walk
from playwright.sync_api import expect

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def lines() -> list[bytes]:
    """Two sessions; Kim and Lee are in the first."""
    return [
        client("kim", "Kim Li"),
        client("lee", "Lee Ng"),
        session("s0", next_monday(), 15),
        session("s1", next_monday(), 17),
        booking("b0", "s0", ("CAD", 2000), ("credits", 2)),
        booking("b1", "s0", ("CAD", 1500), client_id="lee"),
        booking("b2", "s1", ("CAD", 700)),
    ]


def open_people(page):
    page.get_by_role("button", name="Exceptions…").click()
    return page.get_by_role("dialog", name="Exceptions for people")


@on_sqlite
def test_one_person_keeps_nothing_another_gets_store_credit_and_both_are_in_the_audit(
    open_studio, contexts
):
    studio = open_studio(lines())
    page = contexts(bypass_csp=True).new_page()
    choose(page, studio, "s0")
    dialog = open_people(page)
    of_kim, of_lee = (
        dialog.get_by_label(f"What comes back to {name}") for name in ("Kim Li", "Lee Ng")
    )
    expect(of_kim).to_have_value("")
    expect(dialog).to_contain_text("Kim Li · CA$20.00 + 2 credits")
    of_kim.select_option("Nothing comes back")
    of_lee.select_option("All of it, as store credit")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_role("alert")).to_have_text("Say why: the audit has it.")
    note = dialog.get_by_label("Why, for the audit")
    expect(note).to_be_focused()
    examine(page)
    note.fill("asked at the desk")
    note.press("Enter")
    expect(dialog).to_be_hidden()
    plan = plan_of(page)
    expect(plan).to_contain_text("This cancellation has 2 exceptions.")
    expect(plan).to_contain_text("To returnCA$15.00")
    expect(plan).to_contain_text("Of it as store creditCA$15.00")
    expect(plan).to_contain_text("By exception: CA$20.00")
    examine(page)
    press(page).click()
    job = on_job_page(page)
    expect(status(page)).to_contain_text("Completed")
    kept = {line["booking_id"]: line for line in audit(studio, job) if line["method"] == "payment"}
    assert (kept["b0"]["kept_by"], kept["b0"]["override_note"]) == ("override", "asked at the desk")
    assert (kept["b1"]["returned_as"], kept["b1"]["status"]) == ("store_credit", "succeeded")
    made = studio.town.books()["credits"]["store_credits"]["effects"]
    assert [one["amount"] for one in made] == [1500]
    assert returned(studio) == []


@on_sqlite
def test_an_exception_goes_with_its_session_and_comes_back_with_it(open_studio, page):
    studio = open_studio(lines())
    choose(page, studio, "s0", "s1")
    dialog = open_people(page)
    dialog.locator("[data-roster=s1]").click()
    dialog.get_by_label("What comes back to Kim Li").select_option("Nothing comes back")
    dialog.get_by_label("Why, for the audit").fill("paid by voucher")
    dialog.get_by_role("button", name="Apply").click()
    plan = plan_of(page)
    expect(plan).to_contain_text("This cancellation has 1 exception.")
    box = page.locator('[data-session="s1"]').get_by_role("checkbox")
    box.uncheck()
    expect(plan).to_contain_text("Sessions1")
    expect(plan).not_to_contain_text("exception.")
    expect(plan).to_contain_text("To returnCA$35.00 + 2 credits")
    box.check()
    expect(plan).to_contain_text("This cancellation has 1 exception.")
    dialog = open_people(page)
    dialog.get_by_role("button", name="No exceptions").click()
    dialog.get_by_role("button", name="Apply").click()
    expect(plan).to_contain_text("To returnCA$42.00 + 2 credits")


@on_sqlite
def test_nobody_is_listed_before_the_plan_is_there(open_studio, page):
    studio = open_studio(lines())
    waiting = []
    page.route("**/bulk-cancellations/plan", lambda route: waiting.append(route))  # noqa: PLW0108 - playwright marks it
    sign_in(page, studio, f"/bulk-cancel?{studio.week}")
    with page.expect_request("**/bulk-cancellations/plan"):
        row(page, "s0").get_by_role("checkbox").check()
    people = page.get_by_role("button", name="Exceptions…")
    expect(people).to_be_disabled()
    waiting[-1].continue_()
    expect(people).to_be_enabled()
    dialog = open_people(page)
    expect(dialog.get_by_label("What comes back to Kim Li")).to_be_visible()


@on_sqlite
def test_terms_for_this_time_hold_for_this_cancellation_alone(open_studio, contexts):
    studio = open_studio(lines())
    page = contexts(bypass_csp=True).new_page()
    choose(page, studio, "s0")
    own = page.get_by_role("button", name="Other terms…")
    own.click()
    dialog = page.get_by_role("dialog", name="Terms of this cancellation")
    dialog.get_by_label("Kept, in percent").fill("101")
    dialog.get_by_label("Amount 1").fill("1.001")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_label("Amount 1")).to_be_focused()
    examine(page)
    assert walk(page) > 10
    dialog.get_by_label("Amount 1").fill("")
    dialog.get_by_label("Kept, in percent").fill("10")
    dialog.get_by_label("Payments come back", exact=True).select_option("As store credit")
    dialog.get_by_role("button", name="Apply").click()
    plan = plan_of(page)
    expect(plan).to_contain_text("This cancellation has terms of its own.")
    expect(plan).to_contain_text("Of it as store creditCA$31.50")
    expect(plan).to_contain_text("Fee: CA$3.50")
    press(page).click()
    job = on_job_page(page)
    assert studio.ask("GET", job).json()["terms"]["payments"]["return_as"] == "store_credit"
    assert studio.ask("GET", "/terms").json()["payments"]["return_as"] == "original"

    choose(page, studio, "s1")
    expect(plan_of(page)).to_contain_text("To returnCA$7.00")


@on_sqlite
def test_terms_that_are_refused_are_said_with_the_plan(open_studio, page):
    studio = open_studio(lines())
    choose(page, studio, "s0")
    page.get_by_role("button", name="Other terms…").click()
    dialog = page.get_by_role("dialog", name="Terms of this cancellation")
    dialog.get_by_label("Kept, in percent").fill("101")
    dialog.get_by_role("button", name="Apply").click()
    expect(plan_of(page).get_by_role("alert").filter(has_text="0 to 100")).to_be_visible()
