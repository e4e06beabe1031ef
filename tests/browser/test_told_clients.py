"""Whom to tell is asked with the plan, and the job's page says who was told and who was not."""

import os

import pytest
from browser.pressing import choose, on_job_page, plan_of, press, status
from browser.records import booking, client, next_monday, session
from browser.test_access import DESK, PHONE, examine, walk
from playwright.sync_api import expect

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SETTINGS = {
    "clients": "email",
    "when": "settled",
    "text": "The heating has failed.",
    "staff": ["owner@studio.example"],
}


def lines() -> list[bytes]:
    """Two sessions; Kim and Lee, who has no address, are in the first."""
    lee = client("lee", "Lee Ng").replace(b'"lee@example.org"', b"null")
    return [
        client("kim", "Kim Li"),
        lee,
        session("s0", next_monday(), 15),
        session("s1", next_monday(), 17),
        booking("b0", "s0", ("CAD", 2000), ("credits", 2)),
        booking("b1", "s0", ("CAD", 1500), client_id="lee"),
        booking("b2", "s1", ("CAD", 700)),
    ]


def messages_of(page):
    return page.get_by_role("region", name="Messages", exact=True)


def row_of(panel, name: str):
    return panel.get_by_role("listitem").filter(has_text=name)


def look(page, name: str) -> None:
    """Keep the page as a picture, for whoever asks with TEST_SCREENS."""
    if not (folder := os.environ.get("TEST_SCREENS")):
        return
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        page.screenshot(path=f"{folder}/{name}-{size['width']}.png", full_page=True)


@on_sqlite
def test_clients_are_told_as_the_press_says_and_the_page_shows_who_was(open_studio, contexts):
    studio = open_studio(lines())
    assert studio.ask("PUT", "/message-settings", json=SETTINGS).status_code == 200
    page = contexts(bypass_csp=True).new_page()
    choose(page, studio, "s0")
    plan = plan_of(page)
    by, words = plan.get_by_label("Tell your clients"), plan.get_by_label("Your own words")
    expect(by).to_have_value("email")
    expect(words).to_have_value("The heating has failed.")
    expect(plan.get_by_label("Summary to staff")).to_have_value("owner@studio.example")
    look(page, "plan")
    page.set_viewport_size(DESK)
    box = page.locator("main > .choosing").bounding_box()
    assert box["width"] > 1200  # the list has the room that the panel leaves
    examine(page)
    by.select_option("Don't tell them")
    expect(words).to_be_hidden()
    by.select_option("By e-mail")
    words.fill("The boiler is cold.")
    yes = press(page)
    expect(page.get_by_role("dialog")).to_contain_text(
        "Clients are told by e-mail, once all of theirs is settled."
    )
    yes.click()
    job = on_job_page(page)
    expect(status(page)).to_contain_text("Completed")
    told = studio.ask("GET", job).json()["messages"]
    assert (told["text"], told["staff"]) == ("The boiler is cold.", ["owner@studio.example"])

    panel = messages_of(page)
    expect(panel).to_contain_text("2 told · 1 not reached.")
    expect(row_of(panel, "Lee Ng")).to_contain_text("No e-mail address is known.")
    expect(row_of(panel, "Kim Li")).to_contain_text("Told")
    look(page, "job")
    examine(page)
    walk(page)
    panel.get_by_role("button", name="Show the message to Kim Li").click()
    dialog = page.get_by_role("dialog", name="Message to Kim Li")
    expect(dialog).to_contain_text("The boiler is cold.")
    expect(dialog).to_contain_text("20.00")
    look(page, "letter")
    examine(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    panel.get_by_label("Show", exact=True).select_option("Not sent (1)")
    expect(panel.locator("[data-message]")).to_have_count(1)
    panel.get_by_label("Show", exact=True).select_option("Everybody")
    panel.get_by_role("button", name="Send again to Kim Li").click()
    expect(page.get_by_text("The message to Kim Li is sent again.")).to_be_attached()
    expect(panel.get_by_label("Show", exact=True)).to_be_focused()


@on_sqlite
def test_what_is_wrong_with_an_address_is_said_beside_it(open_studio, page):
    studio = open_studio(lines())
    choose(page, studio, "s0")
    plan = plan_of(page)
    staff = plan.get_by_label("Summary to staff")
    expect(plan.get_by_label("Tell your clients")).to_have_value("none")
    staff.fill("owner")
    press(page).click()
    expect(staff).to_have_attribute("aria-invalid", "true")
    expect(plan.get_by_role("alert").first).to_contain_text("Messages:")
    staff.fill("owner@studio.example; desk@studio.example")
    expect(page.get_by_role("button", name="Cancel Selected & download CSV")).to_be_enabled()
    press(page).click()
    job = on_job_page(page)
    said = studio.ask("GET", job).json()["messages"]
    assert (said["clients"], len(said["staff"])) == ("none", 2)


@on_sqlite
def test_the_message_is_seen_with_real_figures_before_the_press_and_sent_as_a_test(
    open_studio, contexts
):
    studio = open_studio(lines())
    own = SETTINGS | {"reply_to": "desk@studio.example"}
    assert studio.ask("PUT", "/message-settings", json=own).status_code == 200
    page = contexts(bypass_csp=True).new_page()
    asked = []
    page.on("request", lambda one: asked.append(one.url) if "plan/message" in one.url else None)
    choose(page, studio, "s0")
    plan = plan_of(page)
    shown = plan.locator("details.plan-message")
    expect(shown).to_be_visible()
    assert asked == []  # it is asked for once somebody opens it
    shown.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(shown).to_contain_text("1 client by e-mail · 1 without an address.")
    letter = shown.get_by_role("region", name="The message")
    expect(letter).to_contain_text("The heating has failed.")
    expect(letter).to_contain_text("$20.00")
    expect(letter).to_contain_text("under way, but not confirmed yet")
    examine(page)
    walk(page)
    look(page, "plan-message")
    page.emulate_media(color_scheme="dark")
    look(page, "plan-message-dark")
    examine(page)
    page.set_viewport_size(DESK)

    shown.get_by_label("Language").select_option("Deutsch")
    expect(letter).to_have_attribute("lang", "de")
    plan.get_by_label("Reason, told to clients").fill("Rohrbruch")
    plan.get_by_label("Reason, told to clients").blur()
    expect(letter).to_contain_text("Rohrbruch")
    shown.get_by_role("button", name="Another client").click()
    expect(shown).to_contain_text("This one is not sent. No e-mail address is known.")
    expect(letter).to_contain_text("15,00")
    shown.get_by_role("button", name="Another client").click()
    expect(letter).to_contain_text("Kim Li")

    expect(shown.get_by_label("Send this message")).to_have_value("desk@studio.example")
    shown.get_by_label("Send this message").select_option("owner@studio.example")
    send = shown.get_by_role("button", name="Send a test")
    send.click()
    expect(shown.get_by_role("status")).to_have_text("A test was sent to owner@studio.example.")
    expect(send).to_be_focused()
    plan.get_by_label("Tell your clients").select_option("Don't tell them")
    expect(shown).to_be_hidden()


@on_sqlite
def test_a_test_that_can_not_be_sent_says_why_and_the_plan_stays(open_studio, page):
    studio = open_studio(lines())
    assert studio.ask("PUT", "/message-settings", json={"clients": "email"}).status_code == 200
    choose(page, studio, "s0")
    shown = plan_of(page).locator("details.plan-message")
    shown.locator("summary").click()
    expect(shown).to_contain_text("Once the message settings have an address")
    expect(shown.get_by_role("button", name="Send a test")).to_be_hidden()
    assert studio.ask("PUT", "/message-settings", json=SETTINGS).status_code == 200
    page.reload()
    choose(page, studio, "s0")
    shown.locator("summary").click()
    page.route("**/plan/message/send", lambda route: route.abort())
    shown.get_by_role("button", name="Send a test").click()
    expect(shown.get_by_role("alert")).to_contain_text("it is not known whether a test was sent")
    page.unroute("**/plan/message/send")
    assert studio.ask("PUT", "/message-settings", json={"clients": "email"}).status_code == 200
    shown.get_by_role("button", name="Send a test").click()
    expect(shown.get_by_role("alert")).to_contain_text("neither `staff` nor `reply_to`")
    expect(page.get_by_role("button", name="Cancel Selected & download CSV")).to_be_enabled()


@on_sqlite
def test_a_job_that_tells_nobody_has_no_messages_on_its_page(open_studio, page):
    studio = open_studio(lines())
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    choose(page, studio, "s0")
    press(page).click()
    job = on_job_page(page)
    expect(status(page)).to_contain_text("Completed")
    expect(page.get_by_role("heading", name="Sessions", exact=True)).to_be_visible()
    expect(messages_of(page)).to_be_hidden()
    assert not any(f"{job}/messages" in one for one in asked)
