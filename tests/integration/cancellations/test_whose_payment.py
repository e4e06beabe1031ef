"""A payment and an account are of one business: no other's cancellation gives back any of them."""

import asyncio

import pytest
import sqlalchemy as sa
from worlds.office import Office

from app.db import tables
from app.refunds.verify import verify

SUBJECTS = {"payment": ("CAD", 2000), "credit": ("credits", 2)}
NOT_FOUND = {"payment": "payment_not_found", "credit": "account_not_found"}


async def cancelled(studio, desk, *records):
    """The one refund of a cancellation of all that this desk has, when its job has ended."""
    await desk.load(*records)
    job = await desk.accepted()
    await studio.work(job["id"])
    [refund] = await desk.refunds(job["id"])
    return refund


def class_with(desk, id_, line, subject):
    """A client, a class and a booking that is paid by this payment or account."""
    booking = desk.record("booking", id_, f"{id_}-class", line)
    booking["payments"][0] |= subject
    return desk.record("client", "kim"), desk.record("session", f"{id_}-class"), booking


@pytest.mark.parametrize("method", SUBJECTS)
async def test_what_is_anothers_is_refused_and_the_owner_is_still_given_it_back(
    studio, stranger, method
):
    subject = {"payment_id": "p"} if method == "payment" else {"account_id": "a"}
    line = SUBJECTS[method]
    if method == "payment":
        whole = {"amount_minor": 2000, "currency": "CAD", "business_id": "studio"}
        assert (await studio.upstream.put("/payments/p", json=whole)).status_code == 200
    else:  # an account is its business's from its first return on
        mine = await cancelled(studio, studio, *class_with(studio, "first", line, subject))
        assert mine["status"] == "succeeded"
    theirs = await cancelled(studio, stranger, *class_with(stranger, "theirs", line, subject))
    assert (theirs["status"], theirs["failure_code"]) == ("rejected", NOT_FOUND[method])
    ours = await cancelled(studio, studio, *class_with(studio, "ours", line, subject))
    assert ours["status"] == "succeeded"
    effects = (await studio.books())["effects"]
    assert {effect["business"] for effect in effects.values()} == {"studio"}
    assert ours["id"] in effects
    assert theirs["id"] not in effects
    assert await verify(studio.db) == []


async def returned(studio, session_id, *bookings):
    """What became of the refunds of a new class with these bookings, by booking."""
    await studio.load(studio.record("session", session_id), *bookings)
    return await cancelled_class(studio, session_id)


async def cancelled_class(studio, session_id):
    job = await studio.accepted([session_id])
    await studio.work(job["id"])
    return {
        one["booking_id"]: one | {"job_id": job["id"]} for one in await studio.refunds(job["id"])
    }


def paid_by(studio, id_, session_id, amount, payment_id="p", currency="CAD"):
    """A booking that is paid with this payment."""
    booking = studio.record("booking", id_, session_id, (currency, amount))
    booking["payments"][0]["payment_id"] = payment_id
    return booking


def words(refund):
    return refund["status"], refund["failure_code"]


HELD_BACK = ("rejected", "already_refunded_here")  # never sent: a person looks at it
HERE = ("skipped", "already_refunded_here")  # the upstream said so of another line of ours
DONE = ("succeeded", None)


async def without_limits(studio):
    """An upstream that refuses nothing: what holds is ours."""
    await studio.faults(allow_excess=True)


async def test_a_payment_of_several_bookings_is_returned_whole_though_they_are_cancelled_one_by_one(
    studio,
):
    await without_limits(studio)
    await studio.load(studio.record("session", "spin"), paid_by(studio, "b3", "spin", 1000))
    pair = paid_by(studio, "b1", "yoga", 3000), paid_by(studio, "b2", "yoga", 2000)
    found = await returned(studio, "yoga", *pair) | await cancelled_class(studio, "spin")
    assert [words(found[id_]) for id_ in ("b1", "b2", "b3")] == [DONE] * 3
    assert (await studio.books())["sums"] == {"CAD": 6000}
    assert await verify(studio.db) == []


async def test_a_booking_that_comes_again_under_another_id_is_not_returned_again(studio):
    await without_limits(studio)
    first = (await returned(studio, "yoga", paid_by(studio, "b1", "yoga", 6000)))["b1"]
    again = (await returned(studio, "anew", paid_by(studio, "renamed", "anew", 6000)))["renamed"]
    assert (words(first), words(again)) == (DONE, HELD_BACK)
    assert first["id"] in again["failure_detail"]
    assert (await studio.books())["sums"] == {"CAD": 6000}
    assert await verify(studio.db) == []


async def test_beside_a_payment_that_was_returned_before_others_are_returned_and_all_are_counted(
    studio,
):
    await without_limits(studio)
    await returned(
        studio,
        "yoga",
        paid_by(studio, "b1", "yoga", 6000),
        studio.record("booking", "free", "yoga"),
    )
    mixed = (
        paid_by(studio, "renamed", "anew", 6000),
        paid_by(studio, "new", "anew", 700, "q"),
        paid_by(studio, "partner", "anew", 300, "q"),
        studio.record("booking", "pass", "anew", ("credits", 2)),
        studio.record("booking", "nothing", "anew"),
    )
    found = await returned(studio, "anew", *mixed)
    assert words(found["renamed"]) == HELD_BACK
    assert [words(found[id_]) for id_ in ("new", "partner", "pass")] == [DONE] * 3
    assert found["nothing"]["status"] == "skipped"
    assert (await studio.books())["sums"] == {"CAD": 7000, "credits": 2}
    async with studio.db.read() as conn:
        claims = (
            await conn.execute(sa.select(tables.ceilings.c.paid, tables.ceilings.c.claimed))
        ).all()
    assert sorted(map(tuple, claims)) == [(2, 2), (1000, 1000), (6000, 6000)]
    assert await verify(studio.db) == []


async def test_what_is_held_back_is_a_persons_who_is_told_of_it_and_resolves_it(studio, settings):
    await without_limits(studio)
    await returned(studio, "monday", paid_by(studio, "b1", "monday", 1000, "course"))
    office = Office(studio.http, studio.db, settings)
    await office.endpoint("http://127.0.0.1:9/hook")
    booked = paid_by(studio, "b2", "friday", 1000, "course")
    later = (await returned(studio, "friday", booked))["b2"]
    assert words(later) == HELD_BACK
    path = f"/bulk-cancellations/{later['job_id']}"
    assert (await studio.job(later["job_id"]))["status"] == "completed_with_failures"
    told = [data for kind, data in await office.events() if kind == "refund.failed"]
    assert [(one["refund_id"], one["failure_code"]) for one in told] == [
        (later["id"], "already_refunded_here")
    ]
    # A retry sends nothing: it says so of what is named, and has nothing else to try.
    named = await studio.post(f"{path}/retry", refund_ids=[later["id"]])
    assert (named.status_code, named.json()["errors"][0]["code"]) == (422, "not-retriable")
    assert (await studio.post(f"{path}/retry")).json()["retried"] == 0
    assert await verify(studio.db) == []
    answer = await studio.post(
        f"{path}/refunds/{later['id']}/resolve", resolution="refunded_elsewhere", reference="till 4"
    )
    assert answer.status_code == 200, answer.text
    assert (await studio.job(later["job_id"]))["status"] == "completed"
    assert (await studio.books())["sums"] == {"CAD": 1000}
    assert await verify(studio.db) == []


async def test_what_is_left_of_a_payment_is_returned_and_no_more(studio):
    await without_limits(studio)
    await studio.load(studio.record("session", "spin"), paid_by(studio, "later", "spin", 4000))
    await returned(studio, "yoga", paid_by(studio, "b1", "yoga", 2000))
    anew = [paid_by(studio, id_, "anew", 2000) for id_ in ("r1", "r2", "r3")]
    await studio.load(paid_by(studio, "later", "spin", 4000) | {"status": "cancelled"})
    found = await returned(studio, "anew", *anew)
    assert [words(found[id_]) for id_ in ("r1", "r2", "r3")] == [DONE, DONE, HELD_BACK]
    assert (await studio.books())["sums"] == {"CAD": 6000}
    assert await verify(studio.db) == []


async def test_each_currency_of_a_payment_and_each_booking_of_an_account_stand_alone(studio):
    await without_limits(studio)
    credit = {"payments": [{"kind": "credit", "account_id": "a", "credits": 2}] * 2}
    records = (
        paid_by(studio, "b1", "yoga", 3000),
        paid_by(studio, "b2", "yoga", 3000, currency="EUR"),
        studio.record("booking", "c1", "yoga") | credit,
        studio.record("booking", "c2", "yoga") | credit,
    )
    await returned(studio, "yoga", *records)
    assert (await studio.books())["sums"] == {"CAD": 3000, "EUR": 3000, "credits": 8}
    assert await verify(studio.db) == []


async def test_a_payment_that_is_not_returned_yet_is_claimed_all_the_same(studio):
    await studio.faults(refuse_ids={"p": "closed_card"})
    first = (await returned(studio, "yoga", paid_by(studio, "b1", "yoga", 6000)))["b1"]
    await without_limits(studio)
    again = (await returned(studio, "anew", paid_by(studio, "renamed", "anew", 6000)))["renamed"]
    assert (words(first), words(again)) == (("rejected", "closed_card"), HELD_BACK)
    await studio.post(f"/bulk-cancellations/{first['job_id']}/retry")
    await studio.work(first["job_id"])
    assert (await studio.books())["sums"] == {"CAD": 6000}
    assert await verify(studio.db) == []


async def test_a_withdrawn_cancellation_claims_nothing(studio):
    await studio.load(studio.record("session", "yoga"), paid_by(studio, "b1", "yoga", 6000))
    held = await studio.accepted(["yoga"], hold_seconds=60)
    assert (await studio.post(f"/bulk-cancellations/{held['id']}/withdraw")).status_code == 200
    assert words((await cancelled_class(studio, "yoga"))["b1"]) == DONE
    assert await verify(studio.db) == []


async def test_two_cancellations_at_once_claim_what_is_left_of_a_payment_once(studio):
    await without_limits(studio)
    await studio.load(
        *(studio.record("session", id_) for id_ in ("s1", "s2")),
        paid_by(studio, "b1", "s1", 6000),
        paid_by(studio, "b2", "s2", 6000),
    )
    one = {
        "business_id": "studio",
        "method": "payment",
        "subject_id": "p",
        "booking_id": "",
        "currency": "CAD",
    }
    async with studio.db.write() as conn:
        await conn.execute(sa.insert(tables.ceilings).values(**one, paid=12000, claimed=6000))
    jobs = [await studio.accepted([id_]) for id_ in ("s1", "s2")]
    await asyncio.gather(*(studio.work(job["id"]) for job in jobs))
    refunds = [refund for job in jobs for refund in await studio.refunds(job["id"])]
    assert sorted(map(words, refunds), key=str) == [HELD_BACK, DONE]
    assert (await studio.books())["sums"] == {"CAD": 6000}
    assert await verify(studio.db) == []


async def paid_once(studio):
    """Two bookings, each of which names the whole payment of 60.00."""
    whole = {"amount_minor": 6000, "currency": "CAD"}
    assert (await studio.upstream.put("/payments/p", json=whole)).status_code == 200
    return [paid_by(studio, f"b{number}", "yoga", 6000) for number in (1, 2)]


@pytest.mark.parametrize(
    "faults", [{}, {"latency_seconds": 0.2}, {"pending": 1}, {"drop_after": 0.7, "seed": 3}]
)
async def test_a_whole_payment_on_each_booking_is_returned_once_and_the_other_says_by_which(
    studio, faults
):
    studio.looks_up_soon()
    bookings = await paid_once(studio)
    await studio.faults(**faults, **({"pending_seconds": 0.1} if "pending" in faults else {}))
    found = await returned(studio, "yoga", *bookings)
    done, here = sorted(found.values(), key=lambda one: one["status"] != "succeeded")
    assert (words(done), words(here)) == (DONE, HERE)
    assert done["id"] in here["failure_detail"]
    assert done["booking_id"] in here["failure_detail"]
    books = await studio.books()
    assert (books["sums"], books["twice"]) == ({"CAD": 6000}, {})
    assert (await studio.job(done["job_id"]))["status"] == "completed"
    assert await verify(studio.db) == []


async def test_where_no_sibling_did_it_each_line_says_that_somebody_else_has(studio):
    bookings = await paid_once(studio)
    theirs = {"business_id": "studio", "payment_id": "p", "amount_minor": 6000, "currency": "CAD"}
    key = {"Idempotency-Key": "by hand"}
    answer = await studio.upstream.post(
        "/payments/refunds", json=theirs | {"reference": "by hand"}, headers=key
    )
    assert answer.status_code == 201
    found = await returned(studio, "yoga", *bookings)
    assert {words(one) for one in found.values()} == {("skipped", "already_refunded_elsewhere")}
    assert (await studio.books())["sums"] == {"CAD": 6000}
    assert await verify(studio.db) == []
