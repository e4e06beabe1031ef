"""The mission's journey in a browser, on the public API alone.

From the cog wheel to the money that is back.
"""

from pathlib import Path

from browser.pressing import job_of
from browser.steps import ACCEPTED, PRESS, at_once, never_poll, rows, sign_in
from crash.processes import until
from playwright.sync_api import Page, expect


def choose_all(page: Page) -> None:
    page.get_by_role("button", name="Select all", exact=True).click()
    expect(page.get_by_role("button", name=PRESS)).to_be_enabled()


def press(page: Page, sessions: int) -> list[dict[str, str]]:
    """Press and confirm; gives the lines of the CSV that was downloaded."""
    at_once(page)
    page.get_by_role("button", name=PRESS).click()
    dialog = page.get_by_role("dialog")
    if sessions >= 20:
        dialog.get_by_label(f"Type {sessions} to confirm").fill(str(sessions))
    with page.expect_download() as download:
        dialog.get_by_role("button", name=f"Cancel {sessions} session").click()
    return rows(Path(download.value.path()).read_text())


def test_an_administrator_cancels_a_week_and_every_client_gets_their_money_back(studio, page):
    studio.town.faults(latency_seconds=0.05)
    sign_in(page, studio, f"/?from={studio.monday}")
    expect(page.locator(".card")).to_have_count(45)
    page.get_by_role("button", name="Schedule settings").click()
    page.get_by_role("link", name="Bulk Cancel Sessions").click()
    expect(page.get_by_label("From", exact=True)).to_have_value(str(studio.monday))
    expect(page.locator(".row")).to_have_count(45)
    choose_all(page)
    plan = studio.ask(
        "POST",
        "/bulk-cancellations/plan",
        json={
            "date_from": page.get_by_label("From", exact=True).input_value(),
            "date_to": page.get_by_label("To", exact=True).input_value(),
        }
        | {"session_ids": "all"},
    ).json()
    figures = page.get_by_role("region", name="What this will do")
    expect(figures).to_contain_text(f"People{plan['totals']['clients']}")
    expect(figures).to_contain_text(f"{plan['totals']['credits']} credits")
    page.get_by_label("Reason").fill("Snow day")
    accepted = press(page, 45)
    expect(page.get_by_text(ACCEPTED)).to_be_visible()
    expect(page.get_by_role("heading", name="Progress")).to_contain_text("Completed")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the final CSV").click()
    final = rows(Path(download.value.path()).read_text())
    promised = {
        row["refund_id"]: (row["amount"], row["credits"])
        for row in accepted
        if row["status"] == "pending"
    }
    returned = {
        row["refund_id"]: (row["amount"], row["credits"])
        for row in final
        if row["status"] == "succeeded"
    }
    assert promised == returned
    books = studio.town.books()
    references = [
        one["reference"] for service in ("payments", "credits") for one in books[service]["effects"]
    ]
    assert sorted(references) == sorted(promised)
    page.get_by_role("link", name="Schedule").click()
    page.goto(f"{studio.url}/?from={studio.monday}")
    expect(page.locator(".card .badge.cancelled")).to_have_count(45)


def test_sessions_chosen_again_are_answered_with_already_in_process_and_the_job_that_has_them(
    studio, contexts
):
    studio.town.faults(answer_503=1)  # so that the job is in process until everybody has looked
    first, second = contexts().new_page(), contexts().new_page()
    never_poll(second)
    for page in (first, second):
        sign_in(page, studio, f"/bulk-cancel?{studio.week}")
        page.locator(".row").first.get_by_role("checkbox").check()
        expect(page.get_by_role("button", name=PRESS)).to_be_enabled()
    press(first, 1)
    job = job_of(first)
    # The second administrator has seen neither, and confirms what is no longer so.
    at_once(second)
    second.get_by_role("button", name=PRESS).click()
    second.get_by_role("dialog").get_by_role("button", name="Cancel 1 session").click()
    trouble = second.get_by_role("alert").filter(has_text="already in process")
    expect(trouble).to_be_visible()
    expect(trouble.get_by_role("link", name="see the job")).to_have_attribute(
        "href", f"/jobs/{job}"
    )
    row = second.locator(".row").first
    expect(row.get_by_role("checkbox")).to_be_disabled()
    expect(row).to_contain_text("Already in process")
    studio.town.faults()
    until(
        lambda: studio.ask("GET", "/bulk-cancellations").json()["data"][0]["status"] == "completed"
    )
    assert len(studio.ask("GET", "/bulk-cancellations").json()["data"]) == 1
