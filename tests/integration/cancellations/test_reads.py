"""Lists page by page, counts that are whole at any time, and ETags."""

import pytest

from app.auth.keys import Scope
from app.refunds.slices.run import run_slice


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
        assert [
            one["id"] for one in await studio.pages("/bulk-cancellations", limit=limit)
        ] == newest_first


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
    assert {status: count for status, count in counts["yoga"].items() if count} == {
        "succeeded": 6,
        "skipped": 1,
    }
    assert len(await week.pages(f"{path}/refunds", status="skipped", limit=2)) == 2


async def test_refunds_are_listed_by_client_session_and_status_whatever_the_page_size(week):
    await week.faults(refuse_ids={"card-payment-1": "account_closed"})
    job = await week.accepted()
    await week.work(job["id"])
    path = f"/bulk-cancellations/{job['id']}/refunds"
    every = await week.pages(path, limit=200)
    clients, sessions = ({one[name] for one in every} for name in ("client_id", "session_id"))
    for limit in (1, 2, 200):
        for name, values in (("client_id", clients), ("session_id", sessions)):
            for value in values:
                meant = [one for one in every if one[name] == value]
                assert await week.pages(path, limit=limit, **{name: value}) == meant
                rejected = [one for one in meant if one["status"] == "rejected"]
                assert (
                    await week.pages(path, limit=limit, status="rejected", **{name: value})
                    == rejected
                )
        both = {"client_id": every[0]["client_id"], "session_id": every[0]["session_id"]}
        meant = [one for one in every if both.items() <= one.items()]
        assert await week.pages(path, limit=limit, **both) == meant
    assert (
        await week.pages(path, client_id="nobody")
        == await week.pages(path, session_id="none")
        == []
    )
    assert await week.pages(path, session_id="empty") == []


async def test_one_refund_tells_its_session_client_and_all_that_became_of_it(week, caller_with):
    await week.faults(refuse_ids={"card-payment-1": "account_closed"})
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    await week.faults()
    await week.post(f"/bulk-cancellations/{job['id']}/retry")
    await week.work(job["id"])
    [listed] = [one for one in await week.refunds(job["id"]) if one["booking_id"] == "card"]
    shown = await week.get(f"/bulk-cancellations/{job['id']}/refunds/{listed['id']}")
    assert {name: shown[name] for name in listed} == listed
    assert shown["job_id"] == job["id"]
    [session] = (await week.get(f"/bulk-cancellations/{job['id']}/sessions"))["data"]
    assert shown["session"]["id"] == "yoga"
    assert {name: session[name] for name in shown["session"] if name != "id"} == {
        name: value for name, value in shown["session"].items() if name != "id"
    }
    line = (await week.audit(job["id"])).by_refund()[listed["id"]]
    assert shown["client"] == {
        "id": listed["client_id"],
        "name": line["client_name"],
        "email": line["client_email"],
    }
    states = [(one["status"], one["failure_code"]) for one in shown["history"]]
    assert states[-1] == ("succeeded", None)
    assert ("rejected", "account_closed") in states
    assert [one["status"] for one in shown["history"]].count("submitted") == 2
    assert {one["actor"] for one in shown["history"]} == {"worker", job["requested_by"]}
    times = [one["recorded_at"] for one in shown["history"]]
    assert times == sorted(times)
    reader = await caller_with(Scope.CANCELLATIONS_READ)
    nameless = await reader.get(f"/bulk-cancellations/{job['id']}/refunds/{listed['id']}")
    assert nameless == shown | {"client": {"id": listed["client_id"], "name": None, "email": None}}


async def test_a_refund_of_another_job_is_not_found_by_this_one(week):
    job = await week.accepted(["yoga"])
    other = await week.accepted(["spin"])
    await week.work(job["id"])
    [refund, *_] = await week.refunds(job["id"])
    answer = await week.http.get(f"/v1/bulk-cancellations/{other['id']}/refunds/{refund['id']}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such refund.")


async def test_the_counts_and_sums_are_whole_at_every_step(week):
    await week.faults(refuse_ids={"card-payment-1": "payment_disputed"})
    job = await week.accepted(hold_seconds=0)

    def whole(one):
        counted = sum(status["count"] for status in one["refunds"].values())
        amounts = {}
        for status in one["refunds"].values():
            for money in status["amounts"]:
                amounts[money["currency"]] = (
                    amounts.get(money["currency"], 0) + money["amount_minor"]
                )
        returned = sum(status["credits"] for status in one["refunds"].values())
        kept = {
            status: of_it["kept_amounts"]
            for status, of_it in one["refunds"].items()
            if of_it["kept_amounts"]
        }
        return counted, amounts, returned, kept

    kept = {"skipped": [{"currency": "CAD", "amount_minor": 700}]}
    expected = (12, {"CAD": 7599, "JPY": 500, "KWD": 12345}, 3, kept)
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
    bookings = {
        one["id"]: one["refunds"] for one in await week.pages("/sessions/yoga/bookings", limit=2)
    }
    assert [one["status"] for one in bookings["card"]] == ["succeeded"]
    assert [one["job_id"] for one in bookings["split"]] == [job["id"]] * 2
    assert bookings["gone"] == []
    days = {name: week.body()[name] for name in ("date_from", "date_to")}
    assert {one["id"] for one in await week.pages("/sessions", status="cancelled", **days)} == {
        "yoga",
        "empty",
    }


async def test_a_booking_shows_nothing_of_what_another_business_returned_for_one_of_the_same_id(
    week, stranger
):
    await stranger.load(
        stranger.record("client", "kim"), stranger.record("booking", "card", "theirs", ("EUR", 700))
    )
    await week.work((await stranger.accepted(["theirs"]))["id"])
    theirs = await stranger.pages("/sessions/theirs/bookings")
    assert [(one["id"], len(one["refunds"])) for one in theirs] == [("card", 1)]
    ours = await week.pages("/sessions/yoga/bookings")
    assert {one["id"]: one["refunds"] for one in ours}["card"] == []
