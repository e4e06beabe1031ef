"""What a person may do afterwards: withdraw while on hold, retry what was refused, resolve what no machine can."""

import asyncio
import datetime as dt

import pytest

from app.cancellation.verify import verify


def path(job, step):
    return f"/bulk-cancellations/{job['id']}/{step}"


async def test_a_job_on_hold_says_until_when_and_returns_nothing_yet(week):
    job = await week.accepted(hold_seconds=600)
    held = dt.datetime.fromisoformat(job["hold_until"]) - dt.datetime.fromisoformat(job["requested_at"])
    assert (job["status"], held.total_seconds()) == ("held", 600)
    assert (await week.get("/sessions/yoga"))["status"] == "cancelled"
    await week.work(job["id"])
    assert (await week.job(job["id"]))["status"] == "held"
    assert (await week.books())["effects"] == {}


async def test_after_its_hold_a_job_runs_like_any_other(week):
    job = await week.accepted(["yoga"], hold_seconds=1)
    await asyncio.sleep(1.1)
    await week.work(job["id"])
    assert (await week.job(job["id"]))["status"] == "completed"
    assert (await week.books())["sums"] == {"CAD": 4499, "credits": 3}


async def test_a_withdrawn_job_gives_its_sessions_back_to_be_booked_and_chosen_again(week):
    job = await week.accepted(["yoga", "spin"], hold_seconds=600)
    answer = await week.post(path(job, "withdraw"))
    assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    session = await week.get("/sessions/yoga")
    assert (session["status"], session["cancellation"]) == ("scheduled", None)
    await week.booking("newcomer", "yoga", ("CAD", 100))
    await week.work(job["id"])
    assert (await week.books())["effects"] == {}
    second = await week.accepted(["yoga"])
    assert second["sessions"][0]["outcome"] == "accepted"
    await week.work(second["id"])
    assert (await week.books())["sums"] == {"CAD": 4599, "credits": 3}
    assert (await week.job(job["id"]))["status"] == "withdrawn"
    assert await verify(week.db) == []


async def test_withdrawing_again_changes_nothing(week):
    job = await week.accepted(["yoga"], hold_seconds=600)
    first = await week.post(path(job, "withdraw"))
    second = await week.accepted(["yoga"])
    again = await week.post(path(job, "withdraw"))
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await week.get("/sessions/yoga"))["cancellation"]["job_id"] == second["id"]


async def test_once_the_hold_is_over_it_is_too_late_to_withdraw(week):
    job = await week.accepted(["yoga"], hold_seconds=1)
    await asyncio.sleep(1.1)  # and no worker has seen it yet
    before = await week.everything()
    late = await week.post(path(job, "withdraw"))
    assert (late.status_code, late.headers["Content-Type"]) == (409, "application/problem+json")
    assert await week.everything() == before


@pytest.mark.parametrize("worked", [False, True])
async def test_a_job_without_a_hold_can_t_be_withdrawn(week, worked):
    job = await week.accepted(["yoga"])
    if worked:
        await week.work(job["id"])
    assert (await week.post(path(job, "withdraw"))).status_code == 409
    assert (await week.get("/sessions/yoga"))["status"] == "cancelled"


@pytest.fixture
async def refused(week):
    """A job that has ended with two refunds refused."""
    await week.faults(refuse_ids={"card-payment-1": "payment_disputed", "credit-account": "account_closed"})
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    return await week.job(job["id"])


async def test_refused_refunds_are_tried_again_under_the_same_id_and_no_other_is(week, refused):
    before = (await week.books())["effects"]
    await week.faults()
    answer = await week.post(path(refused, "retry"))
    assert (answer.status_code, answer.json()["retried"], answer.json()["status"]) == (202, 2, "running")
    assert (await week.get("/sessions/yoga"))["cancellation"]["in_process"] is True
    await week.work(refused["id"])
    after = await week.job(refused["id"])
    assert after["status"] == "completed"
    books = await week.books()
    assert (books["sums"], books["twice"]) == ({"CAD": 4499, "credits": 3}, {})
    assert {id_: books["effects"][id_] for id_ in before} == before
    audit = await week.audit(refused["id"])
    assert set(books["effects"]) == {line["refund_id"] for line in audit if line["status"] == "succeeded"}
    assert {line["failure_code"] for line in audit.by_booking()["card"]} == {""}
    assert await verify(week.db) == []


async def test_what_is_refused_again_is_told_again(week, refused):
    answer = await week.post(path(refused, "retry"))
    assert answer.json()["retried"] == 2
    await week.work(refused["id"])
    after = await week.job(refused["id"])
    assert (after["status"], after["refunds"]["rejected"]["count"]) == ("completed_with_failures", 2)
    assert await verify(week.db) == []


async def test_a_retry_with_nothing_to_try_changes_nothing(week):
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    before = await week.everything()
    answer = await week.post(path(job, "retry"))
    assert (answer.status_code, answer.json()["retried"], answer.json()["status"]) == (202, 0, "completed")
    assert await week.everything() == before


async def test_a_refund_that_failed_at_the_upstream_is_made_anew_on_retry(week):
    await week.faults(fail=1)
    job = await week.accepted(["spin"])
    await week.work(job["id"])
    assert (await week.job(job["id"]))["refunds"]["rejected"]["count"] == 2
    assert (await week.books())["sums"] == {}
    await week.faults()
    await week.post(path(job, "retry"))
    await week.work(job["id"])
    books = await week.books()
    assert (books["sums"], books["twice"]) == ({"JPY": 500, "KWD": 12345}, {})
    assert (await week.job(job["id"]))["status"] == "completed"


async def resolve(week, job, refund, resolution="refunded_elsewhere", reference="transfer 4711", **members):
    body = {"resolution": resolution, "reference": reference} | members
    return await week.post(path(job, f"refunds/{refund['id']}/resolve"), **body)


async def test_the_job_is_completed_when_its_last_failure_is_resolved(week, refused):
    first, second = await week.refunds(refused["id"], status="rejected")
    answer = await resolve(week, refused, first, note="Paid by Ana")
    assert (answer.status_code, answer.json()["status"], answer.json()["next_attempt_at"]) == (200, "resolved", None)
    assert (await week.job(refused["id"]))["status"] == "completed_with_failures"
    assert (await resolve(week, refused, second, "waived", "none")).status_code == 200
    after = await week.job(refused["id"])
    assert (after["status"], after["refunds"]["resolved"]["count"]) == ("completed", 2)
    assert (await week.post(path(refused, "retry"))).json()["retried"] == 0
    line = (await week.audit(refused["id"])).by_refund()[first["id"]]
    assert (line["status"], line["upstream_reference"]) == ("resolved", "transfer 4711")
    assert (line["failure_code"], line["failure_detail"]) == ("refunded_elsewhere", "Paid by Ana")
    # What a person did elsewhere is nothing that the upstreams did.
    assert (await week.audit(refused["id"])).sums("succeeded") == (await week.books())["sums"]
    assert await verify(week.db) == []


async def test_the_same_word_again_changes_nothing_and_another_is_refused(week, refused):
    refund = (await week.refunds(refused["id"], status="rejected"))[0]
    first = await resolve(week, refused, refund)
    before = await week.everything()
    again = await resolve(week, refused, refund)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await resolve(week, refused, refund, "waived", "other")
    assert other.status_code == 409
    assert await week.everything() == before


async def test_what_has_succeeded_or_was_skipped_can_t_be_resolved(week, refused):
    before = await week.everything()
    for status in ("succeeded", "skipped"):
        (refund, *_) = await week.refunds(refused["id"], status=status)
        assert (await resolve(week, refused, refund)).status_code == 409
    assert await week.everything() == before


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"resolution": "forgotten"}, "/resolution"),
        ({"reference": ""}, "/reference"),
        ({"reference": "a\0b"}, "/reference"),
        ({"reference": 7}, "/reference"),
        ({"note": "x" * 501}, "/note"),
        ({"amount_minor": 1}, "/amount_minor"),
    ],
)
async def test_a_resolution_that_can_t_be_is_refused(week, refused, members, pointer):
    (refund, _) = await week.refunds(refused["id"], status="rejected")
    body = {"resolution": "waived", "reference": "r"} | members
    answer = await week.post(path(refused, f"refunds/{refund['id']}/resolve"), **body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_refund_of_another_job_is_not_found(week, refused):
    other = await week.accepted(["spin"])
    (refund, _) = await week.refunds(refused["id"], status="rejected")
    answer = await resolve(week, other, refund)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
