"""What clients see: the public week, and what came back to whom.

The week is as people, calendars and search engines read it.
"""

import datetime as dt
import json
import re

import icalendar
import pytest
from browser.public_week import (
    READ_ITEMS,
    as_event,
    cancel,
    in_books,
    public_week,
    status_of,
    sums,
    three_sessions,
)
from browser.records import booking, client, next_monday, session
from browser.steps import ACCEPTED, PRESS, at_once, never_poll
from crash.processes import until
from playwright.sync_api import Request, Route, expect

from app.domain import money
from app.schedule.sample import ZONE, sample_lines

MARKUP = "<img src=x onerror=alert(1)>"
REASON = """Snow "day" & 'ice' </script><script>alert(2)</script>"""


def test_other_tabs_hear_of_a_cancellation_at_once_and_other_people_soon_without_reload(
    open_studio, contexts
):
    studio = open_studio(three_sessions())
    schedule, public = f"/?from={studio.monday}", f"/c/studio?from={studio.monday}"
    colleague, visitor, own = contexts().new_page(), contexts().new_page(), contexts()
    presser, own_schedule, own_public = own.new_page(), own.new_page(), own.new_page()
    for page in (own_schedule, own_public):
        never_poll(page)
    for page in (colleague, visitor):
        page.clock.install()
    for page, path in (
        (colleague, schedule),
        (visitor, public),
        (own_schedule, schedule),
        (own_public, public),
    ):
        page.goto(studio.signed_in(path) if path == schedule else studio.url + path)
        expect(page.locator(".card")).to_have_count(3)
        page.evaluate("document.body.dataset.loaded = 'once'")
    presser.goto(studio.signed_in(f"/bulk-cancel?{studio.week}"))
    for place in range(2):
        presser.locator(".row").nth(place).get_by_role("checkbox").check()
    presser.get_by_label("Reason").fill("Snow day")
    at_once(presser)
    presser.get_by_role("button", name=PRESS).click()
    presser.get_by_role("dialog").get_by_role("button", name="Cancel 2 sessions").click()
    expect(presser.get_by_text(ACCEPTED)).to_be_visible()
    colleague.clock.fast_forward(5_000)
    visitor.clock.fast_forward(10_000)
    for page in (own_schedule, own_public, colleague, visitor):
        cancelled = page.locator(".card.cancelled")
        expect(cancelled).to_have_count(2)
        expect(cancelled.first.locator(".badge")).to_have_text("Cancelled")
        expect(cancelled.first).to_contain_text("Snow day")
        assert page.evaluate("document.body.dataset.loaded") == "once"
    chosen = [one["id"] for one in public_week(studio)["data"][:2]]
    for page in (own_schedule, own_public, colleague, visitor):
        ids = page.locator(".card.cancelled").evaluate_all(
            "cards => cards.map((card) => card.dataset.session)"
        )
        assert ids == chosen


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_heard_while_a_page_is_looking_makes_it_look_once_more(open_studio, contexts):
    studio = open_studio(three_sessions())
    own = contexts()
    page, other = own.new_page(), own.new_page()
    other.goto(f"{studio.url}/c/nobody")
    never_poll(page)
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    expect(page.locator(".card")).to_have_count(3)
    page.evaluate(
        "() => { window.own = new BroadcastChannel('bulk-cancel');"
        " own.onmessage = () => (own.heard = true) }"
    )
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    def tell() -> None:
        page.evaluate("own.heard = false")
        other.evaluate("import('/console/live.js').then((live) => live.changed())")
        until(lambda: page.evaluate("own.heard"))

    page.route("**/v1/public/**", hold)
    tell()
    until(lambda: page.wait_for_timeout(10) or held)
    before = held[0].fetch()  # the answer that is on its way is older than the cancellation
    cancel(studio, [public_week(studio)["data"][0]["id"]])
    tell()
    held[0].fulfill(response=before)
    until(lambda: page.wait_for_timeout(10) or len(held) > 1)
    held[1].continue_()
    expect(page.locator(".card.cancelled")).to_have_count(1)


def test_search_engines_and_calendars_read_what_is_cancelled_and_nobody_reads_who_was_booked(
    open_studio, contexts
):
    monday = next_monday()
    studio = open_studio([*sample_lines(monday), session("bare", monday, 12)])
    assert studio.monday == monday
    page = contexts().new_page()
    page.clock.install()
    said: list[str] = []
    page.on("response", lambda response: said.append(response.text()))
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) or None)
    page.goto(f"{studio.url}/c/studio?from={monday}")
    expect(page.locator(".card")).to_have_count(46)
    week = public_week(studio)
    assert page.evaluate(READ_ITEMS) == [as_event(one, week["business"]) for one in week["data"]]
    chosen = ["bare", *(one["id"] for one in week["data"] if one["id"] != "bare")][:6]
    job = cancel(studio, chosen)
    page.clock.fast_forward(10_000)
    expect(page.locator(".card.cancelled")).to_have_count(6)
    until(lambda: status_of(studio, job) == "completed")
    week = public_week(studio)
    assert {one["id"] for one in week["data"] if one["status"] == "cancelled"} == set(chosen)
    assert page.evaluate(READ_ITEMS) == [as_event(one, week["business"]) for one in week["data"]]
    link = page.get_by_role(
        "link", name=re.compile("Apple Calendar"), include_hidden=True
    ).get_attribute("href")
    assert link.startswith("webcal://")
    feed = studio.town.http.get(link.replace("webcal:", "http:", 1))
    assert feed.headers["Content-Type"].startswith("text/calendar")
    events = icalendar.Calendar.from_ical(feed.content).walk("VEVENT")
    told = {str(event["UID"]).removesuffix("@studio"): str(event["STATUS"]) for event in events}
    assert told == {
        one["id"]: {"scheduled": "CONFIRMED", "cancelled": "CANCELLED"}[one["status"]]
        for one in week["data"]
    }
    # Nobody is signed in: nothing that was loaded or is shown tells of a person, a booking, a
    # refund or a job.
    everything = "\n".join([*said, page.content(), feed.text])
    assert week["data"][0]["name"] in everything
    refunds = studio.ask("GET", f"/bulk-cancellations/{job}/refunds?limit=200").json()["data"]
    records = [json.loads(line) for line in sample_lines(monday)]
    secrets = {job, "front desk", "@example.org"}
    secrets |= {
        value
        for one in refunds
        for name in ("id", "booking_id", "upstream_reference")
        if (value := one[name])
    }
    secrets |= {one["name"] for one in records if one["type"] == "client"}
    secrets |= {f'"{one["id"]}"' for one in records if one["type"] == "client"}
    secrets |= {one["id"] for one in records if one["type"] == "booking"}
    assert [secret for secret in secrets if secret in everything] == []
    addresses = {request.url.removeprefix(studio.url).partition("?")[0] for request in asked}
    assert {one for one in addresses if one.startswith("/v1/")} == {"/v1/public/studio/schedule"}
    assert not any("authorization" in request.headers for request in asked)


def test_staff_see_what_came_back_to_a_client_and_what_is_on_its_way(open_studio, page):
    monday = next_monday()
    studio = open_studio(
        [
            client("kim", "Kim Li"),
            client("lee", "Lee Ito"),
            *(session(f"s{number}", monday, 12 + number) for number in range(5)),
            booking("card", "s0", ("CAD", 2000)),
            booking("split", "s1", ("HUF", 1_000_050), ("credits", 2)),
            booking("yen", "s2", ("JPY", 500)),
            booking("free", "s3"),
            booking("kept", "s4", ("CAD", 1300)),
            booking("theirs", "s0", ("CAD", 7700), client_id="lee"),
        ]
    )
    studio.town.faults_of(payments={"answer_503": 1}, credits={})
    page.goto(studio.signed_in())
    page.get_by_role("button", name="Schedule settings").click()
    page.get_by_role("link", name="A client's bookings").click()
    job = cancel(studio, ["s0", "s1", "s2", "s3"])
    until(
        lambda: (
            studio.ask("GET", f"/bulk-cancellations/{job}").json()["refunds"]["succeeded"]["count"]
            == 1
        )
    )

    def shown(who: str) -> dict[str, list[str]]:
        page.get_by_role("textbox", name="Client").fill(who)
        with page.expect_response(f"**/v1/clients/{who}/bookings?*") as answer:
            page.get_by_role("button", name="Show the bookings").click()
        answer.value.finished()
        cards = page.locator("[data-booking]")
        for one in studio.ask("GET", f"/clients/{who}/bookings").json()["data"]:
            expect(page.locator(f"[data-booking='{one['id']}']")).to_contain_text(
                one["session"]["name"]
            )
        return {
            card.get_attribute("data-booking"): [
                text.replace("\xa0", " ") for text in card.locator("p").all_inner_texts()[2:]
            ]
            for card in cards.all()
        }

    cancelled = "Cancelled Snow day"
    before = {
        "card": [cancelled, "On its way back: CA$20.00"],
        "split": [cancelled, "Returned: 2 credits", "On its way back: HUF 10,000.50"],
        "yen": [cancelled, "On its way back: JP¥500"],
        "free": [cancelled],
        "kept": [],
    }
    assert shown("kim") == before
    of_kim = studio.ask("GET", "/clients/kim/bookings").json()["data"]
    assert sums(of_kim, "on_the_way") == {"CAD": 2000, "HUF": 1_000_050, "JPY": 500}
    assert sums(of_kim, "returned") == {"credits": 2} == in_books(studio, of_kim)
    studio.town.faults()
    until(lambda: status_of(studio, job) == "completed")
    assert shown("kim") == {
        "card": [cancelled, "Returned: CA$20.00"],
        "split": [cancelled, "Returned: HUF 10,000.50 + 2 credits"],
        "yen": [cancelled, "Returned: JP¥500"],
        "free": [cancelled],
        "kept": [],
    }
    of_kim = studio.ask("GET", "/clients/kim/bookings").json()["data"]
    assert sums(of_kim, "on_the_way") == {}
    assert (
        sums(of_kim, "returned")
        == {"CAD": 2000, "HUF": 1_000_050, "JPY": 500, "credits": 2}
        == in_books(studio, of_kim)
    )
    assert shown("lee") == {"theirs": [cancelled, "Returned: CA$77.00"]}
    page.get_by_role("textbox", name="Client").fill("nobody")
    page.get_by_role("button", name="Show the bookings").click()
    expect(page.locator(".error")).to_have_text("There is no such client.")
    expect(page.locator("[data-booking]")).to_have_count(0)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_names_and_reasons_that_look_like_markup_are_text_on_every_page(open_studio, page):
    monday = next_monday()
    where = {"location": f"{MARKUP} hall", "instructor": f"{MARKUP} Ana"}
    studio = open_studio(
        [
            client("kim", MARKUP),
            session("s0", monday, 12, **where | {"name": MARKUP}),
            session("s1", monday, 13, **where | {"name": MARKUP}),
            booking("b0", "s0", ("CAD", 2000)),
        ]
    )
    studio.town.faults_of(payments={"refuse_ids": {"payment-b0": "payment_disputed"}}, credits={})
    ran = []
    page.on("dialog", lambda dialog: ran.append(dialog.message) or dialog.dismiss())

    def is_text(*texts: str, where: str = "main") -> None:
        for text in texts:
            expect(page.locator(where).get_by_text(text, exact=False).first).to_be_attached()
        # Once this is done, what had been let in would have run.
        page.evaluate("new Promise((done) => setTimeout(done))")
        assert page.locator("img, main script, dialog script").count() == 0
        assert ran == []

    page.goto(studio.signed_in(f"/?from={monday}"))
    is_text(MARKUP, f"{MARKUP} hall · {MARKUP} Ana", where=".card")
    page.goto(f"{studio.url}/bulk-cancel?{studio.week}")
    is_text(MARKUP, f"{MARKUP} hall · {MARKUP} Ana", where=".row")
    is_text(f"{MARKUP} hall", where="#location")
    is_text(f"{MARKUP} Ana", where="#instructor")
    page.get_by_label("Search").fill(MARKUP)
    page.locator(".row").first.get_by_role("checkbox").check()
    page.get_by_label("Reason").fill(REASON)
    at_once(page)
    page.get_by_role("button", name=PRESS).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 1 session").click()
    expect(page.get_by_role("heading", name="These need you")).to_be_visible()
    is_text(REASON, MARKUP, f"{MARKUP} hall")
    page.get_by_role("button", name="Resolve by hand").click()
    is_text("What became of it?", where="dialog")
    page.get_by_role("button", name="Leave it open").click()
    page.goto(f"{studio.url}/jobs")
    is_text(REASON)
    page.goto(f"{studio.url}/?from={monday}")
    is_text(REASON, MARKUP, where=".card.cancelled")
    page.goto(f"{studio.url}/c/studio?from={monday}")
    is_text(REASON, MARKUP, f"{MARKUP} hall", where=".card.cancelled")
    assert [one["name"] for one in page.evaluate(READ_ITEMS)] == [MARKUP, MARKUP]
    page.goto(f"{studio.url}/clients")
    page.get_by_role("textbox", name="Client").fill("kim")
    page.get_by_role("button", name="Show the bookings").click()
    is_text(REASON, MARKUP, where="[data-booking]")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_weeks_follow_one_another_in_the_business_s_own_days(studio, contexts):
    page = contexts(timezone_id="Asia/Tokyo").new_page()
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    expect(page.locator(".card")).to_have_count(45)
    days = [studio.monday + dt.timedelta(days=number) for number in range(7)]
    assert page.locator(".day").evaluate_all(
        "days => days.map((day) => day.getAttribute('aria-labelledby'))"
    ) == [f"day-{day}" for day in days]
    counts = page.locator(".day").evaluate_all(
        "days => days.map((day) => day.querySelectorAll('.card').length)"
    )
    assert counts == [7] * 5 + [5] * 2
    first = page.locator(".card").first
    expect(first).to_have_attribute("data-session", f"s-{studio.monday:%Y%m%d}-0630")
    expect(first.locator(".time")).to_contain_text("6:30")  # in Toronto
    nearby = contexts(timezone_id=ZONE).new_page()
    nearby.goto(f"{studio.url}/c/studio?from={studio.monday}")
    expect(nearby.locator(".card")).to_have_count(45)
    assert nearby.locator(".week").inner_text() == page.locator(".week").inner_text()
    page.get_by_role("link", name="Next week").click()
    expect(page).to_have_url(
        re.compile(rf"/c/studio\?from={studio.monday + dt.timedelta(days=7)}$")
    )
    expect(page.get_by_text("Nothing on.")).to_have_count(7)
    for back in (0, 7):
        page.get_by_role("link", name="Previous week").click()
        expect(page).to_have_url(
            re.compile(rf"/c/studio\?from={studio.monday - dt.timedelta(days=back)}$")
        )
        expect(page.locator(".card")).to_have_count(45)
    page.get_by_role("link", name="Next week").click()
    page.get_by_role("link", name="This week").click()
    expect(page).to_have_url(re.compile(r"/c/studio$"))
    expect(page.locator(".day").first).to_have_attribute(
        "aria-labelledby", f"day-{studio.monday - dt.timedelta(days=7)}"
    )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_addresses_that_lead_nowhere_are_answered_in_words(studio, page):
    for path, words in (
        ("/c/nobody", "There is no such schedule"),
        ("/c/%E0%A4%A", "There is no such schedule"),
        ("/c/no%20id", "There is no such schedule"),
        ("/c/studio?from=tomorrow", "That did not work"),
        ("/c/studio?from=2026-02-31", "That did not work"),
    ):
        page.goto(studio.url + path)
        expect(page.get_by_role("heading", level=1)).to_have_text(words)
        expect(page.get_by_role("alert")).not_to_be_empty()
        expect(page.locator(".card")).to_have_count(0)
        assert "undefined" not in page.locator("main").inner_text()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_amounts_on_the_pages_have_the_decimals_of_the_audit_in_every_currency(studio, page):
    page.goto(f"{studio.url}/c/studio")
    codes = page.evaluate("Intl.supportedValuesOf('currency')")
    codes = sorted({*codes, *money.DECIMALS_0, *money.DECIMALS_3, *money.DECIMALS_4})
    amounts = [
        {"currency": code, "amount_minor": amount}
        for code in codes
        for amount in (7, 1_234_567, 10**12)
    ]
    shown = page.evaluate(
        "amounts => import('/console/words.js').then(({ money }) => amounts.map(money))", amounts
    )
    figures = [
        re.sub(r"[^0-9.]", "", text.replace(one["currency"], ""))
        for text, one in zip(shown, amounts, strict=True)
    ]
    assert figures == [money.major_units(one["amount_minor"], one["currency"]) for one in amounts]
