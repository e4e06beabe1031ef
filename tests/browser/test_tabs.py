"""Many tabs of one browser: what a person does goes out at once, however many watch.

The service speaks HTTP/1.1. A browser opens six connections to such a service, all tabs together.
If a page kept one for as long as it is looked at, the seventh tab would hang, and an undo wait
until its hold is over.
"""

import datetime as dt

import pytest
from browser.records import booking, client, next_monday, session
from browser.steps import sign_in
from playwright.sync_api import expect

TABS = 7
# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
# The tab is one that can be turned away from: headless, all are seen all the time.
HIDE = (
    """(() => {
  let isHidden = false;
  Object.defineProperty(document, "hidden", { get: () => isHidden });
  globalThis.hide = (value) => {"""
    """ isHidden = value; document.dispatchEvent(new Event("visibilitychange")); };
})()"""
)


@pytest.fixture
def studio(open_studio):
    """A studio with a paid session for each tab."""
    monday = next_monday()
    lines = [
        client("kim", "Kim Li"),
        *(session(f"s{number}", monday, 12 + number) for number in range(TABS)),
    ]
    return open_studio(
        lines + [booking(f"b{number}", f"s{number}", ("CAD", 2000)) for number in range(TABS)]
    )


def cancel(studio, *, hold_seconds: int, key: str) -> str:
    """Cancel one of the next week's sessions; gives the job's id."""
    days = {"date_from": str(studio.monday), "date_to": str(studio.monday + dt.timedelta(days=6))}
    on = studio.ask("GET", "/sessions", params=days | {"status": "scheduled"}).json()["data"]
    body = days | {"session_ids": [on[0]["id"]], "hold_seconds": hold_seconds}
    answer = studio.ask("POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


@on_sqlite
def test_an_undo_is_sent_at_once_from_a_seventh_tab_while_six_others_watch_jobs(studio, contexts):
    studio.town.faults(answer_503=1)  # so that what runs goes on running
    running = [
        cancel(studio, hold_seconds=0, key=f"running {number}") for number in range(TABS - 1)
    ]
    held = cancel(studio, hold_seconds=900, key="held")
    context = contexts()
    for job in running:
        tab = context.new_page()
        sign_in(tab, studio, f"/jobs/{job}")
        expect(tab.get_by_role("heading", name="Progress")).to_contain_text("In process")
    seventh = context.new_page()
    sign_in(seventh, studio, f"/jobs/{held}")
    expect(seventh.get_by_role("heading", name="Progress")).to_contain_text("On hold")
    with seventh.expect_response(
        f"**/bulk-cancellations/{held}/withdraw", timeout=60_000
    ) as answer:
        seventh.get_by_role("button", name="Undo").click()
    assert answer.value.status == 200
    expect(seventh.get_by_role("heading", name="Progress")).to_contain_text("Withdrawn")
    for tab in context.pages[: TABS - 1]:
        expect(tab.get_by_role("heading", name="Progress")).to_contain_text("In process")


@on_sqlite
def test_what_one_tab_does_to_a_job_the_others_show_at_once(studio, contexts):
    job = cancel(studio, hold_seconds=900, key="held")
    context = contexts()
    one, other = context.new_page(), context.new_page()
    for page in (one, other):
        page.clock.install()
        sign_in(page, studio, f"/jobs/{job}")
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
    # The other tab looks only when it is told to.
    other.clock.pause_at(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    one.get_by_role("button", name="Undo").click()
    expect(other.get_by_role("heading", name="Progress")).to_contain_text("Withdrawn")


@on_sqlite
@pytest.mark.parametrize("path", ["job", "/?from={monday}", "/jobs", "/bulk-cancel?{week}"])
def test_a_tab_that_is_not_seen_asks_nothing_and_lets_go_of_what_it_had_asked(
    studio, contexts, path
):
    job = cancel(studio, hold_seconds=900, key="held")
    page = contexts().new_page()
    page.clock.install()
    page.add_init_script(HIDE)
    path = f"/jobs/{job}" if path == "job" else path.format(monday=studio.monday, week=studio.week)
    sign_in(page, studio, path)
    expect(page.locator("tbody tr, .card, .row").filter(visible=True).first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.clock.pause_at(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/v1/**", lambda _route: None, times=1)  # never answered
    page.evaluate("hide(false)")  # looks at once
    with page.expect_event("requestfailed") as ended:
        if not asked:
            page.wait_for_event("request")
        page.evaluate("hide(true)")
    assert ended.value.failure == "net::ERR_ABORTED"
    asked.clear()
    page.clock.run_for(300_000)
    assert asked == []
    with page.expect_response("**/v1/**") as answer:
        page.evaluate("hide(false)")
    assert answer.value.ok
