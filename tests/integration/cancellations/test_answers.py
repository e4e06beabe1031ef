"""What is read is what the document says, and is read anew from a commit on.

It has an ETag wherever it is JSON.
"""

import asyncio

import pytest

from app.api.bodies import Page
from app.api.layers.kept_bodies import (
    MAX_PUBLIC_BYTES,
    MAX_PUBLIC_PAGES,
    PUBLIC_SECONDS,
    PublicPages,
)
from app.api.schedule import public_routes as anybodys
from app.api.schedule import schedule_bodies as bodies
from app.errors import NotFound

PUBLIC = "/v1/public/studio/schedule"


@pytest.fixture
async def settled(week):
    """The week with names from everywhere, a class the platform cancelled, refunds of each kind."""
    await week.load(
        week.record(
            "session", "soft", name='Étirement "doux" \\ 柔', location=None, instructor="Zoë"
        ),
        week.record("session", "there", timezone="Asia/Kathmandu"),
        week.record("session", "off", status="cancelled"),
        week.record("client", "mo", name=None),
    )
    await week.faults(refuse_ids={"card-payment-1": "account_closed"})
    job = await week.accepted(["yoga", "begun"])
    await week.work(job["id"])
    await week.faults()
    return week, job["id"]


async def test_what_is_written_from_rows_is_what_the_document_describes(settled):
    week, _ = settled
    listed = week.body("all")
    days = {"date_from": listed["date_from"], "date_to": listed["date_to"], "limit": 200}
    described = {
        "/v1/sessions": (bodies.SessionPage, days),
        "/v1/sessions/yoga": (bodies.Session, {}),
        "/v1/sessions/spin": (bodies.Session, {}),
        "/v1/sessions/yoga/bookings": (Page[bodies.Booking], {}),
        "/v1/bookings/split": (bodies.Booking, {}),
        "/v1/clients/kim/bookings": (Page[bodies.ClientBooking], {}),
        "/v1/clients/lee/bookings": (Page[bodies.ClientBooking], {"limit": 1}),
        "/v1/clients/mo/bookings": (Page[bodies.ClientBooking], {}),
        PUBLIC: (anybodys.PublicSchedule, days),
    }
    for path, (body, query) in described.items():
        answer = await week.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        assert body.model_validate_json(answer.content).model_dump_json() == answer.text, path
    sessions = {one["id"]: one for one in await week.pages("/sessions", **days)}
    assert sessions["yoga"]["cancellation"]["reason"] is None
    statuses = {
        refund["status"]
        for one in await week.pages("/clients/kim/bookings")
        for refund in one["refunds"]
    }
    assert statuses >= {"succeeded", "rejected", "skipped"}


async def test_every_json_answer_to_a_get_has_an_etag_that_is_304_until_it_changes(settled):
    week, job_id = settled
    before = {}
    days = "?date_from={date_from}&date_to={date_to}".format_map(week.body())
    sessions, public = f"/v1/sessions{days}", f"{PUBLIC}{days}"
    paths = (
        *(
            "/v1/business",
            sessions,
            "/v1/sessions/spin",
            "/v1/sessions/spin/bookings",
            "/v1/bookings/yen",
        ),
        *(
            "/v1/clients/kim",
            "/v1/clients/kim/bookings",
            "/v1/bulk-cancellations",
            f"/v1/bulk-cancellations/{job_id}",
        ),
        *(f"/v1/bulk-cancellations/{job_id}/{what}" for what in ("sessions", "refunds")),
        *(public, "/v1/webhook-endpoints"),
    )
    for path in paths:
        whole = await week.http.get(path)
        tag = whole.headers["ETag"]
        for method in ("GET", "HEAD"):
            for known in (tag, f'"other", W/{tag}', "*"):
                same = await week.http.request(method, path, headers={"If-None-Match": known})
                assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag), (
                    path
                )
                assert "Content-Type" not in same.headers
                assert same.headers["Cache-Control"] == whole.headers["Cache-Control"]
            for unknown in ('"other"', tag[1:-1]):
                other = await week.http.request(method, path, headers={"If-None-Match": unknown})
                assert (other.status_code, other.headers["ETag"]) == (200, tag), path
        before[path] = tag
    await week.accepted(["spin"])
    changed = {
        path for path in paths if (await week.http.get(path)).headers["ETag"] != before[path]
    }
    assert changed == {
        sessions,
        "/v1/sessions/spin",
        "/v1/clients/kim/bookings",
        "/v1/bulk-cancellations",
        public,
    }


async def test_what_is_refused_or_not_json_has_no_tag(settled):
    week, job_id = settled
    for path in (
        "/v1/sessions/none",
        "/v1/sessions?limit=0",
        f"/v1/bulk-cancellations/{job_id}/audit.csv",
    ):
        answer = await week.http.get(path, headers={"If-None-Match": "*"})
        assert answer.status_code != 304
        assert "ETag" not in answer.headers, path


async def test_an_etag_of_one_business_is_worth_nothing_to_another(settled, stranger):
    week, _ = settled
    ours = await week.http.get("/v1/bulk-cancellations")
    theirs = await stranger.http.get(
        "/v1/bulk-cancellations", headers={"If-None-Match": ours.headers["ETag"]}
    )
    assert (theirs.status_code, theirs.json()["data"]) == (200, [])
    answer = await stranger.http.get("/v1/sessions/yoga", headers={"If-None-Match": "*"})
    assert answer.status_code == 404


async def public_sessions(studio):
    listed = studio.body("all")
    days = {"date_from": listed["date_from"], "date_to": listed["date_to"], "limit": 200}
    answer = await studio.http.get(PUBLIC, params=days)
    assert answer.status_code == 200, answer.text
    return {one["id"]: one["status"] for one in answer.json()["data"]}


async def test_from_its_commit_on_a_change_of_the_schedule_is_public_in_the_process_that_made_it(
    week,
):
    assert (await public_sessions(week))["yoga"] == "scheduled"
    job = await week.accepted(["yoga"], hold_seconds=600)
    assert (await public_sessions(week))["yoga"] == "cancelled"
    await week.post(f"/bulk-cancellations/{job['id']}/withdraw")
    assert (await public_sessions(week))["yoga"] == "scheduled"
    assert (await week.http.delete("/v1/sessions/empty")).status_code == 204
    assert "empty" not in await public_sessions(week)
    await week.session("new")
    assert (await public_sessions(week))["new"] == "scheduled"
    await week.load(week.record("session", "new", status="cancelled"))
    assert (await public_sessions(week))["new"] == "cancelled"
    body = {"name": "Again", "starts_at": "2026-01-05T09:00:00Z", "ends_at": "2026-01-05T10:00:00Z"}
    assert (await week.http.put("/v1/sessions/new", json=body)).status_code == 200
    assert "new" not in await public_sessions(week)


class Reads:
    """Somebody who reads pages when told to, and counts."""

    def __init__(self):
        self.count, self.may_end = 0, asyncio.Event()
        self.may_end.set()

    async def __call__(self):
        self.count += 1
        body = b"%d" % self.count
        await self.may_end.wait()
        return body


@pytest.fixture
def kept():
    """Pages whose clock a test moves, and who reads them."""
    now = [0.0]
    return PublicPages(clock=lambda: now[0]), Reads(), now


async def test_a_page_is_read_once_for_all_who_ask_within_its_time(kept):
    pages, reads, now = kept
    reads.may_end.clear()
    asking = [asyncio.create_task(pages.get("studio", 1, reads)) for _ in range(9)]
    await asyncio.sleep(0)
    asking.pop().cancel()  # a reader who leaves takes nothing from the others
    await asyncio.sleep(0)
    reads.may_end.set()
    assert {page.body for page in await asyncio.gather(*asking)} == {b"1"}
    now[0] = PUBLIC_SECONDS - 0.001
    assert (await pages.get("studio", 1, reads)).body == b"1"
    assert (await pages.get("studio", 2, reads)).body == b"2"
    assert (await pages.get("other", 1, reads)).body == b"3"
    now[0] = PUBLIC_SECONDS
    assert (await pages.get("studio", 1, reads)).body == b"4"


async def test_a_page_whose_schedule_changes_while_it_is_read_is_read_again_for_later_callers(
    kept,
):
    pages, reads, _ = kept
    reads.may_end.clear()
    before = asyncio.create_task(pages.get("studio", 1, reads))
    await asyncio.sleep(0)
    pages.drop("other")
    pages.drop("studio")
    after = asyncio.create_task(pages.get("studio", 1, reads))
    await asyncio.sleep(0)
    reads.may_end.set()
    assert [(await before).body, (await after).body] == [b"1", b"2"]
    assert (await pages.get("studio", 1, reads)).body == b"2"


async def test_no_failure_is_kept(kept):
    pages, reads, _ = kept

    async def fails():
        raise NotFound("business")

    for _ in range(2):
        with pytest.raises(NotFound):
            await pages.get("studio", 1, fails)
    assert (await pages.get("studio", 1, reads)).body == b"1"


async def test_no_more_pages_are_kept_than_there_is_room_for(kept):
    pages, reads, _ = kept
    for number in range(3 * MAX_PUBLIC_PAGES):
        await pages.get(f"b{number % 7}", number, reads)
    assert sum(map(len, pages._of.values())) == pages._count <= MAX_PUBLIC_PAGES

    async def large():
        return bytes(MAX_PUBLIC_BYTES // 3)

    for number in range(20):
        await pages.get("studio", f"large {number}", large)
    assert pages._bytes <= 2 * MAX_PUBLIC_BYTES
    for number in range(7):
        pages.drop(f"b{number}")
    pages.drop("studio")
    assert (pages._count, pages._bytes) == (0, 0)


async def test_the_public_schedule_of_a_business_that_is_not_there_is_no_page(studio):
    for _ in range(2):
        assert (await studio.http.get("/v1/public/nobody/schedule")).status_code == 404
    for query in ("date_from=2026-1-1", "limit=0", "cursor=x", "x=1"):
        assert (await studio.http.get(f"{PUBLIC}?{query}")).status_code == 422
    assert not studio.app.state.service.public_pages._of.get("studio")
