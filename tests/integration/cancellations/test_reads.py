"""Lists page by page, counts that are whole at any time, and ETags."""

import pytest

from app.cancellation.run import run_slice


@pytest.fixture
async def six_jobs(studio):
    """Six jobs of one session each, the oldest first; the first two have ended."""
    ids = []
    for n in range(6):
        await studio.session(f"s{n}")
        ids.append((await studio.accepted([f"s{n}"]))["id"])
    for id_ in ids[:2]:
        await studio.work(id_)
    return ids


async def test_jobs_are_listed_newest_first_whatever_the_page_size(studio, six_jobs):
    newest_first = six_jobs[::-1]
    for limit in (1, 2, 3, 5, 6, 200):
        assert [one["id"] for one in await studio.pages("/bulk-cancellations", limit=limit)] == newest_first


async def test_jobs_are_listed_by_status_across_pages(studio, six_jobs):
    ended = await studio.pages("/bulk-cancellations", status="completed", limit=1)
    assert [one["id"] for one in ended] == six_jobs[1::-1]
    queued = await studio.pages("/bulk-cancellations", status="queued", limit=3)
    assert [one["id"] for one in queued] == six_jobs[:1:-1]
    assert await studio.pages("/bulk-cancellations", status="withdrawn") == []


async def test_a_job_made_between_two_pages_moves_nothing(studio, six_jobs):
    first = await studio.get("/bulk-cancellations", limit=3)
    await studio.session("later")
    await studio.accepted(["later"])
    second = await studio.get("/bulk-cancellations", limit=3, cursor=first["next_cursor"])
    assert [one["id"] for one in first["data"] + second["data"]] == six_jobs[::-1]
    assert second["next_cursor"] is None


async def test_sessions_and_refunds_are_listed_whole_whatever_the_page_size(week):
    job = await week.accepted()
    await week.work(job["id"])
    path = f"/bulk-cancellations/{job['id']}"
    for limit in (1, 2, 5, 12, 200):
        sessions = await week.pages(f"{path}/sessions", limit=limit)
        assert [one["session_id"] for one in sessions] == ["over", "begun", "yoga", "spin", "empty"]
        refunds = await week.pages(f"{path}/refunds", limit=limit)
        assert len(refunds) == len({one["id"] for one in refunds}) == 12
        assert [one["id"] for one in refunds] == sorted(one["id"] for one in refunds)
    in_session_order = list(dict.fromkeys(one["session_id"] for one in refunds))
    assert in_session_order == ["over", "begun", "yoga", "spin"]
    counts = {one["session_id"]: one["refunds"] for one in sessions}
    assert {status: count for status, count in counts["yoga"].items() if count} == {"succeeded": 5, "skipped": 2}
    assert len(await week.pages(f"{path}/refunds", status="skipped", limit=2)) == 3


async def test_the_counts_and_sums_are_whole_at_every_step(week):
    await week.faults(refuse_ids={"card-payment-1": "payment_disputed"})
    job = await week.accepted(hold_seconds=0)

    def whole(one):
        counted = sum(status["count"] for status in one["refunds"].values())
        amounts = {}
        for status in one["refunds"].values():
            for money in status["amounts"]:
                amounts[money["currency"]] = amounts.get(money["currency"], 0) + money["amount_minor"]
        returned = sum(status["credits"] for status in one["refunds"].values())
        return counted, amounts, returned

    expected = (12, {"CAD": 5599, "JPY": 500, "KWD": 12345}, 3)
    assert whole(job) == expected
    await run_slice(week.runtime, job["id"], seconds=0)
    assert whole(await week.job(job["id"])) == expected
    await week.work(job["id"])
    assert whole(await week.job(job["id"])) == expected


async def test_an_etag_answers_304_until_the_job_changes(week):
    job = await week.accepted()
    path = f"/v1/bulk-cancellations/{job['id']}"
    first = await week.http.get(path)
    tag = first.headers["ETag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        same = await week.http.get(path, headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag), known
    await week.work(job["id"])
    after = await week.http.get(path, headers={"If-None-Match": tag})
    assert after.status_code == 200
    assert after.headers["ETag"] != tag
    assert after.json()["status"] == "completed"


async def test_the_schedule_tells_a_job_in_process_from_one_that_has_ended(week):
    job = await week.accepted(["yoga", "empty"])
    bookings = await week.pages("/sessions/yoga/bookings")
    assert all(one["refunds"] == [] for one in bookings)
    await week.work(job["id"])
    bookings = {one["id"]: one["refunds"] for one in await week.pages("/sessions/yoga/bookings", limit=2)}
    assert [one["status"] for one in bookings["card"]] == ["succeeded"]
    assert [one["job_id"] for one in bookings["split"]] == [job["id"]] * 2
    assert bookings["gone"] == []
    days = {name: week.body()[name] for name in ("date_from", "date_to")}
    assert {one["id"] for one in await week.pages("/sessions", status="cancelled", **days)} == {"yoga", "empty"}


async def test_a_booking_shows_nothing_of_what_another_business_returned_for_one_of_the_same_id(week, stranger):
    await stranger.load(stranger.record("client", "kim"), stranger.record("booking", "card", "theirs", ("EUR", 700)))
    await week.work((await stranger.accepted(["theirs"]))["id"])
    theirs = await stranger.pages("/sessions/theirs/bookings")
    assert [(one["id"], len(one["refunds"])) for one in theirs] == [("card", 1)]
    ours = await week.pages("/sessions/yoga/bookings")
    assert {one["id"]: one["refunds"] for one in ours}["card"] == []
