"""Terms on the pages: what is kept and why, before the press and after, and their form."""

import json
import re

import pytest
from browser.pressing import choose, on_job_page, plan_of, press, status
from browser.records import booking, client, next_monday, session
from browser.steps import sign_in
from browser.test_access import examine, walk
from playwright.sync_api import Locator, Page, expect

from app.domain.owed.terms import SkipReason
from app.domain.statuses import BookingStatus

SENTENCE = "10 % and CA$5.00 per booking is kept; credits stay usable for 30 days."
DOCUMENT = {
    "payments": {"keep": {"percent": 10, "fixed": [{"currency": "CAD", "amount_minor": 500}]}},
    "credits": {"valid_for_days": 30},
}
# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def lines() -> list[bytes]:
    """A session with a booking of each kind that terms know: Kim's."""
    late = json.loads(booking("late", "s0", ("CAD", 700))) | {"status": "late_cancelled"}
    missed = json.loads(booking("missed", "s0", ("credits", 1))) | {"status": "no_show"}
    return [
        client("kim", "Kim Li"),
        session("s0", next_monday(), 15),
        booking("b0", "s0", ("CAD", 2000), ("credits", 2)),
        json.dumps(late).encode(),
        json.dumps(missed).encode(),
    ]


def assert_says_what_is_kept(facts: Locator) -> None:
    expect(facts).to_contain_text("eturnCA$13.00 + 2 creditsKeptCA$14.00 + 1 credit")
    rules = facts.get_by_role("listitem")
    expect(rules).to_have_text(
        ["Fee: CA$7.00", "Cancelled late: CA$7.00", "Did not come: 1 credit"]
    )
    expect(facts).to_contain_text(f"Terms{SENTENCE}")


@on_sqlite
def test_credits_on_top_are_set_in_the_form_and_said_before_the_press_and_after(
    open_studio, contexts
):
    studio = open_studio([*lines(), booking("free", "s0")])
    page = contexts(bypass_csp=True).new_page()
    sign_in(page, studio)
    page.get_by_role("button", name="Schedule settings").click()
    page.get_by_role("link", name="Terms", exact=True).click()
    credits_ = page.get_by_label("Credits on top")
    credits_.fill("1001")
    page.keyboard.press("Enter")
    expect(credits_).to_be_focused()
    credits_.fill("2")
    page.get_by_label("They stay usable").fill("60")
    page.get_by_label("For bookings that were").select_option(
        "Paid with money, free, or covered by a membership"
    )
    page.keyboard.press("Enter")
    expect(page.get_by_text("they hold from now on")).to_be_visible()
    said = "2 credits on top, usable for 60 days, once to each client with a booking that was"
    expect(history(page)).to_contain_text(f"{said} paid with money or free or a membership's")
    assert studio.ask("GET", "/terms").json()["goodwill"] == {
        "credits": 2,
        "valid_for_days": 60,
        "per": "client",
        "for": ["paid", "free"],
    }
    examine(page)

    choose(page, studio, "s0")
    expect(plan_of(page)).to_contain_text("Goodwill2 credits for 1 client")
    press(page).click()
    on_job_page(page)
    expect(status(page)).to_contain_text("Completed")
    expect(page.locator("dl.facts").first).to_contain_text("Goodwill2 credits for 1 client")
    examine(page)
    page.goto(f"{studio.url}/clients")
    page.get_by_label("Client", exact=True).fill("kim")
    page.get_by_role("button", name="Show the bookings").click()
    expect(page.locator("[data-booking=b0]")).to_contain_text("Goodwill: 2 credits")


def history(page: Page) -> Locator:
    return page.get_by_role("region", name="Who set them").locator("tbody tr")


@on_sqlite
def test_there_are_words_for_each_status_of_a_booking_and_each_reason_to_keep(open_studio, page):
    studio = open_studio([])
    page.goto(f"{studio.url}/c/studio")
    words = page.evaluate(
        "([bookings, rules]) => import('/console/states.js').then(({ bookingWord, keptWord }) =>"
        " [bookings.map(bookingWord), rules.map(keptWord)])",
        [list(BookingStatus), list(SkipReason)],
    )
    assert all(word and word != "undefined" for table in words for word in table)
    assert not set(words[1]) & set(SkipReason)  # none is said as it came


@on_sqlite
def test_what_is_kept_is_said_by_rule_before_the_press_and_after_and_to_the_client(
    open_studio, contexts
):
    studio = open_studio(lines())
    assert studio.ask("PUT", "/terms", json=DOCUMENT).status_code == 200
    page = contexts(bypass_csp=True).new_page()
    choose(page, studio, "s0")
    assert_says_what_is_kept(plan_of(page))
    examine(page)
    confirm = press(page)
    assert_says_what_is_kept(page.get_by_role("dialog").locator("dl.facts"))
    expect(page.get_by_role("dialog")).to_contain_text("It keeps CA$14.00 + 1 credit.")
    examine(page)
    confirm.click()
    on_job_page(page)
    expect(status(page)).to_contain_text("Completed")
    assert_says_what_is_kept(page.locator("dl.facts").first)
    examine(page)

    page.goto(f"{studio.url}/clients")
    page.get_by_label("Client", exact=True).fill("kim")
    page.get_by_role("button", name="Show the bookings").click()
    cards = {one: page.locator(f"[data-booking={one}]") for one in ("b0", "late", "missed")}
    expect(cards["b0"]).to_contain_text("Returned: CA$13.00 + 2 creditsKept: CA$7.00 (fee)")
    expect(cards["late"]).to_contain_text("Booking: Cancelled lateKept: CA$7.00 (cancelled late)")
    expect(cards["missed"]).to_contain_text("Booking: Did not comeKept: 1 credit (did not come)")
    examine(page)


@on_sqlite
def test_a_plan_that_was_made_under_other_terms_says_so(open_studio, page):
    studio = open_studio(lines())
    choose(page, studio, "s0")
    assert studio.ask("PUT", "/terms", json=DOCUMENT).status_code == 200
    press(page).click()
    expect(page.locator("#trouble")).to_contain_text("The terms have changed since the plan")
    assert_says_what_is_kept(plan_of(page))


@on_sqlite
def test_a_person_sets_the_terms_by_the_keyboard_and_is_told_what_is_wrong_at_its_field(
    open_studio, contexts
):
    studio = open_studio(lines())
    page = contexts(bypass_csp=True).new_page()
    sign_in(page, studio)
    page.get_by_role("button", name="Schedule settings").click()
    page.get_by_role("link", name="Terms", exact=True).click()
    expect(page.get_by_text("Nobody has set terms yet")).to_be_visible()
    percent, amount = page.get_by_label("Kept, in percent"), page.get_by_label("Amount 1")
    expect(page.get_by_label("Currency 1")).to_have_value("CAD")
    amount.fill("5.001")
    page.keyboard.press("Enter")
    expect(amount).to_be_focused()
    expect(amount).to_have_accessible_description("Must be an amount in CAD, such as 5.00.")
    amount.fill("5")
    percent.fill("101")
    page.keyboard.press("Enter")
    expect(percent).to_be_focused()
    expect(percent).to_have_accessible_description(re.compile("Must be a number from 0 to 100"))
    expect(amount).not_to_have_attribute("aria-invalid", "true")
    examine(page)
    assert walk(page) > 10

    percent.fill("10")
    page.get_by_role("button", name="Another currency").click()
    page.keyboard.type("cad")
    page.get_by_label("Amount 2").fill("300")
    page.get_by_label("Credits stay usable").fill("30")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Currency 1")).to_be_focused()  # one currency twice
    page.get_by_label("Currency 2").fill("jpy")
    page.keyboard.press("Enter")
    expect(page.get_by_text("they hold from now on")).to_be_visible()
    expect(history(page)).to_have_count(1)
    expect(history(page)).to_contain_text("front desk")
    expect(history(page)).to_contain_text("10 % and CA$5.00 or JP¥300 per booking is kept")
    keep = studio.ask("GET", "/terms").json()["payments"]["keep"]
    assert [tuple(one.values()) for one in keep["fixed"]] == [("CAD", 500), ("JPY", 300)]
    examine(page)

    business = studio.ask("GET", "/business").json() | {"key": {"name": "desk", "scopes": []}}
    page.route("**/v1/business", lambda route: route.fulfill(json=business))
    page.reload()
    expect(page.get_by_text("it needs the scope terms:write")).to_be_visible()
    expect(page.get_by_label("Amount 2")).to_have_value("300")
    expect(page.get_by_role("button", name="Save the terms")).to_be_disabled()
