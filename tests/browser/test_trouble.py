"""What goes wrong around the console: refunds fail, presses cross, keys are refused."""

import datetime as dt
import re
from pathlib import Path

from browser.pressing import (
    COMPLETED,
    LINES,
    POSTED,
    assert_books_have_each_line_once,
    audit,
    booking,
    card,
    choose,
    come_to_an_end,
    jobs,
    look_again,
    on_job_page,
    on_sqlite,
    plan_of,
    press,
    returned,
    row,
    say_what_came_back,
    status,
)
from browser.records import BUSINESS
from browser.steps import ACCEPTED, PRESS, rows, sign_in
from crash.processes import until
from playwright.sync_api import Page, Route, expect
from postgresql_databases import in_a_thread

from app.auth import keys as auth
from app.db.core.engine import Database

NONE_IS_DONE = "Nobody has all of theirs back yet: CA$10.00 + 3 credits so far; 3 need you."


def test_refunds_that_fail_are_resolved_by_hand_or_tried_again(small_studio, page):
    studio = small_studio
    refused = {
        "pay-s1-kim": "payment_not_found",
        "pay-s1-ana": "payment_disputed",
        "pay-s2-kim": "refund_window_expired",
    }
    studio.town.faults_of(
        payments={"refuse_ids": refused}, credits={"refuse_ids": {"acc-s2-lee": "account_closed"}}
    )
    page.clock.install()
    choose(page, studio, "s1", "s2")
    press(page).click()
    job = on_job_page(page)
    expect(status(page)).to_contain_text("Completed with failures")
    needed = page.get_by_role("region", name="These need you", exact=True).first
    expect(needed).to_contain_text("4 refunds of 3 people: no machine can go on with them.")
    expect(page.locator(".headline")).to_have_text(NONE_IS_DONE)
    entry = needed.locator('[data-booking="s1-kim"]')
    expect(entry).to_contain_text(re.compile("Kim.*Yoga 1.*CA\\$20.00"))
    assert_each_is_under_its_cause(needed)

    entry.get_by_role("button", name="Resolve by hand: CA$20.00 to Kim, Yoga 1").click()
    dialog = page.get_by_role("dialog", name="Resolve CA$20.00 to Kim")
    dialog.get_by_role("button", name="Resolve").click()
    expect(dialog.get_by_label("Reference, for the audit")).to_be_focused()  # it is required
    dialog.get_by_role("button", name="Leave it open").click()
    expect(dialog).to_be_hidden()
    entry.get_by_role("button", name="Resolve by hand").click()
    say_what_came_back(dialog)
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("1 refund resolved by hand.")).to_be_focused()
    expect(needed).to_contain_text("3 refunds of 3 people")
    expect(entry).to_have_count(0)
    expect(page.get_by_label("Refunds by status")).to_contain_text("Resolved by hand1 · CA$20.00")

    studio.town.faults()
    page.clock.pause_at(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    needed.get_by_role("button", name="Try all of them again").click()
    come_to_an_end(page, studio, job, rejected=1)
    expect(needed).to_contain_text("1 refund of 1 person")
    expect(page.get_by_text("2 refunds under way again.")).to_be_visible()
    # A disputed one is tried again by its name only.
    expect(needed.get_by_role("button", name="Try all of them again")).to_be_hidden()
    needed.locator('[data-booking="s1-ana"]').get_by_role("button", name="Try again").click()
    come_to_an_end(page, studio, job, rejected=0)
    expect(status(page)).to_have_text(COMPLETED)
    expect(needed).to_be_hidden()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the final CSV").click()
    lines = rows(Path(download.value.path()).read_text())
    assert len(lines) == 2 * LINES
    [resolved] = [line for line in lines if line["status"] == "resolved"]
    assert (resolved["booking_id"], resolved["upstream_reference"]) == ("s1-kim", "receipt 17")
    assert (resolved["failure_code"], resolved["failure_detail"]) == (
        "refunded_elsewhere",
        "Cash at the desk",
    )
    assert (resolved["amount"], resolved["resolved_amount"]) == ("20.00", "18.15")
    assert lines == audit(studio, job)
    assert_books_have_each_line_once(
        studio, [line for line in lines if line["status"] == "succeeded"]
    )
    assert len(returned(studio)) == 2 * LINES - 1


def assert_each_is_under_its_cause(needed):
    for cause, booking_id in (
        ("The payment is unknown there (1)", "s1-kim"),
        ("The client's bank disputes the payment (1)", "s1-ana"),
        ("Too late to refund to the card (1)", "s2-kim"),
        ("The card or account takes no money (1)", "s2-lee"),
    ):
        group = needed.get_by_role("region", name=cause)
        expect(group.locator(f'[data-booking="{booking_id}"]')).to_have_count(1)


def test_a_plan_that_is_no_longer_true_is_refused_and_what_is_on_hold_can_be_undone(
    small_studio, page
):
    studio = small_studio
    choose(page, studio, "s1", "s2")
    confirm = press(page, "After 5 minutes")
    put = booking("s1", "zoe", [card("pay-s1-zoe", 2550)])
    assert studio.ask("PUT", "/bookings/s1-zoe", json=put).status_code == 201
    confirm.click()
    trouble = page.get_by_role("alert").filter(has_text="Bookings have changed since the plan")
    expect(trouble).to_contain_text("nothing was cancelled")
    expect(trouble).to_contain_text("It was 2 sessions, 3 people and CA$60.00 + 4 credits;")
    expect(trouble).to_contain_text("now it is 2 sessions, 4 people and CA$85.50 + 4 credits.")
    assert jobs(studio) == []
    expect(plan_of(page)).to_contain_text("CA$85.50 + 4 credits")
    # Another person has the place now, for the same price: no figure changes, and the plan has all
    # the same.
    confirm = press(page, "After 5 minutes")
    assert (
        studio.ask("PUT", "/bookings/s1-zoe", json=put | {"status": "cancelled"}).status_code == 200
    )
    put = booking("s2", "zoe", [card("pay-s2-zoe", 2550)])
    assert studio.ask("PUT", "/bookings/s2-zoe", json=put).status_code == 201
    confirm.click()
    expect(trouble).to_contain_text(
        "It is still 2 sessions, 4 people and CA$85.50 + 4 credits, but of other bookings."
    )
    assert jobs(studio) == []
    expect(page.get_by_role("button", name=PRESS)).to_be_enabled()
    press(page, "After 5 minutes").click()

    job = on_job_page(page)
    expect(status(page)).to_contain_text("On hold")
    hold = page.get_by_role("region", name="On hold", exact=True)
    expect(hold).to_contain_text("On hold: nothing is returned for another 5 minutes.")
    assert studio.ask("GET", "/sessions/s1").json()["status"] == "cancelled"
    hold.get_by_role("button", name="Undo: schedule the sessions again").click()
    expect(status(page)).to_contain_text("Withdrawn")
    expect(
        page.get_by_text("nothing was returned, and 2 sessions are scheduled again")
    ).to_be_visible()
    expect(hold).to_be_hidden()
    assert {line["status"] for line in audit(studio, job)} == {"skipped"}
    page.goto(f"{studio.url}/?from={studio.monday}")
    expect(page.locator(".card")).to_have_count(6)
    expect(page.locator(".card .badge.cancelled")).to_have_count(0)
    assert returned(studio) == []


def test_of_two_administrators_at_the_same_moment_each_session_is_taken_once_and_the_other_is_told(
    small_studio, contexts
):
    studio = small_studio
    pages = [contexts().new_page(), contexts().new_page()]

    def race(*chosen: tuple[str, ...]) -> tuple[Page, Page]:
        """Both choose, both confirm, and their requests leave together; gives winner and loser."""
        held: list[Route] = []
        for page, sessions in zip(pages, chosen, strict=True):
            page.goto("about:blank")
            choose(page, studio, *sessions)
            page.route(
                POSTED, lambda route: held.append(route) if len(held) < 2 else route.continue_()
            )
        for confirm in [press(page) for page in pages]:
            confirm.click()
        until(lambda: [page.wait_for_timeout(10) for page in pages] and len(held) == 2)
        for route in held:
            route.continue_()
        told = [page.get_by_text(ACCEPTED) for page in pages]
        expect(told[0].or_(pages[0].get_by_role("alert").get_by_role("paragraph"))).to_be_visible()
        return (pages[0], pages[1]) if told[0].is_visible() else (pages[1], pages[0])

    winner, loser = race(("s1", "s2"), ("s1", "s2"))
    first = on_job_page(winner)
    trouble = loser.get_by_role("alert").filter(has_text="already in process")
    link = trouble.get_by_role("link", name="see the job")
    expect(link).to_have_attribute("href", first.replace("/bulk-cancellations", "/jobs"))
    link.click()
    expect(loser.get_by_role("heading", name="Bulk cancellation", exact=True)).to_be_visible()

    winner, loser = race(("s3", "s4", "s5"), ("s4", "s5", "s6"))
    second = on_job_page(winner)
    trouble = loser.get_by_role("alert").filter(has_text="Bookings have changed since the plan")
    expect(trouble).to_contain_text("It was 3 sessions, 3 people and CA$90.00 + 6 credits;")
    expect(trouble).to_contain_text("now it is 1 session, 3 people and CA$30.00 + 2 credits.")
    for session in ("s4", "s5"):
        expect(row(loser, session).get_by_role("checkbox")).to_be_disabled()
        expect(row(loser, session).get_by_role("link", name="See its job")).to_have_attribute(
            "href", second.replace("/bulk-cancellations", "/jobs")
        )
    expect(plan_of(loser)).to_contain_text("Sessions1")
    press(loser).click()
    third = on_job_page(loser)
    for page in pages:
        expect(status(page)).to_have_text(COMPLETED)
    until(lambda: {job["status"] for job in jobs(studio)} == {"completed"})
    lines = [audit(studio, job) for job in (first, second, third)]
    assert [len(part) for part in lines] == [2 * LINES, 3 * LINES, LINES]
    assert_books_have_each_line_once(studio, [line for part in lines for line in part])


@on_sqlite
def test_whoever_is_asked_to_wait_is_told_so_and_goes_on_by_itself(small_studio, page):
    studio = small_studio
    document = {
        "type": "/problems/too-many-requests",
        "title": "Too many requests",
        "status": 429,
        "detail": "Later.",
    }

    def later(route: Route) -> None:
        route.fulfill(status=429, json=document, headers={"Retry-After": "1"})

    note = page.get_by_text(
        re.compile("More was asked than may be asked at once. Going on in 1 s…")
    )
    page.route("**/v1/business", later, times=1)
    sign_in(page, studio, f"/bulk-cancel?{studio.week}")
    expect(note).to_be_visible()
    expect(row(page, "s1")).to_be_visible()
    expect(note).to_be_hidden()

    page.route(POSTED, later, times=2)
    row(page, "s1").get_by_role("checkbox").check()
    expect(page.get_by_role("button", name=PRESS)).to_be_enabled()
    press(page).click()
    expect(note).to_be_visible()
    on_job_page(page)
    expect(note).to_be_hidden()
    assert len(jobs(studio)) == 1


def test_a_wrong_key_is_refused_in_words_and_a_revoked_one_leads_back_to_the_sign_in(
    small_studio, contexts
):
    studio = small_studio
    page, other = contexts().new_page(), contexts().new_page()
    page.goto(studio.url)
    page.get_by_label("API key").fill("bck_" + "x" * 12 + "_" + "y" * 43)
    page.get_by_role("button", name="Sign in").click()
    unknown = page.get_by_role("alert").filter(
        has_text="This API key is unknown, has been revoked or has expired."
    )
    expect(unknown).to_be_visible()
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill(studio.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    choose(other, studio, "s1")
    revoke(studio)
    look_again(page)
    row(other, "s2").get_by_role("checkbox").check()
    for one in (page, other):
        # The process believes for some seconds still in a key that another has revoked.
        expect(one.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(one.get_by_role("alert")).to_have_text(
            "This API key is unknown, has been revoked or has expired."
        )
        expect(one.get_by_text("Yoga")).to_have_count(0)
        assert studio.key not in one.evaluate("JSON.stringify(sessionStorage)")
    studio.api.kill()
    page.get_by_label("API key").fill(studio.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The service can't be reached.")


def revoke(studio) -> None:
    async def run() -> None:
        db = Database(studio.town.database_url)
        try:
            assert await auth.revoke_key(db, studio.town.keys[BUSINESS].split("_")[1])
        finally:
            await db.close()

    in_a_thread(run())
