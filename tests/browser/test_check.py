"""A check on the page: asked by a person, told as it goes, and in words that say what to do."""

import re

from browser.pressing import choose, on_sqlite, plan_of, row
from browser.records import booking, client, next_monday, session
from browser.test_access import examine, tab_to
from browser.test_audit import key_with
from playwright.sync_api import Locator, Page, expect

from app.auth.keys import Scope
from app.domain.plan_check import PlanRisk

WHO = "Kim Li, S0, CA$20.00. "
CONTESTED = "The payer has contested the payment, and nothing can be refunded while that lasts."
CHECK = "Check with the payment service"


def lines() -> list[bytes]:
    return [
        client("kim", "Kim Li"),
        session("s0", next_monday(), 15),
        *(booking(name, "s0", ("CAD", 2000)) for name in ("well", "contested", "part")),
        booking("credit", "s0", ("credits", 2)),
    ]


def opened(open_studio, **settings):
    """A studio whose payment service knows its payments: one is contested, one part refunded."""
    studio = open_studio(lines(), **settings)
    for name, amount, facts in (
        ("well", 2000, {}),
        ("contested", 2000, {"disputed": True}),
        ("part", 1500, {}),
    ):
        known = {"business_id": "studio", "amount_minor": amount, "currency": "CAD"} | facts
        put(studio, f"/payments/payment-{name}", known)
    put(studio, "/balance", {"CAD": 700})
    return studio


def put(studio, path: str, document: dict) -> None:
    answer = studio.town.http.put(f"{studio.town.sandbox_url}{path}", json=document)
    assert answer.status_code == 200, answer.text


def button(page: Page, name: str = CHECK) -> Locator:
    return plan_of(page).get_by_role("button", name=name)


def said(page: Page) -> Locator:
    return plan_of(page).get_by_role("heading", name="What the payment service says")


def announced(page: Page) -> Locator:
    return page.locator("#announcer")


def test_a_person_checks_a_plan_by_the_keyboard_and_reads_what_may_not_come_back(
    open_studio, contexts
):
    studio = opened(open_studio)
    page = contexts(bypass_csp=True).new_page()
    choose(page, studio, "s0")
    tab_to(page, button(page))
    page.keyboard.press("Enter")
    words = "2 payment lines may not come back as planned; there is too little to return from."
    expect(announced(page)).to_have_text(words)
    plan = plan_of(page)
    expect(said(page)).to_be_visible()
    expect(plan.get_by_role("group").get_by_role("listitem")).to_have_text(
        [
            f"{WHO}{CONTESTED}",
            f"{WHO}Only CA$15.00 is left of the payment, and CA$20.00 is to come back of it.",
        ]
    )
    expect(plan).to_contain_text("There is CA$7.00 to return from, and CA$60.00 is needed.")
    expect(button(page)).to_be_focused()
    examine(page)
    tab_to(page, plan.get_by_role("group", name="What the payment service says"))
    # It was said of this plan: of another it says nothing.
    row(page, "s0").get_by_role("checkbox").uncheck()
    expect(said(page)).to_have_count(0)
    expect(button(page)).to_have_count(0)
    assert studio.town.books()["payments"]["effects"] == []


@on_sqlite
def test_it_says_how_far_it_is_and_can_be_stopped(open_studio, contexts):
    studio = opened(open_studio, check_seconds=3600)
    # It waits for longer than anybody does.
    refusing = {"answer_429": 1, "retry_after_seconds": 1800, "look_ups": True}
    studio.town.faults_of(payments=refusing)
    page = contexts(bypass_csp=True).new_page()
    choose(page, studio, "s0")
    button(page).click()
    bar = plan_of(page).get_by_role("progressbar")
    expect(bar).to_have_accessible_name("0 of 3 payment lines asked about.")
    examine(page)
    button(page, "Stop checking").click()
    expect(bar).to_have_count(0)
    expect(button(page)).to_be_enabled()
    expect(
        plan_of(page).get_by_role("heading", name="What the payment service says")
    ).to_have_count(0)
    # The press is as it was.
    expect(page.get_by_role("button", name=re.compile("^Cancel Selected"))).to_be_enabled()


@on_sqlite
def test_another_check_under_way_and_a_broken_connection_are_said(open_studio, page):
    studio = opened(open_studio)
    choose(page, studio, "s0")
    path = "**/v1/bulk-cancellations/plan?check=true"
    refusal = {"type": "/problems/check-under-way", "detail": "Another plan is being checked."}
    page.route(path, lambda route: route.fulfill(status=409, json=refusal))
    button(page).click()
    expect(plan_of(page).get_by_text("Another plan is being checked.")).to_be_visible()
    page.unroute(path)
    half = 'event: progress\ndata: {"asked": 1, "of": 3, "at_risk": 0, "unknown": 0}\n\n'
    page.route(path, lambda route: route.fulfill(content_type="text/event-stream", body=half))
    button(page).click()
    expect(plan_of(page).get_by_text("The check broke off. Try again.")).to_be_visible()
    page.unroute(path)
    button(page).click()
    expect(plan_of(page)).to_contain_text("2 payment lines may not come back as planned")
    expect(plan_of(page)).not_to_contain_text("broke off")


@on_sqlite
def test_who_may_not_see_names_reads_bookings(open_studio, page):
    studio = opened(open_studio)
    limited = key_with(studio, Scope.SCHEDULE_READ, Scope.CANCELLATIONS_READ)
    page.goto(f"{studio.url}/bulk-cancel?{studio.week}#key={limited}")
    row(page, "s0").get_by_role("checkbox").check()
    button(page).click()
    expect(plan_of(page)).to_contain_text("Booking contested, S0, CA$20.00.")
    expect(plan_of(page)).not_to_contain_text("Kim")


@on_sqlite
def test_there_are_words_for_each_risk(open_studio, page):
    studio = open_studio([])
    page.goto(f"{studio.url}/c/studio")
    words = page.evaluate(
        "() => import('/console/check_words.js').then(({ RISKS, riskWords }) =>"
        " RISKS.filter((code) => riskWords({ code, client_name: '', session_name: '',"
        " currency: 'CAD' })[1]))"
    )
    assert sorted(words) == sorted(PlanRisk)
