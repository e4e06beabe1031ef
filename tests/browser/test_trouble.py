"""What goes wrong around the console.

Refunds that fail, presses that cross, answers and connections that are lost.
"""

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
from browser.records import BUSINESS
from browser.steps import ACCEPTED, PRESS, rows, sign_in
from crash.processes import until
from playwright.sync_api import Locator, Page, Route, expect
from postgresql_databases import in_a_thread

from app.auth import keys as auth
from app.db.core.engine import Database
from app.schedule.sample import CURRENCY, ZONE

POSTED = "**/v1/bulk-cancellations"  # a press; lists have a query
LINES = 4  # a session's, of three bookings
COMPLETED = re.compile(r"Completed$")
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def small_studio(open_studio):
    """A studio with six sessions s1 to s6 next week.

    Each is booked by Kim (a card), Lee (a credit) and Ana (both).
    """
    today = dt.datetime.now(ZoneInfo(ZONE)).date()
    monday = today - dt.timedelta(days=today.weekday()) + dt.timedelta(days=7)
    records = [
        {"type": "client", "id": name, "name": name.title()}
        for name in ("kim", "lee", "ana", "zoe")
    ]
    for number in range(1, 7):
        session = f"s{number}"
        starts_at = dt.datetime.combine(
            monday + dt.timedelta(days=number - 1), dt.time(10), ZoneInfo(ZONE)
        )
        records.append(
            {
                "type": "session",
                "id": session,
                "name": f"Yoga {number}",
                "starts_at": starts_at.isoformat(),
                "ends_at": (starts_at + dt.timedelta(hours=1)).isoformat(),
            }
        )
        half = card(f"pay-{session}-ana", 1000)
        records += [
            {"type": "booking", "id": f"{session}-kim"}
            | booking(session, "kim", [card(f"pay-{session}-kim", 2000)]),
            {"type": "booking", "id": f"{session}-lee"}
            | booking(session, "lee", [credit(f"acc-{session}-lee")]),
            {"type": "booking", "id": f"{session}-ana"}
            | booking(session, "ana", [half, credit(f"acc-{session}-ana")]),
        ]
    return open_studio(lines=[orjson.dumps(record) for record in records])


def card(payment_id: str, amount_minor: int) -> dict:
    return {
        "method": "payment",
        "payment_id": payment_id,
        "amount_minor": amount_minor,
        "currency": CURRENCY,
    }


def credit(account_id: str) -> dict:
    return {"method": "credit", "account_id": account_id, "credits": 1}


def booking(session: str, client: str, payments: list[dict]) -> dict:
    return {"session_id": session, "client_id": client, "status": "booked", "payments": payments}


def choose(page: Page, studio, *sessions: str) -> None:
    """Sign in, tick these sessions and wait for their plan."""
    sign_in(page, studio, f"/bulk-cancel?{studio.week}")
    for session in sessions:
        row(page, session).get_by_role("checkbox").check()
    expect(page.get_by_role("button", name=PRESS)).to_be_enabled()
    expect(plan_of(page)).to_contain_text(f"Sessions{len(sessions)}")


def row(page: Page, session: str) -> Locator:
    return page.locator(f'[data-session="{session}"]')


def plan_of(page: Page) -> Locator:
    return page.get_by_role("region", name="What this will do")


def press(page: Page) -> Locator:
    """Press, which asks once more; gives the button that confirms."""
    page.get_by_role("button", name=PRESS).click()
    return page.get_by_role("dialog").get_by_role("button", name=re.compile("^Cancel "))


def on_job_page(page: Page) -> str:
    """Wait for the page of the job that was made; gives the job's path."""
    expect(page.get_by_text(ACCEPTED)).to_be_visible()
    return "/bulk-cancellations/" + page.url.rpartition("/")[2]


def status(page: Page) -> Locator:
    return page.get_by_role("heading", name="Progress")


def connection_lost(page: Page) -> Locator:
    return page.get_by_text("The connection is lost. Coming back by itself…")


def jobs(studio) -> list[dict]:
    return studio.ask("GET", "/bulk-cancellations").json()["data"]


def audit(studio, job: str) -> list[dict[str, str]]:
    return rows(studio.ask("GET", f"{job}/audit.csv").text)


def returned(studio) -> list[dict]:
    """What the sandbox's books say was returned."""
    books = studio.town.books()
    return [one for service in ("payments", "credits") for one in books[service]["effects"]]


def assert_books_have_each_line_once(studio, lines: list[dict[str, str]]) -> None:
    """The books and these lines of an audit hold the same refunds; no payment came back by two."""
    effects = returned(studio)
    assert sorted(one["reference"] for one in effects) == sorted(
        line["refund_id"] for line in lines
    )
    assert {one["status"] for one in effects} == {"succeeded"}
    payments = [one["subject"] for one in effects if one["currency"] is not None]
    assert len(payments) == len(set(payments))


def look_again(page: Page) -> None:
    """As when the person comes back to the tab: the page looks at once, not after its seconds."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def come_to_an_end(page: Page, studio, job: str, *, rejected: int) -> None:
    """Wait for the job's end, and have the page look.

    It looks each second while a job is in process, not each ten as before.
    """

    def is_over() -> bool:
        now = studio.ask("GET", job).json()
        return (
            now["status"].startswith("completed")
            and now["refunds"]["rejected"]["count"] == rejected
        )

    until(is_over)
    page.clock.run_for(1_500)


def say_what_came_back(dialog):
    """18.15 of the 20.00 that were paid, in cash."""
    dialog.get_by_label("It was returned in another way").check()
    amount = dialog.get_by_label("Amount in CAD, if not all of it")
    dialog.get_by_label("Nothing is to be returned").check()
    expect(amount).to_be_disabled()
    dialog.get_by_label("It was returned in another way").check()
    dialog.get_by_label("Reference, for the audit").fill("receipt 17")
    amount.fill("20.01")  # more than was paid: the browser says so
    dialog.get_by_role("button", name="Resolve").click()
    expect(amount).to_be_focused()
    amount.fill("18.15")
    dialog.get_by_label("Note").fill("Cash at the desk")
    dialog.get_by_role("button", name="Resolve").click()


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
    expect(needed).to_contain_text("4 refunds that no machine can go on with")
    entry = needed.get_by_role("row").filter(has_text="s1-kim")
    expect(entry).to_contain_text("CA$20.00")
    expect(entry).to_contain_text("The payment is unknown there.")
    expect(needed.get_by_role("row").filter(has_text="s1-ana")).to_contain_text(
        "The payment is disputed."
    )
    expect(needed.get_by_role("row").filter(has_text="s2-lee")).to_contain_text("account_closed")

    entry.get_by_role("button", name="Resolve by hand: CA$20.00 of booking s1-kim").click()
    dialog = page.get_by_role("dialog", name="Resolve CA$20.00 of booking s1-kim")
    dialog.get_by_role("button", name="Resolve").click()
    expect(dialog.get_by_label("Reference, for the audit")).to_be_focused()  # it is required
    dialog.get_by_role("button", name="Leave it open").click()
    expect(dialog).to_be_hidden()
    entry.get_by_role("button").click()
    say_what_came_back(dialog)
    expect(dialog).to_be_hidden()
    expect(needed).to_contain_text("3 refunds that no machine can go on with")
    expect(entry).to_have_count(0)
    expect(page.get_by_label("Refunds by status")).to_contain_text("Resolved by hand1 · CA$20.00")

    studio.town.faults()
    page.clock.pause_at(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    needed.get_by_role("button", name="Try all of them again").click()
    come_to_an_end(page, studio, job, rejected=1)
    expect(needed).to_contain_text("1 refund that no machine can go on with")
    # A disputed one is tried again by its name only.
    expect(needed.get_by_role("button", name="Try all of them again")).to_be_hidden()
    needed.get_by_role("row").filter(has_text="s1-ana").get_by_role(
        "button", name="Try again"
    ).click()
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


def test_a_plan_that_is_no_longer_true_is_refused_and_what_is_on_hold_can_be_undone(
    small_studio, page
):
    studio = small_studio
    choose(page, studio, "s1", "s2")
    page.get_by_label("Return money and credits").select_option("After 5 minutes")
    confirm = press(page)
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
    confirm = press(page)
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
    press(page).click()

    job = on_job_page(page)
    expect(status(page)).to_contain_text("On hold")
    hold = page.get_by_role("region", name="On hold", exact=True)
    expect(hold).to_contain_text("On hold: nothing is returned for another 5 minutes.")
    assert studio.ask("GET", "/sessions/s1").json()["status"] == "cancelled"
    hold.get_by_role("button", name="Undo: schedule the sessions again").click()
    expect(status(page)).to_contain_text("Withdrawn")
    expect(
        page.get_by_text("its sessions are scheduled again and nothing was returned")
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


def test_pages_go_on_by_themselves_when_a_service_that_ended_or_died_is_back(studio, contexts):
    studio.town.faults(latency_seconds=0.5)
    context = contexts()
    page, schedule = context.new_page(), context.new_page()
    page.clock.install()
    body = {
        "date_from": str(studio.monday),
        "date_to": str(studio.monday + dt.timedelta(days=6)),
        "session_ids": "all",
    }
    job = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": "once"}
    ).json()["id"]
    sign_in(page, studio, f"/jobs/{job}")
    expect(status(page)).to_contain_text("In process")
    expect(page.get_by_text("returned so far").filter(has_text="CA$")).to_be_visible()
    sign_in(schedule, studio, f"/?from={studio.monday}")
    expect(schedule.locator(".card").get_by_text("Refunds not settled yet")).to_have_count(45)
    not_reached = schedule.get_by_text("The service can't be reached. Trying again…")

    studio.api.end(2)
    expect(connection_lost(page)).to_be_visible()
    look_again(schedule)
    expect(not_reached).to_be_visible()
    expect(schedule.locator(".card")).to_have_count(45)
    studio.api = studio.town.api()
    expect(connection_lost(page)).to_be_hidden()
    look_again(schedule)
    expect(not_reached).to_be_hidden()
    expect(status(page)).to_contain_text("In process")

    studio.api.kill()
    expect(connection_lost(page)).to_be_visible()
    studio.town.faults()
    studio.api = studio.town.api()
    expect(status(page)).to_have_text(COMPLETED)
    expect(connection_lost(page)).to_be_hidden()
    expect(schedule.locator(".card").get_by_role("link", name="Refunds", exact=True)).to_have_count(
        45
    )
    lines = [
        line
        for line in audit(studio, f"/bulk-cancellations/{job}")
        if line["status"] == "succeeded"
    ]
    assert len(lines) > 300
    assert_books_have_each_line_once(studio, lines)

    # A job that has ended is looked at now and then.
    studio.api.kill()
    page.clock.fast_forward(11_000)
    expect(connection_lost(page)).to_be_visible()
    studio.api = studio.town.api()
    page.clock.fast_forward(11_000)
    expect(connection_lost(page)).to_be_hidden()


@on_sqlite
def test_a_press_whose_answer_is_lost_is_asked_again_under_its_key_and_makes_one_job(
    small_studio, page
):
    studio = small_studio
    page.clock.install()
    keys: list[str] = []
    answers: list[int] = []

    def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        answers.append(route.fetch().status)
        route.abort()

    page.route(POSTED, lose, times=1)
    choose(page, studio, "s1", "s2")
    confirm = press(page)
    with (
        page.expect_download() as download,
        page.expect_request(lambda sent: sent.method == "POST" and len(keys) == 1) as again,
    ):
        confirm.click()
        expect(
            page.get_by_role("alert").filter(has_text="Asking again, under the same key")
        ).to_be_visible()
    job = on_job_page(page)
    assert [again.value.headers["idempotency-key"]] == keys
    [only] = jobs(studio)
    promised = rows(Path(download.value.path()).read_text())
    assert {line["job_id"] for line in promised} == {only["id"]} == {job.rpartition("/")[2]}
    expect(status(page)).to_have_text(COMPLETED)
    assert_books_have_each_line_once(studio, promised)

    page.route(POSTED, lose)
    choose(page, studio, "s3")
    press(page).click()
    expect(
        page.get_by_role("alert").filter(has_text="Asking again, under the same key")
    ).to_be_visible()
    for session in ("s4", "s5"):
        row(page, session).get_by_role("checkbox").check()
    expect(row(page, "s3").get_by_role("link", name="See its job")).to_be_visible()
    expect(plan_of(page)).not_to_have_attribute("aria-busy", "true")
    # There is another plan, but one press at a time.
    expect(plan_of(page)).to_contain_text("Sessions2")
    expect(page.get_by_role("button", name="Cancelling…")).to_be_disabled()
    ask_again = page.get_by_role("button", name="Ask what became of it")
    until(lambda: page.clock.fast_forward(10_000) or ask_again.is_visible())
    expect(page.get_by_role("alert").filter(has_text="Asking again is safe.")).to_be_visible()
    assert answers == [202] * len(answers)
    [[first], [second]] = [set(keys[:1]), set(keys[1:])]
    assert first != second
    page.reload()
    expect(page.get_by_text("There was no answer to the cancellation of 1 session")).to_be_visible()
    expect(row(page, "s3").get_by_role("link", name="See its job")).to_be_visible()
    page.unroute(POSTED)
    with page.expect_download() as download:
        page.get_by_role("button", name="Ask what became of it").click()
    on_job_page(page)
    assert len(jobs(studio)) == 2
    expect(status(page)).to_have_text(COMPLETED)
    assert_books_have_each_line_once(
        studio, promised + rows(Path(download.value.path()).read_text())
    )
    page.goto(f"{studio.url}/bulk-cancel?{studio.week}")
    expect(page.get_by_text("0 of 3 sessions selected")).to_be_visible()
    expect(page.get_by_text("There was no answer to the cancellation")).to_have_count(0)


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
        re.compile("More was asked than this key may ask for at once. Going on in 1 s…")
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
        has_text="This API key is unknown or has been revoked."
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
            "This API key is unknown or has been revoked."
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
