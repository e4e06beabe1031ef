"""All jobs: who asked, what came back and what did not; and the mark on every page."""

import re

import pytest
from browser.pressing import look_again
from browser.test_access import examine, walk
from crash.processes import until
from playwright.sync_api import expect

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def cancel(studio, session: str, **more) -> str:
    week = dict(part.split("=") for part in studio.week.split("&"))
    body = {"date_from": week["from"], "date_to": week["to"], "session_ids": [session]} | more
    accepted = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": session}
    )
    assert accepted.status_code == 202, accepted.text
    return f"/bulk-cancellations/{accepted.json()['id']}"


def ended(studio, job: str) -> dict:
    def look():
        found = studio.ask("GET", job).json()
        return found if found["finished_at"] else None

    return until(look)


def test_each_job_says_what_came_back_and_what_did_not_and_the_mark_who_is_needed(
    small_studio, contexts
):
    page = contexts(bypass_csp=True).new_page()
    studio = small_studio
    studio.town.faults_of(payments={"refuse_ids": {"pay-s1-kim": "refund_window_expired"}})
    failed = cancel(studio, "s1", reason="W" * 200)
    ended(studio, failed)
    ended(studio, cancel(studio, "s2"))
    cancel(studio, "s3", hold_seconds=900)
    page.goto(studio.signed_in("/jobs"))
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(3)
    row = rows.last
    expect(row).to_contain_text("by front desk")
    expect(row).to_contain_text("1 session, 3 people")
    expect(row.locator("td").nth(4)).to_have_text("CA$10.00 + 2 credits")
    expect(row.locator("td").nth(5)).to_have_text("CA$20.00")
    expect(rows.nth(1).locator("td").nth(5)).to_have_text("")
    mark = page.get_by_role("navigation", name="Pages").get_by_role("link", name="1 need you")
    expect(mark).to_be_visible()
    examine(page)
    walk(page)

    show = page.get_by_role("navigation", name="Show")
    show.get_by_role("link", name="Need you").click()
    expect(rows).to_have_count(1)
    expect(show.get_by_role("link", name="Need you")).to_have_attribute("aria-current", "true")
    show.get_by_role("link", name="On hold").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("On hold")
    show.get_by_role("link", name="Withdrawn").click()
    expect(page.get_by_text("There are none in this state.")).to_be_visible()
    examine(page)
    page.go_back()
    expect(rows).to_contain_text("On hold")

    [refund] = studio.ask("GET", f"{failed}/outstanding").json()["data"]
    closed = {"resolution": "waived", "reference": "desk"}
    answer = studio.ask("POST", f"{failed}/refunds/{refund['id']}/resolve", json=closed)
    assert answer.status_code == 200, answer.text
    page.goto(f"{studio.url}/")
    look_again(page)
    expect(page.locator(".mark")).to_be_hidden()
    expect(page.get_by_role("link", name=re.compile("need you"))).to_have_count(0)


@on_sqlite
def test_the_mark_costs_one_question_after_the_page_is_there(small_studio, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(small_studio.signed_in("/"))
    expect(page.locator(".day").first).to_be_visible()
    until(lambda: [url for url in asked if "needs_person" in url] or page.wait_for_timeout(20))
    [question] = [url for url in asked if "/bulk-cancellations" in url]
    assert question.endswith("?needs_person=true&limit=9")
