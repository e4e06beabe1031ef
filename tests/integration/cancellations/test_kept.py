"""What was paid and is not returned is named with its sum and its rule.

A line of 0 counts as nothing paid.
"""

import pytest
import sqlalchemy as sa

from app.db.tables import jobs
from app.domain.owed.terms import FIRST_POLICY
from app.refunds.verify import verify


@pytest.fixture
async def begun(studio):
    """A class that has begun, with what its clients paid, attended, waited for and missed."""
    await studio.load(
        studio.record("session", "begun", starts_in_hours=-0.5),
        studio.record(
            "booking", "split", "begun", ("CAD", 1500), ("credits", 2), status="checked_in"
        ),
        studio.record("booking", "yen", "begun", ("JPY", 500), status="checked_in"),
        studio.record("booking", "member", "begun", status="checked_in"),
        studio.record("booking", "waiting", "begun", ("CAD", 3000), status="waitlisted"),
        studio.record("booking", "waiting-credit", "begun", ("credits", 1), status="waitlisted"),
        studio.record("booking", "waiting-free", "begun", status="waitlisted"),
        studio.record("booking", "absent", "begun", ("CAD", 800)),
    )
    return studio


def cells(lines, *names):
    return sorted(tuple(line[name] for name in names) for line in lines)


async def test_whoever_got_no_place_gets_back_what_they_paid(begun):
    job = await begun.accepted()
    await begun.work(job["id"])
    assert (await begun.books())["sums"] == {"CAD": 3800, "credits": 1}
    lines = (await begun.audit(job["id"])).by_booking()
    assert cells(lines["waiting"], "status", "amount", "kept_amount") == [
        ("succeeded", "30.00", "0.00")
    ]
    assert cells(lines["waiting-credit"], "status", "credits", "kept_amount") == [
        ("succeeded", "1", "0")
    ]
    assert cells(lines["waiting-free"], "status", "failure_code", "paid_amount") == [
        ("skipped", "nothing_paid", "")
    ]


async def test_each_line_that_is_kept_is_named_with_its_sum_and_its_rule(begun, audit_from):
    named = (
        "method",
        "amount",
        "currency",
        "credits",
        "status",
        "failure_code",
        "paid_amount",
        "kept_amount",
        "kept_by",
    )
    split = [
        ("credit", "", "", "0", "skipped", "attended", "2", "2", "attended"),
        ("payment", "0.00", "CAD", "", "skipped", "attended", "15.00", "15.00", "attended"),
    ]
    answer = await begun.cancel(accept="text/csv")
    first = audit_from(answer.content)
    job_id = first[0]["job_id"]
    before = await begun.audit(job_id)
    await begun.work(job_id)
    final = await begun.audit(job_id)
    for audit in (first, before, final):
        lines = audit.by_booking()
        assert cells(lines["split"], *named) == split
        assert cells(lines["yen"], *named) == [
            ("payment", "0", "JPY", "", "skipped", "attended", "500", "500", "attended")
        ]
        assert cells(lines["member"], *named) == [
            ("none", "", "", "", "skipped", "attended", "", "", "")
        ]
        assert cells(lines["absent"], "amount", "paid_amount", "kept_amount", "kept_by") == [
            ("8.00", "8.00", "0.00", "")
        ]
    skipped = (await begun.job(job_id))["refunds"]["skipped"]
    assert skipped["kept_amounts"] == [
        {"currency": "CAD", "amount_minor": 1500},
        {"currency": "JPY", "amount_minor": 500},
    ]
    assert (skipped["count"], skipped["kept_credits"], skipped["amounts"]) == (5, 2, [])
    assert await verify(begun.db) == []


async def test_a_job_that_was_withdrawn_says_what_it_would_have_kept(begun):
    job = await begun.accepted(hold_seconds=600)
    before = await begun.audit(job["id"])
    assert (await begun.post(f"/bulk-cancellations/{job['id']}/withdraw")).status_code == 200
    after = await begun.audit(job["id"])
    frozen = ("refund_id", "amount", "credits", "paid_amount", "kept_amount", "kept_by")
    assert cells(after, *frozen) == cells(before, *frozen)
    assert {line["failure_code"] for line in after} == {"withdrawn"}
    replayed = (await begun.job(job["id"]))["refunds"]["skipped"]
    assert (replayed["count"], replayed["kept_credits"]) == (8, 2)
    assert await verify(begun.db) == []


async def test_a_job_accepted_under_the_first_policy_keeps_to_what_it_promised(begun, db):
    job = await begun.accepted()
    promised = {
        "sessions": 1,
        "bookings": 7,
        "clients": 1,
        "refunds": 1,
        "amounts": {"CAD": 800},
        "credits": 0,
    }
    async with db.write() as conn:
        totals = promised | {"nothing_to_return": 6}
        await conn.execute(sa.update(jobs).values(policy=FIRST_POLICY, totals=totals))
    before = await begun.job(job["id"])
    assert (before["totals"]["kept_amounts"], before["totals"]["kept_credits"]) == ([], 0)
    planned = (await begun.audit(job["id"])).by_booking()
    await begun.work(job["id"])
    assert (await begun.books())["sums"] == {"CAD": 800}
    lines = (await begun.audit(job["id"])).by_booking()
    for found in (planned, lines):
        reasons = {id_: [line["failure_code"] for line in of_it] for id_, of_it in found.items()}
        assert (reasons["waiting"], reasons["split"]) == (["waitlisted"], ["attended"])
    assert await verify(db) == []


async def test_a_line_of_0_counts_as_nothing_paid_and_the_rest_of_the_split_stands(studio):
    await studio.load(
        studio.record("session", "yoga"),
        studio.record("booking", "split", "yoga", ("CAD", 0), ("CAD", 500), ("credits", 0)),
        studio.record("booking", "nothing", "yoga", ("CAD", 0), ("credits", 0)),
    )
    plan = (await studio.plan()).json()
    totals = plan["totals"]
    assert (totals["bookings"], totals["refunds"], totals["nothing_to_return"]) == (2, 1, 1)
    assert plan["sessions"][0]["bookings"] == 2
    job = await studio.accepted(plan_digest=plan["digest"])
    await studio.work(job["id"])
    assert (await studio.books())["sums"] == {"CAD": 500}
    lines = (await studio.audit(job["id"])).by_booking()
    assert cells(lines["split"], "amount", "status") == [("5.00", "succeeded")]
    assert cells(lines["nothing"], "method", "status", "failure_code") == [
        ("none", "skipped", "nothing_paid")
    ]
    assert await verify(studio.db) == []


async def test_lines_of_0_are_read_as_they_were_put_and_an_echo_is_unchanged(studio):
    record = studio.record("booking", "split", "yoga", ("CAD", 0), ("credits", 0), ("CAD", 500))
    await studio.load(studio.record("session", "yoga"), record)
    (booking,) = (await studio.get("/sessions/yoga/bookings"))["data"]
    assert [one.get("amount_minor", one.get("credits")) for one in booking["payments"]] == [
        0,
        0,
        500,
    ]
    answer = await studio.http.post(
        "/v1/schedule/import", json=record, headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.json()["bookings"]["unchanged"] == 1


@pytest.mark.parametrize(("means", "member"), [("CAD", "amount_minor"), ("credits", "credits")])
async def test_a_line_below_0_is_refused_by_the_name_of_its_field(studio, means, member):
    await studio.session("yoga")
    body = studio.record("booking", "less", "yoga", ("CAD", 500), (means, -1))
    refused = await studio.http.put(
        "/v1/bookings/less", json={k: v for k, v in body.items() if k != "type"}
    )
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == [f"/payments/1/{member}"]
    assert (await studio.get("/sessions/yoga/bookings"))["data"] == []
