"""What a person may do afterwards.

Withdraw while on hold, retry what was refused, resolve what no machine can.
"""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.auth.keys import Scope
from app.db.tables import jobs
from app.refunds.verify import verify


async def end_hold(week, job):
    async with week.db.write() as conn:
        over = {"hold_until": dt.datetime.now(dt.UTC), "due_at": dt.datetime.now(dt.UTC)}
        await conn.execute(sa.update(jobs).where(jobs.c.id == job["id"]).values(over))


def path(job, step):
    return f"/bulk-cancellations/{job['id']}/{step}"


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
    assert (await week.books())["sums"] == {"CAD": 6599, "credits": 3}
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
    job = await week.accepted(["yoga"], hold_seconds=600)
    await end_hold(week, job)  # and no worker has seen it yet
    before = await week.everything()
    late = await week.post(path(job, "withdraw"))
    assert (late.status_code, late.headers["Content-Type"]) == (409, "application/problem+json")
    assert (late.json()["status"], late.json()["job_status"]) == (409, "held")
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
    await week.faults(
        refuse_ids={"card-payment-1": "refund_window_expired", "credit-account": "account_closed"}
    )
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    return await week.job(job["id"])


async def test_refused_refunds_are_tried_again_under_the_same_id_and_no_other_is(week, refused):
    before = (await week.books())["effects"]
    await week.faults()
    answer = await week.post(path(refused, "retry"))
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
    answer = await week.post(path(refused, "retry"))
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
    url = f"/v1{path(failed, 'retry')}"
    answer = await week.http.post(
        url, content=body, headers={"Content-Type": "application/json"} if body else {}
    )
    assert (answer.status_code, answer.json()["retried"]) == (202, 2)
    await week.work(failed["id"])
    assert (await by_code(week, failed)).keys() == {"payment_disputed"}
    assert (await week.post(f"{path(failed, 'retry')}")).json()["retried"] == 0


@pytest.mark.parametrize("code", ["payment_disputed", "account_closed"])
@pytest.mark.parametrize("named_by", ["refund_ids", "failure_codes"])
async def test_only_what_is_named_is_tried_again(week, failed, named_by, code):
    had = await by_code(week, failed)
    chosen = {"refund_ids": [had[code]], "failure_codes": [code, "no_such_code"]}[named_by]
    before = (await week.books())["effects"]
    answer = await week.post(path(failed, "retry"), **{named_by: chosen})
    assert (answer.status_code, answer.json()["retried"]) == (202, 1)
    # The same again finds it under way: a call whose answer was lost may be repeated.
    again = await week.post(path(failed, "retry"), **{named_by: chosen})
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
    answer = await week.http.post(f"/v1{path(failed, 'retry')}", json=sent)
    assert answer.status_code == 422, answer.text
    assert {(error["pointer"], error["code"]) for error in answer.json()["errors"]} == errors
    assert await week.everything() == before


async def test_a_retry_with_nothing_to_try_changes_nothing(week):
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    before = await week.everything()
    answer = await week.post(path(job, "retry"))
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
    await week.post(path(job, "retry"))
    await week.work(job["id"])
    books = await week.books()
    assert (books["sums"], books["twice"]) == ({"JPY": 500, "KWD": 12345}, {})
    assert (await week.job(job["id"]))["status"] == "completed"


async def resolve(
    week, job, refund, resolution="refunded_elsewhere", reference="transfer 4711", **members
):
    body = {"resolution": resolution, "reference": reference} | members
    return await week.post(path(job, f"refunds/{refund['id']}/resolve"), **body)


async def test_the_job_is_completed_when_its_last_failure_is_resolved(week, refused):
    first, second = await week.refunds(refused["id"], status="rejected")
    answer = await resolve(week, refused, first, note="Paid by Ana")
    assert (answer.status_code, answer.json()["status"], answer.json()["next_attempt_at"]) == (
        200,
        "resolved",
        None,
    )
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


async def test_what_a_person_says_came_back_is_in_the_audit_and_beside_the_booking(
    week, audit_from
):
    await week.faults(
        refuse_ids={"card-payment-1": "refund_window_expired", "credit-account": "account_closed"}
    )
    refused = await week.accepted(["yoga"], key="button")
    await week.work(refused["id"])
    by_method = {one["method"]: one for one in await week.refunds(refused["id"], status="rejected")}
    money, credit = by_method["payment"], by_method["credit"]
    said = [
        (money, {"amount_minor": 1500}, "15.00"),
        (money, {}, "20.00"),
        (money, {"resolution": "waived"}, "0.00"),
        (credit, {}, "2"),
        (credit, {"resolution": "waived"}, "0"),
        (money, {"amount_minor": 5}, "0.05"),
    ]
    for refund, members, shown in said:
        assert (await resolve(week, refused, refund, **members)).status_code == 200
        audit = await week.audit(refused["id"])
        assert audit.by_refund()[refund["id"]]["resolved_amount"] == shown, members
    assert {line["resolved_amount"] for line in audit if line["status"] != "resolved"} == {""}
    booking = await week.get(f"/bookings/{money['booking_id']}")
    assert [
        one["resolved_amount_minor"] for one in booking["refunds"] if one["id"] == money["id"]
    ] == [5]
    first = audit_from((await week.cancel(["yoga"], key="button", accept="text/csv")).content)
    assert {line["resolved_amount"] for line in first} == {""}  # what the 202 said, as it was


async def test_a_resolution_said_again_changes_nothing_and_said_otherwise_it_corrects(
    week, refused, caller_with
):
    [refund] = [
        one
        for one in await week.refunds(refused["id"], status="rejected")
        if one["method"] == "payment"
    ]
    first = await resolve(
        week, refused, refund, reference="transfer 4177", note="By Ana", amount_minor=1500
    )
    assert first.json()["resolved_amount_minor"] == 1500
    before = await week.everything()
    again = await resolve(
        week, refused, refund, reference="transfer 4177", note="By Ana", amount_minor=1500
    )
    assert (again.status_code, again.json()) == (200, first.json())
    assert await week.everything() == before
    other = await caller_with(Scope.CANCELLATIONS_WRITE)
    said = [
        {
            "resolution": "refunded_elsewhere",
            "reference": "transfer 4711",
            "note": "By Ana",
            "amount_minor": 1500,
        },
        {
            "resolution": "refunded_elsewhere",
            "reference": "transfer 4711",
            "note": "By Kim",
            "amount_minor": 1500,
        },
        {
            "resolution": "refunded_elsewhere",
            "reference": "transfer 4711",
            "note": "By Kim",
            "amount_minor": 2000,
        },
        {"resolution": "refunded_elsewhere", "reference": "transfer 4711", "note": "By Kim"},
        {"resolution": "waived", "reference": "transfer 4711", "note": "By Kim"},
    ]
    for body in said:
        answer = await other.post(path(refused, f"refunds/{refund['id']}/resolve"), **body)
        assert answer.status_code == 200, answer.text
    shown = await week.get(path(refused, f"refunds/{refund['id']}"))
    assert shown["status"] == "resolved"
    told = [
        (
            one["failure_code"],
            one["upstream_reference"],
            one["failure_detail"],
            one["resolved_amount_minor"],
        )
        for one in shown["history"]
        if one["status"] == "resolved"
    ]
    assert told == [
        ("refunded_elsewhere", "transfer 4177", "By Ana", 1500),
        *(
            (body["resolution"], body["reference"], body["note"], body.get("amount_minor"))
            for body in said
        ),
    ]
    actors = [one["actor"] for one in shown["history"] if one["status"] == "resolved"]
    assert actors[0] != actors[1]
    assert len(set(actors[1:])) == 1
    line = (await week.audit(refused["id"])).by_refund()[refund["id"]]
    assert (line["failure_code"], line["upstream_reference"]) == ("waived", "transfer 4711")
    assert await verify(week.db) == []


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
        ({"reference": " \u200b "}, "/reference"),
        ({"reference": "a\0b"}, "/reference"),
        ({"reference": 7}, "/reference"),
        ({"note": "x" * 501}, "/note"),
        ({"amount_minor": 0}, "/amount_minor"),
        ({"amount_minor": 2001}, "/amount_minor"),
        ({"amount_minor": 1, "resolution": "waived"}, "/amount_minor"),
        ({"amount_minor": 1, "method": "credit"}, "/amount_minor"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_resolution_that_can_t_be_is_refused(week, refused, members, pointer):
    method = members.get("method", "payment")
    [refund] = [
        one
        for one in await week.refunds(refused["id"], status="rejected")
        if one["method"] == method
    ]
    said = {name: value for name, value in members.items() if name != "method"}
    body = {"resolution": "refunded_elsewhere", "reference": "r"} | said
    answer = await week.post(path(refused, f"refunds/{refund['id']}/resolve"), **body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_refund_of_another_job_is_not_found(week, refused):
    other = await week.accepted(["spin"])
    (refund, _) = await week.refunds(refused["id"], status="rejected")
    answer = await resolve(week, other, refund)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
