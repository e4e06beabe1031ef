"""What is returned, to whom, and that books and audit agree to the cent and the credit."""

import asyncio

import pytest

from app.refunds.slices.run import run_slice
from app.refunds.verify import verify

LINE = ("amount_minor", "currency", "credits")


def by_booking(refunds):
    found = {}
    for one in refunds:
        found.setdefault(one["booking_id"], []).append(one)
    return found


async def test_every_booking_gets_exactly_what_the_rules_say(week):
    job = await week.accepted()
    await week.work(job["id"])
    found = by_booking(await week.refunds(job["id"]))
    told = {
        id_: [
            tuple(one[name] for name in ("method", "status", "failure_code", *LINE)) for one in rows
        ]
        for id_, rows in found.items()
    }
    assert told == {
        "card": [("payment", "succeeded", None, 2000, "CAD", None)],
        "credit": [("credit", "succeeded", None, None, None, 2)],
        "split": told["split"],
        "free": [("none", "skipped", "nothing_paid", None, None, None)],
        "waiting": [("payment", "succeeded", None, 2000, "CAD", None)],
        "early": [("payment", "succeeded", None, 999, "CAD", None)],
        "yen": [("payment", "succeeded", None, 500, "JPY", None)],
        "dinar": [("payment", "succeeded", None, 12345, "KWD", None)],
        "attended": [("payment", "skipped", "attended", 0, "CAD", None)],
        "absent": [("payment", "succeeded", None, 800, "CAD", None)],
        "late": [("payment", "succeeded", None, 300, "CAD", None)],
    }
    assert sorted(one[:2] + one[3:] for one in told["split"]) == [
        ("credit", "succeeded", None, None, 1),
        ("payment", "succeeded", 1500, "CAD", None),
    ]
    (attended,) = found["attended"]
    assert [attended[f"kept_{name}"] for name in ("amount_minor", "credits", "by")] == [
        700,
        0,
        "attended",
    ]
    assert await verify(week.db) == []


async def test_attended_bookings_are_returned_where_the_request_says_so(week):
    job = await week.accepted(["begun"], include_attended=True)
    await week.work(job["id"])
    assert {one["booking_id"]: one["status"] for one in await week.refunds(job["id"])} == {
        "attended": "succeeded",
        "absent": "succeeded",
    }
    assert (await week.books())["sums"] == {"CAD": 1500}


async def test_the_books_the_audit_and_the_job_agree_on_every_refund(week):
    job = await week.accepted(reason="Snow day")
    await week.work(job["id"])
    books, audit, after = await week.books(), await week.audit(job["id"]), await week.job(job["id"])
    assert books["sums"] == {"CAD": 7599, "JPY": 500, "KWD": 12345, "credits": 3}
    assert books["twice"] == {}
    assert audit.sums("succeeded") == books["sums"]
    succeeded = after["refunds"]["succeeded"]
    sums = {one["currency"]: one["amount_minor"] for one in succeeded["amounts"]}
    assert sums | {"credits": succeeded["credits"]} == books["sums"]
    returned = {one["id"]: one for one in await week.refunds(job["id"], status="succeeded")}
    assert set(returned) == set(books["effects"])
    for id_, effect in books["effects"].items():
        row = returned[id_]
        assert effect["subject"] == (row["payment_id"] or row["account_id"])
        assert effect["amount"] == (row["amount_minor"] or row["credits"])
        assert (effect["currency"], effect["id"]) == (row["currency"], row["upstream_reference"])
        assert (effect["key"], effect["reason"]) == (id_, "Snow day")
        assert row["attempts"] == 1


async def test_the_job_ends_completed_with_its_counts_and_its_sessions_out_of_process(week):
    job = await week.accepted()
    await week.work(job["id"])
    after = await week.job(job["id"])
    assert after["status"] == "completed"
    assert job["requested_at"] <= after["started_at"] <= after["finished_at"]
    counts = {status: one["count"] for status, one in after["refunds"].items() if one["count"]}
    assert counts == {"succeeded": 10, "skipped": 2}
    assert after["totals"] == job["totals"]
    session = await week.get("/sessions/yoga")
    assert (session["status"], session["cancellation"]["in_process"]) == ("cancelled", False)


async def test_the_client_sees_each_refund_and_what_they_came_to(week):
    job = await week.accepted()
    await week.work(job["id"])
    bookings = {one["id"]: one for one in (await week.get("/clients/kim/bookings"))["data"]}
    assert [one["status"] for one in bookings["split"]["refunds"]] == ["succeeded", "succeeded"]
    assert bookings["split"]["returned"] == {
        "amounts": [{"currency": "CAD", "amount_minor": 1500}],
        "credits": 1,
    }
    assert bookings["waiting"]["returned"] == {
        "amounts": [{"currency": "CAD", "amount_minor": 2000}],
        "credits": 0,
    }
    assert bookings["attended"]["returned"] == {"amounts": [], "credits": 0}
    assert [one["kept_amount_minor"] for one in bookings["attended"]["refunds"]] == [700]


async def test_a_job_is_not_run_twice(week):
    job = await week.accepted()
    await week.work(job["id"])
    before = await week.everything()
    await week.work(job["id"])
    assert await week.everything() == before
    assert (await week.books())["twice"] == {}


async def test_a_refund_that_the_upstream_refuses_leaves_the_rest_alone(week):
    await week.faults(
        refuse_ids={"card-payment-1": "payment_disputed", "credit-account": "account_not_found"}
    )
    job = await week.accepted()
    await week.work(job["id"])
    after = await week.job(job["id"])
    assert after["status"] == "completed_with_failures"
    refused = {
        one["booking_id"]: one["failure_code"]
        for one in await week.refunds(job["id"], status="rejected")
    }
    assert refused == {"card": "payment_disputed", "credit": "account_not_found"}
    assert (after["refunds"]["rejected"]["count"], after["refunds"]["succeeded"]["count"]) == (2, 8)
    books = await week.books()
    assert (await week.audit(job["id"])).sums("succeeded") == books["sums"]
    assert books["sums"] == {"CAD": 5599, "JPY": 500, "KWD": 12345, "credits": 1}


async def test_a_payment_that_somebody_else_has_refunded_is_skipped_and_says_so(week):
    await week.upstream.put(
        "/payments/card-payment-1", json={"amount_minor": 2000, "currency": "CAD"}
    )
    theirs = {
        "business_id": "studio",
        "payment_id": "card-payment-1",
        "amount_minor": 2000,
        "currency": "CAD",
    }
    answer = await week.upstream.post(
        "/payments/refunds",
        json=theirs | {"reference": "by hand"},
        headers={"Idempotency-Key": "by hand"},
    )
    assert answer.status_code == 201
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    (card,) = [one for one in await week.refunds(job["id"]) if one["booking_id"] == "card"]
    assert (card["status"], card["failure_code"]) == ("skipped", "already_refunded_elsewhere")
    assert (await week.job(job["id"]))["status"] == "completed"
    # Nothing of the 20.00 is counted as returned by us.
    assert (await week.audit(job["id"])).sums("succeeded") == {"CAD": 4499, "credits": 3}
    assert await verify(week.db) == []


@pytest.mark.parametrize("fault", ["drop_after", "answer_502_after", "wrong_amount"])
async def test_an_outcome_that_was_not_heard_is_looked_up_and_never_repeated(week, fault):
    week.looks_up_soon()
    await week.faults(**{fault: 1})
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    books = await week.books()
    assert books["twice"] == {}
    assert books["sums"] == {"CAD": 6499, "credits": 3}
    assert (await week.audit(job["id"])).sums("succeeded") == books["sums"]
    assert (await week.job(job["id"]))["status"] == "completed"
    assert await verify(week.db) == []


async def test_four_workers_at_once_settle_each_refund_once(week):
    await week.faults(latency_seconds=0.05)
    job = await week.accepted()
    await asyncio.gather(*(run_slice(week.runtime, job["id"], seconds=5) for _ in range(4)))
    await week.work(job["id"])
    books = await week.books()
    assert (books["sums"], books["twice"]) == (
        {"CAD": 7599, "JPY": 500, "KWD": 12345, "credits": 3},
        {},
    )
    assert {one["attempts"] for one in await week.refunds(job["id"], status="succeeded")} == {1}
    assert (await week.job(job["id"]))["status"] == "completed"
    assert await verify(week.db) == []


async def test_clicks_on_retry_at_once_try_each_refused_refund_once(week):
    await week.faults(refuse_ids={"card-payment-1": "disputed", "credit-account": "account_closed"})
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    await week.faults()
    answers = await asyncio.gather(
        *(week.post(f"/bulk-cancellations/{job['id']}/retry") for _ in range(8))
    )
    assert sum(answer.json()["retried"] for answer in answers) == 2
    await week.work(job["id"])
    assert (await week.books())["twice"] == {}
    assert (await week.job(job["id"]))["status"] == "completed"
