"""What a person may do afterwards.

Withdraw while on hold, retry what was refused, resolve what no machine can.
"""

import datetime as dt

import pytest
import sqlalchemy as sa
from worlds.studio import step_path

from app.db.tables import jobs
from app.refunds.verify import verify


async def end_hold(week, job):
    async with week.db.write() as conn:
        over = {"hold_until": dt.datetime.now(dt.UTC), "due_at": dt.datetime.now(dt.UTC)}
        await conn.execute(sa.update(jobs).where(jobs.c.id == job["id"]).values(over))


async def test_a_job_on_hold_says_until_when_and_returns_nothing_yet(week):
    job = await week.accepted(hold_seconds=600)
    held = dt.datetime.fromisoformat(job["hold_until"]) - dt.datetime.fromisoformat(
        job["requested_at"]
    )
    assert (job["status"], held.total_seconds()) == ("held", 600)
    assert (await week.get("/sessions/yoga"))["status"] == "cancelled"
    await week.work(job["id"])
    assert (await week.job(job["id"]))["status"] == "held"
    assert (await week.books())["effects"] == {}


async def test_after_its_hold_a_job_runs_like_any_other(week):
    job = await week.accepted(["yoga"], hold_seconds=600)
    await end_hold(week, job)
    await week.work(job["id"])
    assert (await week.job(job["id"]))["status"] == "completed"
    assert (await week.books())["sums"] == {"CAD": 6499, "credits": 3}


async def test_a_withdrawn_job_gives_its_sessions_back_to_be_booked_and_chosen_again(week):
    job = await week.accepted(["yoga", "spin"], hold_seconds=600)
    answer = await week.post(step_path(job, "withdraw"))
    assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    session = await week.get("/sessions/yoga")
    assert (session["status"], session["cancellation"]) == ("scheduled", None)
    await week.booking("newcomer", "yoga", ("CAD", 100))
    await week.work(job["id"])
    assert (await week.books())["effects"] == {}
    second = await week.accepted(["yoga"])
    assert second["sessions"][0]["outcome"] == "accepted"
    await week.work(second["id"])
    assert (await week.books())["sums"] == {"CAD": 6599, "credits": 3}
    assert (await week.job(job["id"]))["status"] == "withdrawn"
    assert await verify(week.db) == []


async def test_withdrawing_again_changes_nothing(week):
    job = await week.accepted(["yoga"], hold_seconds=600)
    first = await week.post(step_path(job, "withdraw"))
    second = await week.accepted(["yoga"])
    again = await week.post(step_path(job, "withdraw"))
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await week.get("/sessions/yoga"))["cancellation"]["job_id"] == second["id"]


async def test_once_the_hold_is_over_it_is_too_late_to_withdraw(week):
    job = await week.accepted(["yoga"], hold_seconds=600)
    await end_hold(week, job)  # and no worker has seen it yet
    before = await week.everything()
    late = await week.post(step_path(job, "withdraw"))
    assert (late.status_code, late.headers["Content-Type"]) == (409, "application/problem+json")
    assert (late.json()["status"], late.json()["job_status"]) == (409, "held")
    assert await week.everything() == before


@pytest.mark.parametrize("worked", [False, True])
async def test_a_job_without_a_hold_can_t_be_withdrawn(week, worked):
    job = await week.accepted(["yoga"])
    if worked:
        await week.work(job["id"])
    assert (await week.post(step_path(job, "withdraw"))).status_code == 409
    assert (await week.get("/sessions/yoga"))["status"] == "cancelled"


async def test_refused_refunds_are_tried_again_under_the_same_id_and_no_other_is(week, refused):
    before = (await week.books())["effects"]
    await week.faults()
    answer = await week.post(step_path(refused, "retry"))
    assert (answer.status_code, answer.json()["retried"], answer.json()["status"]) == (
        202,
        2,
        "running",
    )
    assert (await week.get("/sessions/yoga"))["cancellation"]["in_process"] is True
    await week.work(refused["id"])
    after = await week.job(refused["id"])
    assert after["status"] == "completed"
    books = await week.books()
    assert (books["sums"], books["twice"]) == ({"CAD": 6499, "credits": 3}, {})
    assert {id_: books["effects"][id_] for id_ in before} == before
    audit = await week.audit(refused["id"])
    assert set(books["effects"]) == {
        line["refund_id"] for line in audit if line["status"] == "succeeded"
    }
    assert {line["failure_code"] for line in audit.by_booking()["card"]} == {""}
    assert await verify(week.db) == []


async def test_what_is_refused_again_is_told_again(week, refused):
    answer = await week.post(step_path(refused, "retry"))
    assert answer.json()["retried"] == 2
    await week.work(refused["id"])
    after = await week.job(refused["id"])
    assert (after["status"], after["refunds"]["rejected"]["count"]) == (
        "completed_with_failures",
        2,
    )
    assert await verify(week.db) == []


@pytest.fixture
async def failed(week):
    """A job that has ended with three refunds refused, one of them as disputed."""
    codes = {
        "card-payment-1": "payment_disputed",
        "credit-account": "account_closed",
        "split-payment-1": "gone",
    }
    await week.faults(refuse_ids=codes)
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    assert {one["failure_code"] for one in await week.refunds(job["id"], status="rejected")} == set(
        codes.values()
    )
    await week.faults()
    return await week.job(job["id"])


async def by_code(week, job):
    return {
        one["failure_code"]: one["id"] for one in await week.refunds(job["id"], status="rejected")
    }


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_a_retry_without_a_choice_leaves_disputed_ones_alone(week, failed, body):
    url = f"/v1{step_path(failed, 'retry')}"
    answer = await week.http.post(
        url, content=body, headers={"Content-Type": "application/json"} if body else {}
    )
    assert (answer.status_code, answer.json()["retried"]) == (202, 2)
    await week.work(failed["id"])
    assert (await by_code(week, failed)).keys() == {"payment_disputed"}
    assert (await week.post(f"{step_path(failed, 'retry')}")).json()["retried"] == 0


@pytest.mark.parametrize("code", ["payment_disputed", "account_closed"])
@pytest.mark.parametrize("named_by", ["refund_ids", "failure_codes"])
async def test_only_what_is_named_is_tried_again(week, failed, named_by, code):
    had = await by_code(week, failed)
    chosen = {"refund_ids": [had[code]], "failure_codes": [code, "no_such_code"]}[named_by]
    before = (await week.books())["effects"]
    answer = await week.post(step_path(failed, "retry"), **{named_by: chosen})
    assert (answer.status_code, answer.json()["retried"]) == (202, 1)
    # The same again finds it under way: a call whose answer was lost may be repeated.
    again = await week.post(step_path(failed, "retry"), **{named_by: chosen})
    assert (again.status_code, again.json()["retried"]) == (202, 0)
    await week.work(failed["id"])
    assert await by_code(week, failed) == {
        other: id_ for other, id_ in had.items() if other != code
    }
    assert set((await week.books())["effects"]) == {*before, had[code]}
    assert await verify(week.db) == []


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"refund_id": "x"}, {("/refund_id", "extra-forbidden")}),
        ({"refund_ids": []}, {("/refund_ids", "too-short")}),
        ({"failure_codes": []}, {("/failure_codes", "too-short")}),
        ({"refund_ids": None}, {("/refund_ids", "list-type")}),
        ({"refund_ids": ["nonsense"]}, {("/refund_ids/0", "string-pattern-mismatch")}),
        ({"failure_codes": ["a\nb"]}, {("/failure_codes/0", "string-pattern-mismatch")}),
        (
            {"refund_ids": ["REJECTED"], "failure_codes": ["gone"]},
            {("/failure_codes", "one-or-the-other")},
        ),
        (
            {"refund_ids": ["REJECTED", "UNKNOWN", "SUCCEEDED", "ELSEWHERE", "SKIPPED"]},
            {
                ("/refund_ids/1", "unknown-refund"),
                ("/refund_ids/2", "not-retriable"),
                ("/refund_ids/3", "unknown-refund"),
                ("/refund_ids/4", "not-retriable"),
            },
        ),
    ],
)
async def test_a_choice_that_can_t_be_is_refused_and_nothing_is_tried(
    week, failed, members, errors
):
    other = await week.accepted(["spin"])
    await week.work(other["id"])
    ids = {
        "REJECTED": (await by_code(week, failed))["gone"],
        "UNKNOWN": failed["id"],
        "SUCCEEDED": (await week.refunds(failed["id"], status="succeeded"))[0]["id"],
        "SKIPPED": (await week.refunds(failed["id"], status="skipped"))[0]["id"],
        "ELSEWHERE": (await week.refunds(other["id"]))[0]["id"],
    }
    before = await week.everything()
    sent = {
        name: [ids.get(one, one) for one in value] if value else value
        for name, value in members.items()
    }
    answer = await week.http.post(f"/v1{step_path(failed, 'retry')}", json=sent)
    assert answer.status_code == 422, answer.text
    assert {(error["pointer"], error["code"]) for error in answer.json()["errors"]} == errors
    assert await week.everything() == before


async def test_a_retry_with_nothing_to_try_changes_nothing(week):
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    before = await week.everything()
    answer = await week.post(step_path(job, "retry"))
    assert (answer.status_code, answer.json()["retried"], answer.json()["status"]) == (
        202,
        0,
        "completed",
    )
    assert await week.everything() == before


async def test_a_refund_that_failed_at_the_upstream_is_made_anew_on_retry(week):
    await week.faults(fail=1)
    job = await week.accepted(["spin"])
    await week.work(job["id"])
    assert (await week.job(job["id"]))["refunds"]["rejected"]["count"] == 2
    assert (await week.books())["sums"] == {}
    await week.faults()
    await week.post(step_path(job, "retry"))
    await week.work(job["id"])
    books = await week.books()
    assert (books["sums"], books["twice"]) == ({"JPY": 500, "KWD": 12345}, {})
    assert (await week.job(job["id"]))["status"] == "completed"
