"""Above a limit the plan and the confirm step say so; somebody else approves or refuses it."""

import pytest
from browser.pressing import choose, jobs, on_job_page, plan_of, press, status
from browser.records import BUSINESS
from browser.steps import never_poll
from browser.test_access import examine
from crash.processes import until
from playwright.sync_api import expect
from postgresql_databases import in_a_thread

from app.auth import keys
from app.db.core.engine import Database

# Nothing of this depends on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def limited(small_studio):
    """A small studio of which nobody cancels more than one session alone."""
    answer = small_studio.ask("PUT", "/approval-limits", json={"sessions": 1})
    assert answer.status_code == 200
    return small_studio


@pytest.fixture
def other(limited, contexts):
    """Somebody else's page of a job."""
    key = in_a_thread(_another_key(limited.town.database_url))

    def opened(job):
        page = contexts(bypass_csp=True).new_page()
        page.goto(f"{limited.url}/jobs/{job['id']}#key={key}")
        return page

    return opened


async def _another_key(url):
    db = Database(url)
    try:
        return await keys.create_key(db, BUSINESS, "approver", list(keys.Scope))
    finally:
        await db.close()


def ask(page, studio):
    choose(page, studio, "s1", "s2")
    expect(plan_of(page)).to_contain_text("Somebody else has to approve this")
    confirm = press(page, "At once")
    expect(page.get_by_role("dialog")).to_contain_text("2 sessions; without approval at most 1")
    confirm.click()
    on_job_page(page)
    return jobs(studio)[0]


def test_what_is_asked_for_is_approved_by_somebody_else_who_sees_the_plan_of_now(
    limited, contexts, other
):
    page = contexts(bypass_csp=True).new_page()
    job = ask(page, limited)
    expect(status(page)).to_contain_text("Awaiting approval")
    examine(page)
    page.get_by_role("button", name="Look at it and decide").click()
    page.get_by_role("button", name="Approve: cancel 2 sessions").click()
    expect(page.get_by_role("alert").get_by_text("You have asked for it")).to_be_visible()
    assert limited.ask("GET", "/sessions/s1").json()["status"] == "scheduled"

    theirs = other(job)
    theirs.get_by_role("button", name="Look at it and decide").click()
    expect(theirs.get_by_text("This cancels 2 sessions")).to_be_visible()
    examine(theirs)
    theirs.get_by_role("button", name="Approve: cancel 2 sessions").click()
    expect(theirs.get_by_role("heading", name="Awaiting approval", exact=True)).to_be_hidden()
    until(lambda: jobs(limited)[0]["status"] == "completed")
    assert limited.ask("GET", "/sessions/s1").json()["status"] == "cancelled"
    expect(theirs.get_by_text("Approved by approver")).to_be_visible()


def test_a_refusal_says_why_and_its_sessions_stay(limited, contexts, other):
    page = contexts(bypass_csp=True).new_page()
    never_poll(page)
    theirs = other(ask(page, limited))
    theirs.get_by_role("button", name="Look at it and decide").click()
    theirs.get_by_role("button", name="Refuse").click()
    expect(theirs.get_by_text("Say why, for who asked.")).to_be_visible()
    theirs.get_by_label("Note, for who asked").fill("Not this week")
    theirs.get_by_role("button", name="Refuse").click()
    expect(status(theirs)).to_contain_text("Refused")
    expect(theirs.get_by_text("Refused by approver: Not this week")).to_be_visible()
    examine(theirs)
    assert limited.ask("GET", "/sessions/s1").json()["status"] == "scheduled"
