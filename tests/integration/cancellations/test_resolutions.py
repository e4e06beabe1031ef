"""What a person says became of a refund: it is in the audit, ends the job, and may be corrected."""

import pytest
from worlds.studio import step_path

from app.auth.keys import Scope
from app.refunds.verify import verify


async def resolve(
    week, job, refund, resolution="refunded_elsewhere", reference="transfer 4711", **members
):
    body = {"resolution": resolution, "reference": reference} | members
    return await week.post(step_path(job, f"refunds/{refund['id']}/resolve"), **body)


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
    assert (await week.post(step_path(refused, "retry"))).json()["retried"] == 0
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
        answer = await other.post(step_path(refused, f"refunds/{refund['id']}/resolve"), **body)
        assert answer.status_code == 200, answer.text
    shown = await week.get(step_path(refused, f"refunds/{refund['id']}"))
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
    answer = await week.post(step_path(refused, f"refunds/{refund['id']}/resolve"), **body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_refund_of_another_job_is_not_found(week, refused):
    other = await week.accepted(["spin"])
    (refund, _) = await week.refunds(refused["id"], status="rejected")
    answer = await resolve(week, other, refund)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
