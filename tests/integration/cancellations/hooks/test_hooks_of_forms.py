"""Hooks of voids, value and goodwill that are pending: looked up at their upstream, settled once.

A failed word starts the next leg, whichever service it comes from. The sandbox's books are the
judge, of every form.
"""

from typing import Any, NamedTuple

import pytest
from integration.cancellations.hooks.sent import hook, look_ups, run

from app.refunds.verify import verify

SECTIONS = {
    "original": ("payments", None),
    "void": ("payments", "voids"),
    "store_credit": ("credits", "store_credits"),
    "goodwill": ("credits", "credit_grants"),
}


class Form(NamedTuple):
    """A form, the service that it is asked of, and terms by which a line comes to it."""

    name: str
    service: str
    leg: int
    terms: dict[str, Any]


VALUE = {"payments": {"return_as": "store_credit"}}
FORMS = (
    Form("void", "payments", 2, {}),
    Form("store_credit", "credits", 1, VALUE),
    Form("store_credit", "credits", 2, {"payments": {"fallback": ["store_credit", "person"]}}),
    Form("goodwill", "credits", 1, {"goodwill": {"credits": 2, "for": ["membership"]}}),
)


async def say(studio, of_form, **switches):
    """What its upstream says of it from now on; the payment is refused where it is a next leg."""
    refused = {"refuse_ids": {"b-payment-1": "card_closed"}} if of_form.leg > 1 else {}
    refused = {} if of_form.name == "void" else refused
    document = {"payments": refused, "credits": {}}
    document[of_form.service] |= switches
    answer = await studio.upstream.put("/faults", json=document)
    assert answer.status_code == 200, answer.text


async def effects(studio):
    """What the books have: form, reference, amount and status of each."""
    books = (await studio.upstream.get("/books")).json()
    found = []
    for form, (service, section) in SECTIONS.items():
        of_form = books[service][section] if section else books[service]
        assert of_form["twice"] == {}
        found += [
            (form, one["reference"], one["amount"], one["status"]) for one in of_form["effects"]
        ]
    return sorted(found)


async def leg_of(studio, job, form):
    [one] = [one for one in await studio.refunds(job["id"]) if one["returned_as"] == form]
    return one


async def pressed(studio, of_form):
    """The job of a class with one booking, worked at until its form waits for a later word."""
    amounts = () if of_form.name == "goodwill" else (("CAD", 2000),)
    if of_form.name == "void":
        body = {"amount_minor": 2000, "currency": "CAD", "captured": False}
        await studio.upstream.put("/payments/b-payment-1", json=body | {"business_id": "studio"})
    await studio.session("yoga")
    await studio.booking("b", "yoga", *amounts)
    job = await studio.accepted(terms=of_form.terms)
    for _ in range(2):  # a next leg is due once the slice of the one before has ended
        assert (await run(studio, job)) is not None
    waits = await leg_of(studio, job, of_form.name)
    assert (waits["leg"], waits["status"]) == (of_form.leg, "processing")
    assert await look_ups(studio, of_form.service) == 0
    return job, waits


@pytest.fixture(params=FORMS, ids=lambda one: f"{one.name} as leg {one.leg}")
def of_form(request):
    return request.param


async def test_one_that_was_to_be_looked_up_later_is_looked_up_at_once_and_settled_once(
    studio, of_form
):
    await say(studio, of_form, pending=1, pending_seconds=0)
    job, waits = await pressed(studio, of_form)
    studio.queue.woken.clear()
    for _ in range(3):
        await hook(studio, waits["id"], of_form.service, event_id="msg_same")
    assert studio.queue.woken == [job["id"]]
    assert await run(studio, job) is None
    settled = await leg_of(studio, job, of_form.name)
    assert settled["status"] == "succeeded"
    assert (await studio.job(job["id"]))["status"] == "completed"
    await hook(studio, waits["id"], of_form.service, status="failed")  # and no word undoes it
    assert await run(studio, job) is None
    assert await leg_of(studio, job, of_form.name) == settled
    amount = 2 if of_form.name == "goodwill" else 2000
    assert await effects(studio) == [(of_form.name, waits["id"], amount, "succeeded")]
    assert await look_ups(studio, of_form.service) == 1
    assert await verify(studio.db) == []


async def test_what_the_other_service_says_of_it_is_of_nothing(studio, of_form):
    await say(studio, of_form, pending=1, pending_seconds=0)
    job, waits = await pressed(studio, of_form)
    studio.queue.woken.clear()
    other = {"payments": "credits", "credits": "payments"}[of_form.service]
    await hook(studio, waits["id"], other, status="succeeded")
    assert studio.queue.woken == []
    assert await run(studio, job) > 0
    assert (await leg_of(studio, job, of_form.name))["status"] == "processing"
    assert await look_ups(studio, of_form.service) == 0


async def test_one_that_fails_with_no_form_left_is_a_persons(studio, of_form):
    await say(studio, of_form, pending=1, pending_then="failed", pending_seconds=0)
    job, waits = await pressed(studio, of_form)
    for _ in range(2):
        await hook(studio, waits["id"], of_form.service)
        assert await run(studio, job) is None
    failed = await leg_of(studio, job, of_form.name)
    assert (failed["status"], failed["failure_code"]) == ("rejected", "declined_by_issuer")
    assert (await studio.job(job["id"]))["status"] == "completed_with_failures"
    amount = 2 if of_form.name == "goodwill" else 2000
    assert await effects(studio) == [(of_form.name, waits["id"], amount, "failed")]
    assert await verify(studio.db) == []


NEXT = (
    Form("original", "payments", 1, {"payments": {"fallback": ["store_credit", "person"]}}),
    Form(
        "store_credit",
        "credits",
        1,
        {"payments": {"return_as": "store_credit", "fallback": ["original", "person"]}},
    ),
)


@pytest.mark.parametrize("first", NEXT, ids=lambda one: one.name)
async def test_a_failed_word_starts_the_next_leg_once_however_often_it_is_said(studio, first):
    await say(studio, first, pending=1, pending_then="failed", pending_seconds=0)
    job, waits = await pressed(studio, first)
    for _ in range(2):
        await hook(studio, waits["id"], first.service)
        await studio.work(job["id"])
    [second_form] = {"original", "store_credit"} - {first.name}
    second = await leg_of(studio, job, second_form)
    assert (second["leg"], second["status"], second["amount_minor"]) == (2, "succeeded", 2000)
    replaced = await leg_of(studio, job, first.name)
    assert (replaced["status"], replaced["failure_code"]) == ("replaced", "declined_by_issuer")
    assert (await studio.job(job["id"]))["status"] == "completed"
    assert await effects(studio) == sorted(
        [
            (first.name, waits["id"], 2000, "failed"),
            (second_form, second["id"], 2000, "succeeded"),
        ]
    )
    assert await verify(studio.db) == []
