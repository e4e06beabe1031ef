"""Terms: what each member does to plan, 202, CSV, upstream and totals, to the minor unit."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.db.tables import job_overrides, jobs
from app.refunds.verify import verify

TENTH = {"payments": {"keep": {"percent": 10}}}
CELLS = ("amount", "kept_amount", "kept_by", "status", "returned_as", "leg")


@pytest.fixture
async def spread(studio):
    """A class to come, with bookings of every kind and currency."""
    await studio.load(
        studio.record("session", "yoga"),
        studio.record("booking", "cad", "yoga", ("CAD", 2005)),
        studio.record("booking", "split", "yoga", ("CAD", 1005), ("CAD", 1005), ("credits", 3)),
        studio.record("booking", "yen", "yoga", ("JPY", 25)),
        studio.record("booking", "dinar", "yoga", ("KWD", 12345)),
        studio.record("booking", "unit", "yoga", ("CLF", 1)),
        studio.record("booking", "credit", "yoga", ("credits", 2)),
        studio.record("booking", "late", "yoga", ("CAD", 700), status="late_cancelled"),
        studio.record("booking", "missed", "yoga", ("credits", 1), status="no_show"),
        studio.record("booking", "free", "yoga"),
        studio.record("booking", "gone", "yoga", ("CAD", 900), status="cancelled"),
    )
    return studio


async def put_terms(studio, document):
    answer = await studio.http.put("/v1/terms", json=document)
    assert answer.status_code == 200, answer.text
    return answer.json()


def cells(lines, *names):
    return [tuple(line[name] for name in names) for line in lines]


def named(kept):
    return {
        (one["kept_by"], one.get("currency") or "credits"): one["amount_minor"] or one["credits"]
        for one in kept
    }


async def settled(studio, audit_from, **members):
    """Plan, press for the CSV, work; the plan, the first CSV, the final one, and the books."""
    plan = (await studio.plan(**members)).json()
    pressed = await studio.cancel(accept="text/csv", plan_digest=plan["digest"], **members)
    assert pressed.status_code == 202, pressed.text
    first = audit_from(pressed.content)
    job_id = first[0]["job_id"]
    before = await studio.audit(job_id)
    await studio.work(job_id)
    final = await studio.audit(job_id)
    frozen = ("refund_id", "amount", "credits", "paid_amount", "kept_amount", "kept_by")
    assert sorted(cells(first, *frozen)) == sorted(cells(before, *frozen))
    assert sorted(cells(first, *frozen)) == sorted(cells(final, *frozen))
    sums = {one["currency"]: one["amount_minor"] for one in plan["totals"]["amounts"]}
    if plan["totals"]["credits"]:
        sums["credits"] = plan["totals"]["credits"]
    books = await studio.books()
    assert books["sums"] == sums
    assert await verify(studio.db) == []
    return plan, final, books, job_id


async def test_a_fee_is_kept_of_each_booking_to_the_minor_unit(spread, audit_from):
    plan, final, books, job_id = await settled(spread, audit_from, terms=TENTH)
    assert plan["terms"]["payments"]["keep"] == {"percent": 10, "fixed": [], "per": "booking"}
    assert (plan["terms"]["fees"]["no_show"], plan["terms_version"]) == ("keep", None)
    assert books["sums"] == {"CAD": 1805 + 1809, "JPY": 23, "KWD": 11111, "CLF": 1, "credits": 5}
    assert named(plan["totals"]["kept"]) == {
        ("fee", "CAD"): 200 + 201,
        ("fee", "JPY"): 2,
        ("fee", "KWD"): 1234,
        ("late_cancelled", "CAD"): 700,
        ("no_show", "credits"): 1,
    }
    assert plan["sessions"][0]["kept"] == plan["totals"]["kept"]
    lines = final.by_booking()
    assert sorted(cells(lines["split"], *CELLS)) == [
        ("", "0", "", "succeeded", "original", "1"),
        ("9.04", "1.01", "fee", "succeeded", "original", "1"),
        ("9.05", "1.00", "fee", "succeeded", "original", "1"),
    ]
    assert cells(lines["yen"], *CELLS) == [("23", "2", "fee", "succeeded", "original", "1")]
    assert cells(lines["dinar"], "amount", "kept_amount") == [("11.111", "1.234")]
    assert cells(lines["late"], *CELLS) == [("0.00", "7.00", "late_cancelled", "skipped", "", "1")]
    assert cells(lines["free"], "failure_code", "returned_as", "leg") == [("nothing_paid", "", "")]
    assert "gone" not in lines
    job = await spread.job(job_id)
    assert (job["terms"], job["terms_version"]) == (plan["terms"], None)
    assert job["totals"] == plan["totals"]


async def test_a_fixed_sum_never_takes_more_than_there_is(spread, audit_from):
    keep = {"fixed": [{"currency": "CAD", "amount_minor": 1500}], "per": "line"}
    _, final, _, _ = await settled(spread, audit_from, terms={"payments": {"keep": keep}})
    lines = final.by_booking()
    assert cells(lines["cad"], *CELLS) == [("5.05", "15.00", "fee", "succeeded", "original", "1")]
    assert sorted(cells(lines["split"], *CELLS))[1:] == [
        ("0.00", "10.05", "fee", "skipped", "", "1"),
        ("0.00", "10.05", "fee", "skipped", "", "1"),
    ]
    assert cells(lines["yen"], "amount", "kept_by") == [("25", "")]


async def test_nothing_comes_back_where_the_terms_say_so(spread, audit_from):
    terms = {
        "payments": {"return_as": "nothing"},
        "credits": {"return": False},
        "fees": {"no_show": "return", "late_cancelled": "return"},
    }
    plan, final, books, _ = await settled(spread, audit_from, terms=terms)
    assert (books["sums"], plan["totals"]["refunds"]) == ({}, 0)
    assert {one["kept_by"] for one in plan["totals"]["kept"]} == {"terms"}
    assert {line["failure_code"] for line in final} == {"terms", "nothing_paid"}


async def test_fees_come_back_whole_where_the_terms_say_so(spread, audit_from):
    terms = TENTH | {"fees": {"late_cancelled": "return", "no_show": "return"}}
    _, final, books, _ = await settled(spread, audit_from, terms=terms)
    lines = final.by_booking()
    assert cells(lines["late"], *CELLS) == [("7.00", "0.00", "", "succeeded", "original", "1")]
    assert cells(lines["missed"], "credits", "kept_by") == [("1", "")]
    assert books["sums"]["credits"] == 6


async def test_whoever_cancelled_late_counts_as_cancelled_where_nobody_has_set_terms(spread):
    plan = (await spread.plan()).json()
    assert (plan["terms"], plan["totals"]["bookings"]) == (None, 7)
    assert (await spread.get("/sessions/yoga"))["booked"] == 7
    job = await spread.accepted()
    await spread.work(job["id"])
    assert not {"late", "missed"} & (await spread.audit(job["id"])).by_booking().keys()
    assert await verify(spread.db) == []


async def test_credits_come_back_for_as_long_as_the_terms_say_from_acceptance_on(spread):
    job = await spread.accepted(terms={"credits": {"valid_for_days": 30}})
    await spread.work(job["id"])
    effects = (await spread.books())["effects"].values()
    accepted_at = dt.datetime.fromisoformat(job["requested_at"])
    until = (accepted_at + dt.timedelta(days=30)).isoformat(timespec="milliseconds")
    until = until.replace("+00:00", "Z")
    assert {one["valid_until"] for one in effects if one["currency"] is None} == {until}
    assert {one["valid_until"] for one in effects if one["currency"]} == {None}
    lines = (await spread.audit(job["id"])).by_booking()
    assert cells(lines["credit"], "expires_after") == [(until,)]
    assert cells(lines["credit"], "expires_before") != [("",)]
    assert cells(lines["cad"], "expires_before", "expires_after") == [("", "")]


async def test_a_job_keeps_the_terms_of_its_acceptance(spread, db):
    await put_terms(spread, TENTH)
    job = await spread.accepted()
    assert job["terms_version"] == 1
    await put_terms(spread, {"payments": {"return_as": "nothing"}})
    await spread.work(job["id"])
    assert (await spread.books())["sums"]["CAD"] == 1805 + 1809
    assert (await spread.job(job["id"]))["terms"] == job["terms"]
    assert await verify(db) == []


async def test_a_request_replaces_the_members_that_it_names(spread):
    keep = {"percent": 12.5, "fixed": [{"currency": "JPY", "amount_minor": 3}], "per": "line"}
    await put_terms(spread, {"payments": {"keep": keep}, "fees": {"no_show": "return"}})
    named_ = {"payments": {"keep": {"percent": 0}}, "credits": {"valid_for_days": None}}
    plan = (await spread.plan(terms=named_)).json()
    assert plan["terms"] == {
        "payments": {
            "return_as": "original",
            "keep": keep | {"percent": 0},
            "part_refunded": "person",
            "fallback": ["person"],
        },
        "credits": {"return": True, "valid_for_days": None},
        "fees": {"late_cancelled": "keep", "no_show": "return"},
        "goodwill": {"credits": 0, "valid_for_days": None, "per": "client", "for": ["membership"]},
        "choice": None,
    }
    assert plan["terms_version"] == 1
    assert named(plan["totals"]["kept"])["fee", "JPY"] == 3


async def test_a_plan_of_other_terms_or_overrides_is_refused(spread):
    plan = (await spread.plan(terms=TENTH)).json()
    said = {"booking_id": "cad", "action": "skip", "note": "owner"}
    for other in ({}, {"terms": {}}, {"terms": TENTH, "overrides": [said]}):
        refused = await spread.cancel(plan_digest=plan["digest"], **other)
        assert refused.status_code == 409, refused.text
        assert "other terms" in refused.json()["detail"]
    await put_terms(spread, {"payments": {"return_as": "nothing"}})
    assert (await spread.cancel(plan_digest=plan["digest"], terms=TENTH)).status_code == 409
    await put_terms(spread, {})
    assert (await spread.cancel(plan_digest=plan["digest"], terms=TENTH)).status_code == 202


async def test_a_key_that_comes_again_with_other_terms_is_refused(spread):
    said = {"booking_id": "cad", "action": "skip", "note": "owner"}
    body = {"key": "k", "terms": TENTH, "overrides": [said]}
    first = await spread.cancel(**body)
    again = await spread.cancel(**body)
    assert (first.status_code, again.headers.get("Idempotent-Replayed")) == (202, "true")
    assert again.json() == first.json()
    for other in (
        {"terms": {}},
        {"overrides": []},
        {"overrides": [said | {"note": "another"}]},
        {"terms": None, "overrides": []},
    ):
        refused = await spread.cancel(**body | other)
        assert refused.json()["type"] == "/problems/idempotency-key-reused"


async def test_overrides_leave_out_and_in_and_the_audit_says_who_and_why(spread, audit_from):
    overrides = [
        {"booking_id": "cad", "action": "skip", "note": "paid by voucher"},
        {"booking_id": "split", "line_no": 1, "action": "return", "amount_minor": 400, "note": "a"},
        {"booking_id": "split", "line_no": 3, "action": "skip", "note": "b"},
        {"booking_id": "late", "action": "return", "note": "was ill"},
        {"booking_id": "free", "action": "skip", "note": "c"},
    ]
    plan, final, books, job_id = await settled(spread, audit_from, terms=TENTH, overrides=overrides)
    lines = final.by_booking()
    said = ("kept_by", "failure_code", "overridden_by", "override_note")
    assert cells(lines["cad"], "amount", *said) == [
        ("0.00", "override", "override", "key:front desk", "paid by voucher")
    ]
    assert sorted(cells(lines["split"], "amount", "credits", *said)) == [
        ("", "0", "override", "override", "key:front desk", "b"),
        ("4.00", "", "override", "", "key:front desk", "a"),
        ("9.05", "", "fee", "", "", ""),
    ]
    assert cells(lines["late"], "amount", *said) == [("7.00", "", "", "key:front desk", "was ill")]
    assert cells(lines["free"], "method", *said) == [
        ("none", "", "override", "key:front desk", "c")
    ]
    assert books["sums"]["CAD"] == 400 + 905 + 700
    assert named(plan["totals"]["kept"])["override", "CAD"] == 2005 + 605
    workbook = await spread.http.get(f"/v1/bulk-cancellations/{job_id}/audit.xlsx")
    assert workbook.status_code == 200


@pytest.mark.parametrize(
    ("override", "pointer", "code"),
    [
        ({"booking_id": "nobody", "action": "skip"}, "booking_id", "unknown-booking"),
        ({"booking_id": "other", "action": "skip"}, "booking_id", "not-settled-here"),
        ({"booking_id": "gone", "action": "return"}, "booking_id", "not-settled-here"),
        ({"booking_id": "cad", "line_no": 2, "action": "skip"}, "line_no", "unknown-line"),
        (
            {"booking_id": "cad", "line_no": 1, "action": "return", "amount_minor": 2006},
            "amount_minor",
            "more-than-paid",
        ),
        (
            {"booking_id": "credit", "line_no": 1, "action": "return", "amount_minor": 1},
            "amount_minor",
            "line-of-credits",
        ),
        ({"booking_id": "cad", "action": "return", "amount_minor": 1}, "line_no", "line-needed"),
        (
            {"booking_id": "cad", "line_no": 1, "action": "skip", "amount_minor": 1},
            "amount_minor",
            "amount-of-skipped",
        ),
        ({"booking_id": "split", "line_no": 1, "action": "skip"}, "", "repeated"),
    ],
)
async def test_an_override_that_can_t_be_is_named_by_its_place_and_changes_nothing(
    spread, override, pointer, code
):
    await spread.load(
        spread.record("session", "spin"), spread.record("booking", "other", "spin", ("CAD", 100))
    )
    first = {"booking_id": "split", "action": "skip", "note": "fine"}
    before = await spread.everything()
    overrides = [first, override | {"note": "why"}]
    for answer in (
        await spread.plan(["yoga"], overrides=overrides),
        await spread.cancel(["yoga"], overrides=overrides),
    ):
        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert error["code"] == code
        assert error["pointer"] == f"/overrides/1/{pointer}".rstrip("/")
    assert await spread.everything() == before


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"payments": {"return_as": "voucher"}}, "/payments/return_as"),
        ({"payments": {"fallback": ["cheque"]}}, "/payments/fallback/0"),
        ({"payments": {"fallback": ["store_credit"] * 2}}, "/payments/fallback"),
        ({"payments": {"fallback": ["person", "store_credit"]}}, "/payments/fallback"),
        ({"payments": {"part_refunded": "some"}}, "/payments/part_refunded"),
        ({"goodwill": {"credits": 1001}}, "/goodwill/credits"),
        ({"goodwill": {"credits": True}}, "/goodwill/credits"),
        ({"goodwill": {"per": "session"}}, "/goodwill/per"),
        ({"goodwill": {"for": []}}, "/goodwill/for"),
        ({"goodwill": {"for": ["free", "free"]}}, "/goodwill/for"),
        ({"goodwill": {"for": ["guests"]}}, "/goodwill/for/0"),
        ({"goodwill": {"valid_for_days": 3651}}, "/goodwill/valid_for_days"),
        ({"choice": []}, "/choice"),
        ({"payments": {"keep": {"percent": 12.345}}}, "/payments/keep/percent"),
        ({"payments": {"keep": {"percent": 101}}}, "/payments/keep/percent"),
        ({"payments": {"keep": {"percent": "10"}}}, "/payments/keep/percent"),
        ({"payments": {"keep": {"percent": True}}}, "/payments/keep/percent"),
        ({"payments": {"keep": {"per": "client"}}}, "/payments/keep/per"),
        ({"payments": None}, "/payments"),
        ({"credits": {"valid_for_days": 0}}, "/credits/valid_for_days"),
        ({"credits": {"returned": True}}, "/credits/returned"),
        ({"fees": {"no_show": "half"}}, "/fees/no_show"),
        (
            {
                "payments": {
                    "keep": {"fixed": [{"currency": "CAD", "amount_minor": n} for n in (1, 2)]}
                }
            },
            "/payments/keep/fixed",
        ),
    ],
)
async def test_what_is_not_built_or_can_t_be_is_refused_by_its_name(spread, document, pointer):
    before = await spread.everything()
    refused = await spread.http.put("/v1/terms", json=document)
    assert refused.status_code == 422, refused.text
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]
    for answer in (await spread.plan(terms=document), await spread.cancel(terms=document)):
        assert answer.status_code == 422, answer.text
        assert [one["pointer"] for one in answer.json()["errors"]] == [f"/terms{pointer}"]
    assert await spread.everything() == before


async def test_terms_are_read_set_and_remembered(studio, stranger, caller_with):
    assert (await studio.get("/terms"))["fees"] == {"late_cancelled": "keep", "no_show": "keep"}
    assert (await studio.get("/terms/history"))["data"] == []
    whole = await put_terms(studio, TENTH)
    assert whole == await studio.get("/terms")
    assert whole["payments"]["keep"]["percent"] == 10
    await put_terms(studio, TENTH)
    await put_terms(studio, {})
    history = await studio.pages("/terms/history", limit=1)
    assert [(one["version"], one["set_by"]) for one in history] == [
        (2, "key:front desk"),
        (1, "key:front desk"),
    ]
    assert history[1]["terms"] == whole
    assert (await stranger.get("/terms/history"))["data"] == []
    reader = await caller_with("schedule:read")
    assert await reader.get("/terms") == await studio.get("/terms")
    assert (await reader.http.put("/v1/terms", json={})).status_code == 403
    await reader.http.aclose()


async def test_of_a_payment_of_two_bookings_no_more_than_is_left_of_its_fee_is_claimed(studio):
    records = [
        studio.record("booking", name, session, ("CAD", 1000))
        for name, session in (("a", "yoga"), ("b", "yoga"), ("c", "spin"))
    ]
    for record in records:
        record["payments"][0]["payment_id"] = "shared"
    await studio.load(studio.record("session", "yoga"), studio.record("session", "spin"), *records)
    paid = {"amount_minor": 3000, "currency": "CAD"}
    assert (await studio.upstream.put("/payments/shared", json=paid)).is_success
    first = await studio.accepted(["yoga"], terms=TENTH)
    await studio.work(first["id"])
    second = await studio.accepted(["spin"])
    await studio.work(second["id"])
    assert (await studio.books())["sums"] == {"CAD": 900 + 900 + 1000}
    assert await verify(studio.db) == []
    # The first comes again under another id: its fee was not what is left to return.
    again = studio.record("booking", "a-again", "late", ("CAD", 1000))
    again["payments"][0]["payment_id"] = "shared"
    await studio.load(studio.record("session", "late"), again)
    third = await studio.accepted(["late"])
    await studio.work(third["id"])
    (line,) = (await studio.audit(third["id"])).by_booking()["a-again"]
    assert (line["status"], line["failure_code"]) == ("rejected", "already_refunded_here")
    assert await verify(studio.db) == []


async def test_overrides_are_kept_with_the_job_and_a_withdrawal_says_what_they_said(spread, db):
    said = {"booking_id": "cad", "action": "skip", "note": "owner"}
    job = await spread.accepted(overrides=[said], hold_seconds=600)
    before = await spread.audit(job["id"])
    assert (await spread.post(f"/bulk-cancellations/{job['id']}/withdraw")).status_code == 200
    after = await spread.audit(job["id"])
    frozen = ("refund_id", "amount", "kept_amount", "kept_by", "override_note")
    assert sorted(cells(before, *frozen)) == sorted(cells(after, *frozen))
    async with db.read() as conn:
        assert await conn.scalar(sa.select(sa.func.count()).select_from(job_overrides)) == 1
        assert await conn.scalar(sa.select(jobs.c.terms_version)) is None
    assert await verify(db) == []
    assert (await spread.accepted())["terms"] is None
