"""What the pages say of a bulk cancellation in each of its states.

And of a service in which no money moves.
"""

import datetime as dt
import json
import re

import pytest
from browser.pressing import job_of
from browser.records import booking, client, next_monday, session
from browser.steps import PRESS, at_once, sign_in
from playwright.sync_api import Page, expect

from app.domain.statuses import IN_PROCESS, JobStatus, RefundStatus, SessionOutcome

TEST_MODE = "Test mode: no money moves"
# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def small() -> list[bytes]:
    monday = next_monday()
    return [client("kim", "Kim Li"), session("s0", monday, 15), booking("b0", "s0", ("CAD", 2000))]


def press_on_hold(page: Page, studio) -> None:
    sign_in(page, studio, f"/bulk-cancel?{studio.week}")
    page.locator(".row input").check()
    page.get_by_label("Return money and credits").select_option("After 15 minutes")
    page.get_by_role("button", name=PRESS).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 1 session").click()
    expect(page.get_by_role("heading", name="Progress")).to_contain_text("On hold")


@on_sqlite
def test_the_table_of_words_has_each_status_of_the_api_and_no_other(open_studio, page):
    studio = open_studio([])
    page.goto(f"{studio.url}/c/studio")
    words = page.evaluate(
        (
            """outcomes => import('/console/states.js').then("""
            """({ JOB, REFUND, jobWord, acceptedWords, sessionsWords, owedWords,"""
            """ refundWord, outcomeWord }) => ({
             jobs: Object.keys(JOB),
             refunds: Object.keys(REFUND),
             names: Object.keys(JOB).map(jobWord),
             open: Object.keys(JOB).filter((one) => JOB[one].isOpen),
             said: Object.keys(JOB).flatMap((job) => [
               acceptedWords(job), sessionsWords(job, 2), owedWords(job),
               ...Object.keys(REFUND).map((status) => refundWord(status, job)),
               ...outcomes.map((outcome) => outcomeWord(outcome, job)),
             ]),
           }))"""
        ),
        list(SessionOutcome),
    )
    assert sorted(words["jobs"]) == sorted(JobStatus)
    assert sorted(words["refunds"]) == sorted(RefundStatus)
    assert set(words["open"]) == set(IN_PROCESS)
    assert len(set(words["names"])) == len(JobStatus)  # each has a name of its own
    assert all(words["said"])


@on_sqlite
def test_what_is_on_hold_is_not_said_to_be_processed_and_what_is_undone_not_to_be_cancelled(
    open_studio, page
):
    studio = open_studio(small())
    press_on_hold(page, studio)
    main, facts = page.locator("main"), page.locator("dl.facts").first
    expect(
        page.get_by_text("Your job is on hold: nothing is returned before that ends.").first
    ).to_be_visible()
    expect(page.get_by_text("being processed")).to_have_count(0)
    expect(facts).to_contain_text("Sessions1 cancelled")
    expect(facts).to_contain_text("To returnCA$20.00")
    expect(page.get_by_role("row").filter(has_text="S0")).to_contain_text("Cancelled")
    job = job_of(page)
    page.goto(f"{studio.url}/?from={studio.monday}")
    expect(page.locator(".card.cancelled").get_by_role("link")).to_have_text(
        "Refunds not settled yet"
    )

    page.goto(f"{studio.url}/jobs/{job}")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Progress")).to_contain_text("Withdrawn")
    expect(facts).to_contain_text("Sessions1 scheduled again")
    expect(facts).to_contain_text("Would have returnedCA$20.00")
    expect(page.get_by_label("Refunds by status")).to_have_text("Not returned1 · CA$20.00")
    expect(page.get_by_role("row").filter(has_text="S0")).to_contain_text(
        "Scheduled again1 not returned"
    )
    said = main.inner_text()
    assert not re.search(r"cancelled|To return|Nothing to return|being processed", said), said
    page.goto(f"{studio.url}/jobs")
    row = page.get_by_role("row").filter(has_text="Withdrawn")
    expect(row).to_contain_text("Would have returned CA$20.00")


@on_sqlite
def test_while_the_sandbox_answers_every_page_says_that_no_money_moves(open_studio, contexts):
    studio = open_studio(small(), payments_url="sandbox", credits_url="sandbox")
    page = contexts().new_page()
    for path in ("/", "/c/studio", "/docs"):  # the first is the sign-in: nobody has a key yet
        page.goto(studio.url + path)
        expect(page.get_by_text(TEST_MODE, exact=True)).to_be_in_viewport()
    press_on_hold(page, studio)
    for path in ("", "/", "/bulk-cancel", "/jobs"):
        page.goto(studio.url + path if path else page.url)
        expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
        expect(page.get_by_text(TEST_MODE, exact=True)).to_be_in_viewport()


@on_sqlite
def test_where_money_moves_no_page_says_that_none_does(open_studio, page):
    studio = open_studio(small())
    for path, shown in (("/", ".day"), ("/c/studio", ".day"), ("/docs", ".opblock")):
        sign_in(page, studio, path)
        expect(page.locator(shown).first).to_be_visible()
        expect(page.get_by_text("Test mode")).to_have_count(0)


@on_sqlite
def test_what_was_paid_and_stays_is_named_with_its_sum_before_the_press_and_after(
    open_studio, page
):
    today = dt.datetime.now(dt.UTC).date()
    day = today - dt.timedelta(days=1)
    came = json.loads(booking("b0", "s0", ("CAD", 2000), ("credits", 2))) | {"status": "checked_in"}
    studio = open_studio(
        [
            client("kim", "Kim Li"),
            session("s0", day, 15),
            json.dumps(came).encode(),
            booking("b1", "s0", ("CAD", 700), client_id="kim"),
        ]
    )
    sign_in(page, studio, f"/bulk-cancel?from={day}&to={day}")
    page.locator(".row input").check()
    plan = page.get_by_role("region", name="What this will do")
    expect(plan).to_contain_text("To returnCA$7.00KeptCA$20.00 + 2 credits")
    at_once(page)
    page.get_by_role("button", name=PRESS).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("KeptCA$20.00 + 2 credits")
    dialog.get_by_role("button", name="Cancel 1 session").click()
    expect(page.get_by_role("heading", name="Progress")).to_contain_text("Completed")
    expect(page.locator("dl.facts").first).to_contain_text(
        "Was to returnCA$7.00KeptCA$20.00 + 2 credits"
    )
    expect(page.get_by_label("Refunds by status")).to_contain_text("CA$20.00 + 2 credits kept")
