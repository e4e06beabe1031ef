"""A press, step by step: sessions chosen, a plan, a job's page, its audit and the books."""

import re

import pytest
from browser.steps import ACCEPTED, PRESS, rows, sign_in
from crash.processes import until
from playwright.sync_api import Locator, Page, expect

from app.schedule.sample import CURRENCY

POSTED = "**/v1/bulk-cancellations"  # a press; lists have a query
LINES = 4  # a session's, of three bookings
COMPLETED = re.compile(r"Completed$")
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


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


def press(page: Page, returning: str = "At once") -> Locator:
    """Press, which asks once more; gives the button that confirms."""
    page.get_by_label("Return money and credits").select_option(returning)
    page.get_by_role("button", name=PRESS).click()
    return page.get_by_role("dialog").get_by_role("button", name=re.compile("^Cancel "))


def on_job_page(page: Page) -> str:
    """Wait for the page of the job that was made; gives the job's path."""
    expect(page.get_by_text(ACCEPTED)).to_be_visible()
    return f"/bulk-cancellations/{job_of(page)}"


def job_of(page: Page) -> str:
    """Wait for the address of a job's page, known later than its words at times; gives the job."""
    page.wait_for_url("**/jobs/*")
    return page.url.rpartition("/")[2]


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
