"""The audit as files that a person saves: whole or not at all, and as a workbook too.

The CSV is marked as UTF-8.
"""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from browser.records import BUSINESS, booking, client, next_monday, session
from browser.steps import ACCEPTED, PRESS, at_once, rows, sign_in
from crash.processes import until
from playwright.sync_api import Download, Page, Route, expect
from postgresql_databases import in_a_thread

from app.auth import keys
from app.db.core.engine import Database

MARK = b"\xef\xbb\xbf"
# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def studio(open_studio):
    """A studio with three paid bookings, one of a client with an accent."""
    monday = next_monday()
    lines = [
        client("kim", "Zoë"),
        *(session(f"s{number}", monday, 12 + number) for number in range(3)),
    ]
    return open_studio(
        lines + [booking(f"b{number}", f"s{number}", ("CAD", 2000)) for number in range(3)]
    )


def cut(route: Route) -> None:
    """Answer with the first half, as by a proxy that takes a connection's end for an answer's."""
    answer = route.fetch()
    body = answer.body()
    route.fulfill(response=answer, body=body[: len(body) // 2])


def downloads(page: Page) -> list[Download]:
    """All that the page saves from now on."""
    saved: list[Download] = []

    def keep(download: Download) -> None:
        saved.append(download)

    page.on("download", keep)
    return saved


def press_all(page: Page, studio) -> None:
    sign_in(page, studio, f"/bulk-cancel?{studio.week}")
    page.get_by_role("button", name="Select all", exact=True).click()
    at_once(page)
    page.get_by_role("button", name=PRESS).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 3 sessions").click()


@on_sqlite
def test_the_csv_of_a_press_is_saved_with_the_mark_of_utf_8(studio, contexts):
    page = contexts().new_page()
    with page.expect_download() as download:
        press_all(page, studio)
    saved = Path(download.value.path()).read_bytes()
    assert saved.startswith(MARK)
    lines = rows(saved.decode())
    assert {line["client_name"] for line in lines} == {"Zoë"}
    expect(page.get_by_text(ACCEPTED)).to_contain_text(
        "Its CSV has been downloaded for your audit."
    )


@on_sqlite
def test_a_csv_of_a_press_that_broke_off_is_not_saved_and_the_job_is_shown_all_the_same(
    studio, page
):
    saved = downloads(page)
    page.route(re.compile(r"/v1/bulk-cancellations$"), cut)
    press_all(page, studio)
    expect(page.get_by_text(ACCEPTED)).to_contain_text(
        "The download of its CSV broke off: take it from here."
    )
    assert saved == []
    assert len(studio.ask("GET", "/bulk-cancellations").json()["data"]) == 1


@on_sqlite
def test_files_of_a_job_are_saved_whole_or_not_at_all(studio, page, tmp_path):
    body = {"date_from": str(studio.monday), "date_to": str(studio.monday), "session_ids": "all"}
    job = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": "once"}
    ).json()["id"]
    until(lambda: studio.ask("GET", f"/bulk-cancellations/{job}").json()["status"] == "completed")
    saved = downloads(page)
    sign_in(page, studio, f"/jobs/{job}")
    as_csv = page.get_by_role("button", name="Download the final CSV")
    as_workbook = page.get_by_role("button", name="Download for a spreadsheet (.xlsx)")
    as_proof = page.get_by_role("button", name="Download its signed proof")
    trouble = page.get_by_role("alert").filter(has_text="broke off")

    page.route(re.compile(r"/audit\.(csv|proof|xlsx)"), cut)
    as_csv.click()
    cut_off = re.compile(
        r"^The download broke off: [0-2] of 3 lines came\. Nothing was saved: try again\.$"
    )
    expect(trouble).to_have_text(cut_off)
    for button in (as_workbook, as_proof):
        button.click()
        expect(trouble).to_have_text("The download broke off. Nothing was saved: try again.")
    assert saved == []

    page.unroute(re.compile(r"/audit\.(csv|proof|xlsx)"))
    with page.expect_download() as download:
        as_csv.click()
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(MARK)
    assert not content.removeprefix(MARK).startswith(MARK)
    assert [line["status"] for line in rows(content.decode())] == ["succeeded"] * 3
    expect(trouble).to_have_count(0)
    with page.expect_download() as download:
        as_workbook.click()
    assert download.value.suggested_filename == f"bulk-cancellation-{job}.xlsx"
    assert zipfile.ZipFile(download.value.path()).testzip() is None
    with page.expect_download() as download:
        as_proof.click()
    assert download.value.suggested_filename == f"bulk-cancellation-{job}.proof"
    files = [tmp_path / name for name in ("audit.csv", "audit.proof", "keys.json")]
    signed = Path(download.value.path()).read_bytes()
    keys = studio.ask("GET", "/evidence/keys").content
    for path, given in zip(files, (content, signed, keys), strict=True):
        path.write_bytes(given)
    audit, proof, published = files
    check = [sys.executable, "-m", "app.cli", "check-audit", audit, proof, "--key", published]
    checked = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@on_sqlite
def test_a_key_that_may_not_read_the_audit_cancels_without_its_files(studio, page):
    key = key_with(studio, *(scope for scope in keys.Scope if scope != keys.Scope.AUDIT_READ))
    page.goto(f"{studio.url}/bulk-cancel?{studio.week}#key={key}")
    page.get_by_role("button", name="Select all", exact=True).click()
    at_once(page)
    page.get_by_role("button", name="Cancel Selected", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 3 sessions").click()
    expect(page.get_by_text(ACCEPTED)).to_contain_text(
        "Its CSV is for keys that may read the audit."
    )
    expect(page.get_by_role("heading", name="Progress")).to_contain_text("Completed")
    expect(page.get_by_role("button", name="Download")).to_have_count(0)


def key_with(studio, *scopes: keys.Scope) -> str:
    async def run() -> str:
        db = Database(studio.town.database_url)
        try:
            return await keys.create_key(db, BUSINESS, "front desk", list(scopes))
        finally:
            await db.close()

    return in_a_thread(run())
