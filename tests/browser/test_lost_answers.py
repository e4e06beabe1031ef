"""Answers and connections that are lost: pages go on, and a press makes one job."""

import datetime as dt
from pathlib import Path

from browser.pressing import (
    COMPLETED,
    POSTED,
    assert_books_have_each_line_once,
    audit,
    choose,
    connection_lost,
    jobs,
    look_again,
    on_job_page,
    on_sqlite,
    plan_of,
    press,
    row,
    status,
)
from browser.steps import rows, sign_in
from crash.processes import until
from playwright.sync_api import Route, expect


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
