"""Legs end to end: what upstreams did for lines that could not be returned as they were paid."""

import pytest
from worlds.records import booking, session

from app.refunds.inbound_events import InboundResult, InboundSource, take
from app.refunds.verify import verify

TO_CREDIT = {"payments": {"fallback": ["store_credit", "person"]}}
REST = {"payments": {"part_refunded": "rest"}}
FORMS = ("voids", "store_credits", "credit_grants")
WINDOW = {"refuse_ids": {"b-payment-1": "refund_window_expired"}}


async def payments_say(studio, **switches):
    answer = await studio.upstream.put("/faults", json={"payments": switches})
    assert answer.status_code == 200, answer.text


async def settled(studio, *, amounts=(("CAD", 2000),), **members):
    """The legs of a booking's lines once its session is cancelled, by line and leg."""
    await studio.load(session("yoga"), booking("b", "yoga", *amounts))
    job = await studio.accepted(**members)
    await studio.work(job["id"])
    assert {one.code for one in await verify(studio.db)} == set()
    refunds = await studio.refunds(job["id"])
    return job["id"], sorted(refunds, key=lambda one: (one["payment_id"] or "", one["leg"]))


def words(refund):
    return refund["leg"], refund["returned_as"], refund["status"], refund["failure_code"]


async def effects(studio):
    """What was really given back: by service, each reference with its amount, whatever its form."""
    books = (await studio.upstream.get("/books")).json()
    return {
        name: {
            one["reference"]: one["amount"]
            for section in (book, *(book.get(form, {}) for form in FORMS))
            for one in section.get("effects", ())
            if one["status"] != "failed"
        }
        for name, book in books.items()
    }


async def test_a_payment_that_is_too_old_comes_back_as_store_credit(studio, audit_from):
    await payments_say(studio, **WINDOW)
    job_id, [first, second] = await settled(studio, terms=TO_CREDIT)
    assert words(first) == (1, "original", "replaced", "refund_window_expired")
    assert words(second) == (2, "store_credit", "succeeded", None)
    assert await effects(studio) == {"payments": {}, "credits": {second["id"]: 2000}}
    job = await studio.job(job_id)
    assert job["status"] == "completed"
    assert job["refunds"]["pending"] == job["refunds"]["rejected"]
    audit = await studio.audit(job_id)
    cells = ("leg", "returned_as", "status", "amount", "paid_amount", "failure_code")
    assert sorted(tuple(line[name] for name in cells) for line in audit) == [
        ("1", "original", "replaced", "20.00", "", "refund_window_expired"),
        ("2", "store_credit", "succeeded", "20.00", "20.00", ""),
    ]


async def test_without_terms_a_refusal_is_a_persons(studio):
    await payments_say(studio, **WINDOW)
    job_id, [only] = await settled(studio)
    assert words(only) == (1, "original", "rejected", "refund_window_expired")
    assert (await studio.job(job_id))["status"] == "completed_with_failures"


async def test_nothing_follows_a_dispute(studio):
    await payments_say(studio, refuse_ids={"b-payment-1": "payment_disputed"})
    _, [only] = await settled(studio, terms=TO_CREDIT)
    assert words(only) == (1, "original", "rejected", "payment_disputed")


async def test_a_refund_that_fails_later_is_followed_too(studio):
    await payments_say(studio, pending=1, pending_then="failed", pending_seconds=0)
    _, [first, second] = await settled(studio, terms=TO_CREDIT)
    assert words(first) == (1, "original", "replaced", "declined_by_issuer")
    assert words(second) == (2, "store_credit", "succeeded", None)


async def test_a_later_word_on_a_leg_that_is_followed_makes_no_third(studio):
    await payments_say(studio, pending=1, pending_then="failed", pending_seconds=0)
    job_id, legs = await settled(studio, terms=TO_CREDIT)
    taken = await take(
        studio.db, studio.queue, InboundSource.PAYMENTS, event_id="e1", reference=legs[0]["id"]
    )
    assert taken is InboundResult.LOOK_UP
    await studio.work(job_id)
    assert sorted(map(words, await studio.refunds(job_id))) == list(map(words, legs))
    assert (await studio.job(job_id))["status"] == "completed"


async def test_all_payments_come_back_as_store_credit_where_terms_say_so(studio):
    terms = {"payments": {"return_as": "store_credit", "keep": {"percent": 10}}}
    lines = (("CAD", 2000), ("credits", 2))
    job_id, refunds = await settled(studio, amounts=lines, terms=terms)
    assert [words(one)[1:3] for one in refunds] == [
        ("original", "succeeded"),
        ("store_credit", "succeeded"),
    ]
    assert (await studio.job(job_id))["totals"]["store_credits"] == [
        {"currency": "CAD", "amount_minor": 1800}
    ]
    assert await effects(studio) == {
        "payments": {},
        "credits": {refunds[0]["id"]: 2, refunds[1]["id"]: 1800},
    }


async def test_a_person_may_ask_for_another_form_for_one_booking(studio):
    said = {"booking_id": "b", "action": "return", "note": "asked for it"}
    overrides = [said | {"return_as": "store_credit"}]
    job_id, [only] = await settled(studio, overrides=overrides)
    assert words(only) == (1, "store_credit", "succeeded", None)
    [line] = await studio.audit(job_id)
    assert (line["returned_as"], line["override_note"]) == ("store_credit", "asked for it")


@pytest.fixture
async def partly_returned(studio):
    """A payment of 20.00 of which somebody else returned 12.50."""
    whole = {"amount_minor": 2000, "currency": "CAD", "business_id": "studio"}
    assert (await studio.upstream.put("/payments/b-payment-1", json=whole)).status_code == 200
    before = {
        "business_id": "studio",
        "payment_id": "b-payment-1",
        "amount_minor": 1250,
        "currency": "CAD",
        "reference": "desk",
        "reason": "at the desk",
    }
    path, headers = "/payments/refunds", {"Idempotency-Key": "desk"}
    answer = await studio.upstream.post(path, json=before, headers=headers)
    assert answer.status_code == 201, answer.text
    return studio


async def test_of_a_payment_that_was_returned_in_part_the_rest_comes_back(partly_returned):
    job_id, [first, second] = await settled(partly_returned, terms=REST)
    assert words(first) == (1, "original", "replaced", "amount_exceeds_remaining")
    assert words(second) == (2, "original", "succeeded", None)
    assert (second["amount_minor"], second["kept_amount_minor"]) == (750, 1250)
    assert second["kept_by"] == "part_refunded"
    assert (await effects(partly_returned))["payments"] == {"desk": 1250, second["id"]: 750}
    job = await partly_returned.job(job_id)
    assert job["refunds"]["succeeded"]["kept_amounts"] == [
        {"currency": "CAD", "amount_minor": 1250}
    ]
    assert job["refunds"]["pending"]["amounts"] == []


async def test_by_other_terms_a_part_is_a_persons(partly_returned):
    _, [only] = await settled(partly_returned, terms=TO_CREDIT)
    assert words(only) == (1, "original", "rejected", "amount_exceeds_remaining")


async def test_a_service_that_can_not_say_what_is_left_leaves_it_to_a_person(partly_returned):
    await payments_say(partly_returned, unsupported=["payments"])
    _, [only] = await settled(partly_returned, terms=REST)
    assert words(only) == (1, "original", "rejected", "amount_exceeds_remaining")


async def test_a_payment_that_was_never_captured_is_let_go(studio):
    whole = {"amount_minor": 2000, "currency": "CAD", "business_id": "studio", "captured": False}
    assert (await studio.upstream.put("/payments/b-payment-1", json=whole)).status_code == 200
    _, [first, second] = await settled(studio)
    assert words(first) == (1, "original", "replaced", "not_captured")
    assert words(second) == (2, "void", "succeeded", None)
    assert list((await effects(studio))["payments"]) == [second["id"]]


async def test_but_not_where_a_fee_of_it_is_kept(studio):
    whole = {"amount_minor": 2000, "currency": "CAD", "business_id": "studio", "captured": False}
    assert (await studio.upstream.put("/payments/b-payment-1", json=whole)).status_code == 200
    terms = {"payments": {"keep": {"percent": 10}}}
    _, [only] = await settled(studio, terms=terms)
    assert words(only) == (1, "original", "rejected", "not_captured")


async def test_nor_where_another_booking_was_paid_by_it_too(studio):
    whole = {"amount_minor": 3000, "currency": "CAD", "business_id": "studio", "captured": False}
    assert (await studio.upstream.put("/payments/b-payment-1", json=whole)).status_code == 200
    other = booking("other", "spin", ("CAD", 1000))
    other["payments"][0]["payment_id"] = "b-payment-1"
    await studio.load(session("spin"), other)
    _, refunds = await settled(studio)
    assert {words(one) for one in refunds} == {(1, "original", "rejected", "not_captured")}


async def test_credits_that_can_not_come_back_are_a_persons(studio):
    refused = {"credits": {"refuse_ids": {"b-account": "account_closed"}}}
    assert (await studio.upstream.put("/faults", json=refused)).status_code == 200
    _, [only] = await settled(studio, amounts=(("credits", 2),), terms=TO_CREDIT)
    assert words(only) == (1, "original", "rejected", "account_closed")


async def test_a_credits_service_of_before_leaves_the_line_to_a_person(studio):
    document = {"payments": WINDOW, "credits": {"unsupported": ["store-credits"]}}
    assert (await studio.upstream.put("/faults", json=document)).status_code == 200
    job_id, [first, second] = await settled(studio, terms=TO_CREDIT)
    assert words(first)[2] == "replaced"
    assert words(second) == (2, "store_credit", "rejected", "form_not_supported")
    assert (await studio.job(job_id))["status"] == "completed_with_failures"
    await payments_say(studio)
    answer = await studio.post(f"/bulk-cancellations/{job_id}/retry")
    assert answer.json()["retried"] == 1
    await studio.work(job_id)
    assert (await studio.job(job_id))["status"] == "completed"
    assert await effects(studio) == {"payments": {}, "credits": {second["id"]: 2000}}


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "answer_500_after", "answer_503"])
async def test_a_leg_is_made_once_whatever_is_heard_of_it(studio, fault):
    studio.looks_up_soon()
    document = {"payments": WINDOW, "credits": {fault: 0.7, "seed": 5}}
    assert (await studio.upstream.put("/faults", json=document)).status_code == 200
    _, [_, second] = await settled(studio, terms=TO_CREDIT)
    assert words(second) == (2, "store_credit", "succeeded", None)
    assert await effects(studio) == {"payments": {}, "credits": {second["id"]: 2000}}


@pytest.mark.parametrize(
    ("members", "pointer", "code"),
    [
        ({"fallback": ["person", "store_credit"]}, "/payments/fallback", "person-is-last"),
        ({"fallback": ["store_credit"] * 2}, "/payments/fallback", "repeated-form"),
        ({"fallback": ["cheque"]}, "/payments/fallback/0", "enum"),
        ({"part_refunded": "some"}, "/payments/part_refunded", "enum"),
        ({"return_as": "voucher"}, "/payments/return_as", "enum"),
    ],
)
async def test_terms_that_name_no_ladder_are_refused_at_their_place(studio, members, pointer, code):
    answer = await studio.http.put("/v1/terms", json={"payments": members})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"action": "skip", "return_as": "original"}, "form-of-skipped"),
        ({"action": "return", "line_no": 2, "return_as": "store_credit"}, "line-of-credits"),
    ],
)
async def test_a_form_of_what_has_none_is_refused_at_its_place(studio, said, code):
    await studio.load(session("yoga"), booking("b", "yoga", ("CAD", 2000), ("credits", 1)))
    answer = await studio.plan(overrides=[{"booking_id": "b", "note": "so"} | said])
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/overrides/0/return_as", code)
