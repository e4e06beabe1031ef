"""Stripe's hooks: signed, counted once, never believed, and never lost.

A Stripe with books of its own is the judge, and Stripe's own library is the witness of what its
signature is.
"""

import asyncio
import dataclasses
import datetime as dt
import hmac
import itertools
import json
import time
from urllib.parse import parse_qsl

import pytest
import sqlalchemy as sa
from hypothesis import event, given
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks import Webhook as StandardWebhook
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from stripe import SignatureVerificationError, Webhook, WebhookSignature

from app.config.settings import Settings
from app.db import tables
from app.db.access import stripe_accounts
from app.db.access.stripe_accounts import StripeAccount
from app.db.refunds import outcomes
from app.db.refunds.outcomes import Recorded
from app.errors import Problem
from app.main import create_app
from app.refunds.runtime import gateways
from app.refunds.slices.run import run_slice
from app.refunds.verify import verify as broken_rules
from app.serving import served
from app.webhooks.stripe import verify

OLD, NEW, WRONG = (f"whsec_{letter * 32}" for letter in "abc")
STANDARD = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
TYPES = ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"]
ids = (f"evt_{n}" for n in itertools.count())


class Stripe:
    """Stripe's two calls of refunds: it makes what it is asked for, under any key.

    A test says how each ends.
    """

    def __init__(self):
        self.refunds = []  # newest first
        self.keys = []  # of the calls that made one
        self.look_ups = 0
        self.before_answer = None  # called with each refund that is made, before the answer leaves

    async def create(self, request):
        form = dict(parse_qsl((await request.body()).decode()))
        refund = {
            "id": f"re_{len(self.refunds) + 1}",
            "object": "refund",
            "amount": int(form["amount"]),
            "currency": "cad",
            "payment_intent": form["payment_intent"],
            "status": "pending",
            "metadata": {"reference": form["metadata[reference]"]},
        }
        self.refunds.insert(0, refund)
        self.keys.append(request.headers["idempotency-key"])
        answer = JSONResponse(refund)
        if self.before_answer is not None:
            await self.before_answer(refund)
        return answer

    async def listed(self, request):
        self.look_ups += 1
        ours = [
            one
            for one in self.refunds
            if one["payment_intent"] == request.query_params["payment_intent"]
        ]
        return JSONResponse({"object": "list", "data": ours, "has_more": False})

    def end(self, status, **more):
        for one in self.refunds:
            one.update(status=status, **more)

    def app(self):
        routes = [
            Route("/v1/refunds", self.create, methods=["POST"]),
            Route("/v1/refunds", self.listed),
        ]
        return Starlette(routes=routes)


@pytest.fixture
def settings(database_url):
    """With two secrets in force, as while one is being changed."""
    return Settings(
        database_url=database_url,
        payments_provider="stripe",
        payments_token="sk_test_1",
        upstream_timeout_seconds=2,
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
        stripe_hooks_secret=f"{OLD} {NEW}",
        hooks_secret=STANDARD,
    )


@pytest.fixture
def peer():
    return Stripe()


@pytest.fixture
async def studio(studio, settings, peer):
    """The studio, whose payments are Stripe's and whose credits are the sandbox's."""
    async with served(peer.app()) as address:
        calls = gateways(
            settings, payments_url=address, credits_url=f"{studio.upstream.base_url}/credits"
        )
        studio.runtime = dataclasses.replace(studio.runtime, gateways=calls)
        yield studio
        await studio.runtime.aclose()


@pytest.fixture
async def accepted(studio):
    """A job with one payment by Stripe and one credit."""
    await studio.session("yoga")
    booking = studio.record("booking", "split", "yoga", ("CAD", 2000), ("credits", 2))
    booking["payments"][0]["payment_id"] = "pi_1"
    await studio.load(booking)
    return await studio.accepted()


@pytest.fixture
async def pending(studio, accepted):
    """The job, with its payment pending at Stripe, to be looked up some seconds from now."""
    assert await run(studio, accepted) > 1
    assert (await payment_of(studio, accepted))["status"] == "processing"
    return accepted


async def run(studio, job):
    return await run_slice(studio.runtime, job["id"], seconds=5)


async def payment_of(studio, job):
    [one] = [one for one in await studio.refunds(job["id"]) if one["method"] == "payment"]
    return one


def evt(object_, *, type_="refund.updated", event_id=None):
    """An event as Stripe sends it."""
    head = {
        "id": event_id or next(ids),
        "object": "event",
        "api_version": "2025-04-30.basil",
        "created": 1795413600,
    }
    return json.dumps(
        head | {"type": type_, "livemode": False, "data": {"object": object_}}, indent=2
    )


def signed(body, *, secret=NEW, late_seconds=0):
    """The headers of a hook sent so many seconds ago, signed as Stripe's own library signs."""
    at = int(time.time()) - late_seconds
    signature = WebhookSignature.generate_signature_header(body, secret, timestamp=at)
    return {"content-type": "application/json; charset=utf-8", "stripe-signature": signature}


async def post(studio, body, headers):
    """As Stripe does: without a key of ours."""
    return await studio.http.post(
        "/v1/hooks/stripe", content=body, headers=headers | {"authorization": ""}
    )


async def post_standard(studio, event_id, body):
    """As the other services do: by Standard Webhooks."""
    at = dt.datetime.now(dt.UTC)
    headers = {
        "content-type": "application/json",
        "authorization": "",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": StandardWebhook(STANDARD).sign(event_id, at, body),
    }
    return await studio.http.post("/v1/hooks/payments", content=body, headers=headers)


async def hook(studio, object_, **event_):
    body = evt(object_, **event_)
    answer = await post(studio, body, signed(body))
    assert (answer.status_code, answer.content) == (204, b""), answer.text


# What a hook saves.


@pytest.mark.parametrize("type_", TYPES)
async def test_a_refund_that_was_to_be_looked_up_later_is_looked_up_at_once(
    studio, pending, peer, type_
):
    studio.queue.woken.clear()
    peer.end("succeeded")
    assert await run(studio, pending) > 0  # nothing is due yet
    assert peer.look_ups == 0
    await hook(studio, peer.refunds[0], type_=type_)
    assert studio.queue.woken == [pending["id"]]
    assert await run(studio, pending) is None
    assert (await payment_of(studio, pending))["status"] == "succeeded"
    assert (await studio.job(pending["id"]))["status"] == "completed"
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)


@pytest.mark.parametrize(
    "said", [{"status": "failed", "failure_reason": "declined"}, {"amount": 1}, {"status": None}]
)
async def test_nothing_that_a_hook_says_is_believed(studio, pending, peer, said):
    peer.end("succeeded")
    await hook(studio, peer.refunds[0] | said)
    await run(studio, pending)
    refund = await payment_of(studio, pending)
    assert (refund["status"], refund["amount_minor"]) == ("succeeded", 2000)


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        ("failed", "lost_or_stolen_card", "lost_or_stolen_card"),
        ("failed", None, "failed"),
        ("canceled", None, "canceled"),
    ],
)
async def test_a_refund_that_ends_badly_is_rejected_with_its_reason_and_not_sent_again(
    studio, pending, peer, status, reason, code
):
    peer.end(status, failure_reason=reason)
    await hook(studio, peer.refunds[0], type_="refund.failed")
    assert await run(studio, pending) is None
    assert (await studio.job(pending["id"]))["status"] == "completed_with_failures"
    for _ in range(3):  # nor does anything that Stripe says later have it sent again
        await hook(studio, peer.refunds[0])
        await run(studio, pending)
    refund = await payment_of(studio, pending)
    assert (refund["status"], refund["failure_code"], refund["upstream_reference"]) == (
        "rejected",
        code,
        "re_1",
    )
    assert f"Stripe says {status}" in refund["failure_detail"]
    assert len(peer.refunds) == 1


# Once each, in any order.


async def test_an_event_counts_once_however_often_it_comes(studio, pending, peer):
    refund = peer.refunds[0]
    await asyncio.gather(*(hook(studio, refund, event_id="evt_same") for _ in range(5)))
    await run(studio, pending)
    for _ in range(5):
        await hook(studio, refund, event_id="evt_same")
        await run(studio, pending)
    assert peer.look_ups == 1
    await hook(studio, refund, event_id="evt_another")
    await run(studio, pending)
    assert peer.look_ups == 2


async def test_an_id_of_stripes_is_not_an_id_of_another_service(studio, pending, peer):
    reference = peer.refunds[0]["metadata"]["reference"]
    body = json.dumps({"type": "refund.updated", "data": {"reference": reference}})
    assert (await post_standard(studio, "evt_same", body)).status_code == 204
    await run(studio, pending)
    peer.end("succeeded")
    await hook(studio, peer.refunds[0], event_id="evt_same")
    assert await run(studio, pending) is None
    assert (await payment_of(studio, pending))["status"] == "succeeded"


async def test_events_out_of_order_leave_the_same_books(studio, pending, peer):
    before = peer.refunds[0] | {}
    peer.end("succeeded")
    await hook(studio, peer.refunds[0], type_="refund.updated")
    await run(studio, pending)
    rows = await studio.rows(tables.refunds)
    for type_ in ("charge.refund.updated", "refund.failed", "refund.created"):
        await hook(studio, before, type_=type_)
        await run(studio, pending)
    assert await studio.rows(tables.refunds) == rows
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)


async def test_an_event_that_comes_before_our_own_commit_is_not_lost(studio, accepted, peer):
    async def tell(refund):
        """The refund is done and the hook is out while the answer `pending` is on its way."""
        peer.end("succeeded")
        await hook(studio, refund, type_="refund.created")

    peer.before_answer = tell
    # The refund is due again at once, perhaps in the same slice.
    if (again_in := await run(studio, accepted)) is not None:
        assert again_in == 0
        assert await run(studio, accepted) is None
    assert (await payment_of(studio, accepted))["status"] == "succeeded"
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)


async def test_a_refund_that_was_given_up_while_processing_is_looked_up_again(
    studio, pending, peer
):
    async with studio.db.write() as conn:
        await conn.execute(
            sa.update(tables.refunds)
            .where(tables.refunds.c.due_at.is_not(None))
            .values(due_at=sa.func.now())
        )
    impatient = studio.runtime.settings.model_copy(update={"give_up_after_seconds": 0.0})
    await run_slice(
        dataclasses.replace(studio.runtime, settings=impatient), pending["id"], seconds=5
    )
    assert (await payment_of(studio, pending))["failure_code"] == "gave_up"
    assert (await studio.job(pending["id"]))["status"] == "completed_with_failures"
    peer.end("succeeded")
    await hook(studio, peer.refunds[0])
    assert (await studio.rows(tables.refund_history))[-1].count("hook:stripe") == 1
    assert await run(studio, pending) is None
    assert (await studio.job(pending["id"]))["status"] == "completed"


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ({"status": "requires_action"}, "requires_action"),
        ({"status": "pending", "pending_reason": "insufficient_funds"}, "insufficient_funds"),
    ],
)
async def test_what_a_refund_waits_for_is_shown_and_a_machine_waits_with_it(
    studio, pending, peer, shown, reason
):
    peer.refunds[0].update(shown)
    impatient = studio.runtime.settings.model_copy(update={"give_up_after_seconds": 0.0})
    for _ in range(2):  # the second look begins with what the first has left
        async with studio.db.write() as conn:
            due = tables.refunds.c.due_at.is_not(None)
            await conn.execute(sa.update(tables.refunds).where(due).values(due_at=sa.func.now()))
        await run_slice(
            dataclasses.replace(studio.runtime, settings=impatient), pending["id"], seconds=5
        )
        payment = await payment_of(studio, pending)
        assert (payment["status"], payment["failure_code"]) == ("processing", reason)
        assert payment["failure_detail"]
        assert (await studio.job(pending["id"]))["status"] == "running"
    peer.end("succeeded")
    await hook(studio, peer.refunds[0])
    assert await run(studio, pending) is None
    payment = await payment_of(studio, pending)
    assert (payment["status"], payment["failure_code"], payment["failure_detail"]) == (
        "succeeded",
        None,
        None,
    )


# A success that Stripe takes back.


@pytest.fixture
async def refunded(studio, pending, peer):
    """The job, whose payment has been refunded, as far as anybody knows."""
    peer.end("succeeded")
    await hook(studio, peer.refunds[0])
    assert await run(studio, pending) is None
    assert (await studio.job(pending["id"]))["status"] == "completed"
    peer.look_ups = 0
    studio.queue.woken.clear()
    return pending


async def histories(studio):
    columns = (
        tables.refund_history.c.status,
        tables.refund_history.c.actor,
        tables.refund_history.c.failure_code,
    )
    async with studio.db.read() as conn:
        query = sa.select(*columns).join(
            tables.refunds, tables.refunds.c.id == tables.refund_history.c.refund_id
        )
        found = await conn.execute(
            query.where(tables.refunds.c.method == "payment").order_by(tables.refund_history.c.id)
        )
        return list(map(tuple, found))


@pytest.mark.parametrize(
    ("type_", "status", "reason", "code"),
    [
        ("refund.failed", "failed", "expired_or_canceled_card", "expired_or_canceled_card"),
        ("refund.updated", "failed", "declined", "declined"),
        ("charge.refund.updated", "canceled", None, "canceled"),
    ],
)
async def test_a_success_that_stripe_takes_back_is_a_failure_with_its_reason_and_can_be_tried_again(
    studio, refunded, peer, type_, status, reason, code
):
    peer.end(status, failure_reason=reason)
    await hook(studio, peer.refunds[0], type_=type_)
    assert studio.queue.woken == [refunded["id"]]
    doubted = await payment_of(studio, refunded)
    assert (doubted["status"], doubted["settled_at"]) == ("processing", None)
    assert (await studio.job(refunded["id"]))["status"] == "running"
    assert await broken_rules(studio.db) == []
    assert await run(studio, refunded) is None
    failed = await payment_of(studio, refunded)
    assert (failed["status"], failed["failure_code"], failed["upstream_reference"]) == (
        "rejected",
        code,
        "re_1",
    )
    assert (await studio.job(refunded["id"]))["status"] == "completed_with_failures"
    assert (await studio.audit(refunded["id"])).statuses() == {"rejected": 1, "succeeded": 1}
    assert (await histories(studio))[-4:] == [
        ("succeeded", "worker", None),
        ("processing", "hook:stripe", None),
        ("processing", "worker", None),
        ("rejected", "worker", code),
    ]
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)
    assert await broken_rules(studio.db) == []
    answer = await studio.post(f"/bulk-cancellations/{refunded['id']}/retry")
    assert answer.status_code == 202, answer.text
    await run(studio, refunded)
    assert [one["status"] for one in peer.refunds] == ["pending", status]
    assert peer.keys == [failed["id"], f"{failed['id']}.1"]
    peer.refunds[0]["status"] = "succeeded"
    await hook(studio, peer.refunds[0])
    await run(studio, refunded)
    again = await payment_of(studio, refunded)
    assert (again["status"], again["upstream_reference"]) == ("succeeded", "re_2")
    # What is said of the one that failed is no news of the one that succeeded.
    before = await studio.rows(tables.refunds)
    await hook(studio, peer.refunds[1], type_="refund.failed")
    assert await studio.rows(tables.refunds) == before
    assert await broken_rules(studio.db) == []


async def test_that_a_success_was_taken_back_is_not_believed_but_looked_up(studio, refunded, peer):
    before = await payment_of(studio, refunded)
    await hook(
        studio,
        peer.refunds[0] | {"status": "failed", "failure_reason": "declined"},
        type_="refund.failed",
    )
    assert (await studio.job(refunded["id"]))["status"] == "running"
    assert await run(studio, refunded) is None
    after = await payment_of(studio, refunded)
    assert (await studio.job(refunded["id"]))["status"] == "completed"
    assert after | {"settled_at": None} == before | {"settled_at": None}
    assert after["settled_at"] > before["settled_at"]
    assert peer.look_ups == 1
    assert await broken_rules(studio.db) == []


async def test_a_success_is_doubted_once_for_each_event(studio, refunded, peer):
    said = peer.refunds[0] | {"status": "failed"}
    for _ in range(4):
        await asyncio.gather(
            *(hook(studio, said, event_id="evt_same", type_="refund.failed") for _ in range(3))
        )
        await run(studio, refunded)
    assert peer.look_ups == 1
    assert [status for status, *_ in await histories(studio)].count("succeeded") == 2


async def test_a_success_is_not_doubted_for_anything_else_that_stripe_says(studio, refunded, peer):
    before = await studio.rows(tables.refunds), await studio.rows(tables.jobs)
    ours = peer.refunds[0]
    for said in (
        *(
            {"status": status}
            for status in ("succeeded", "pending", "requires_action", "new", None, ["failed"])
        ),
        *({"status": "failed", "id": refund_id} for refund_id in ("re_2", "", None, ["re_1"])),
        {"status": "failed", "object": "charge"},
        {"status": "failed", "metadata": {}},
    ):
        for type_ in TYPES:
            await hook(studio, ours | said, type_=type_)
    assert (await studio.rows(tables.refunds), await studio.rows(tables.jobs)) == before
    assert (studio.queue.woken, peer.look_ups) == ([], 0)


async def test_no_other_service_takes_a_success_back(studio, refunded, peer):
    before = await studio.rows(tables.refunds)
    refund = await payment_of(studio, refunded)
    body = {"id": refund["upstream_reference"], "reference": refund["id"], "status": "failed"}
    answer = await post_standard(
        studio, "evt_other", json.dumps({"type": "refund.updated", "data": body})
    )
    assert answer.status_code == 204, answer.text
    assert await studio.rows(tables.refunds) == before


async def test_a_refund_that_a_person_closed_is_not_opened_by_a_success_taken_back(
    studio, refunded, peer
):
    async with studio.db.write() as conn:
        [refund_id] = await conn.scalars(
            sa.select(tables.refunds.c.id).where(tables.refunds.c.method == "payment")
        )
        await conn.execute(
            sa.update(tables.refunds)
            .where(tables.refunds.c.id == refund_id)
            .values(status="resolved")
        )
    before = await studio.rows(tables.refunds)
    await hook(studio, peer.refunds[0] | {"status": "failed"}, type_="refund.failed")
    assert await studio.rows(tables.refunds) == before


async def test_who_follows_a_job_hears_of_its_success_and_then_of_its_failure(
    studio, live, refunded, peer
):
    path = f"/v1/bulk-cancellations/{refunded['id']}/audit.csv"
    peer.end("failed", failure_reason="declined")
    await hook(studio, peer.refunds[0], type_="refund.failed")
    said = asyncio.create_task(live.get(path, params={"follow": "true"}))
    await asyncio.sleep(0.3)
    assert not said.done(), "the job goes on"
    await run(studio, refunded)
    lines = [line for line in (await said).text.splitlines() if "payment" in line]
    assert ["rejected" in line for line in lines if "re_1" in line] == [True]


async def test_who_heard_of_a_success_before_it_was_taken_back_is_late(studio, refunded, peer):
    async with studio.db.read() as conn:
        query = sa.select(tables.refunds.c.id, tables.refunds.c.epoch).where(
            tables.refunds.c.method == "payment"
        )
        refund_id, epoch = (await conn.execute(query)).one()
    late = Recorded(refund_id, epoch, "succeeded", True, False, None, "re_1", None, None)

    async def told_late():
        async with studio.db.write() as conn:
            return await outcomes.record(
                conn, refunded["id"], [late], actor="worker", heartbeat_seconds=30
            )

    peer.end("failed", failure_reason="declined")
    await hook(studio, peer.refunds[0], type_="refund.failed")
    assert await told_late() == []
    await run(studio, refunded)
    assert await told_late() == []
    assert (await payment_of(studio, refunded))["status"] == "rejected"
    # A success of the next try counts, whoever heard it.
    await studio.post(f"/bulk-cancellations/{refunded['id']}/retry")
    late = late._replace(epoch=epoch + 3, upstream_reference="re_2")
    assert await told_late() == [refund_id]


# Thin events, which name the refund by Stripe's own id and hold nothing of it.


def thin(refund_id, *, type_="v1.refund.updated", **members):
    """An event as Stripe sends it of API version 2026-09-30."""
    head = {
        "id": next(ids),
        "object": "v2.core.event",
        "created": "2026-11-23T06:00:00.000Z",
        "livemode": False,
    }
    related = {"id": refund_id, "type": "refund", "url": f"/v1/refunds/{refund_id}"}
    return json.dumps(head | {"type": type_, "related_object": related} | members)


async def thin_hook(studio, refund_id, **members):
    body = thin(refund_id, **members)
    answer = await post(studio, body, signed(body))
    assert (answer.status_code, answer.content) == (204, b""), answer.text


@pytest.mark.parametrize("type_", ["v1.refund.created", "v1.refund.updated", "v1.refund.failed"])
async def test_a_thin_event_has_its_refund_looked_up_at_once(studio, pending, peer, type_):
    peer.end("succeeded")
    await thin_hook(studio, "re_1", type_=type_)
    assert await run(studio, pending) is None
    assert (await payment_of(studio, pending))["status"] == "succeeded"
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)


async def test_a_thin_event_counts_once(studio, pending, peer):
    for _ in range(3):
        await thin_hook(studio, "re_1", id="evt_thin_same")
        await run(studio, pending)
    assert peer.look_ups == 1


async def test_a_success_that_a_thin_event_takes_back_is_a_failure_with_its_reason(
    studio, refunded, peer
):
    peer.end("failed", failure_reason="expired_or_canceled_card")
    await thin_hook(studio, "re_1", type_="v1.refund.updated")
    await run(studio, refunded)
    # An update alone puts nothing in doubt.
    assert (await payment_of(studio, refunded))["status"] == "succeeded"
    await thin_hook(studio, "re_1", type_="v1.refund.failed")
    await run(studio, refunded)
    refund = await payment_of(studio, refunded)
    assert (refund["status"], refund["failure_code"]) == ("rejected", "expired_or_canceled_card")


async def test_a_thin_event_of_another_account_or_of_an_unknown_refund_changes_nothing(
    studio, pending, peer
):
    before = await studio.everything()
    await thin_hook(studio, "re_1", context="acct_another")
    await thin_hook(studio, "re_2")
    await thin_hook(studio, "rf_1")
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after
    async with studio.db.write() as conn:
        await stripe_accounts.put(conn, "studio", StripeAccount("acct_studio"))
    before = await studio.everything()
    await thin_hook(studio, "re_1")  # at no connected account, where the studio's payments are not
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after
    await thin_hook(studio, "re_1", context="acct_studio")
    await run(studio, pending)
    assert peer.look_ups == 1


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"related_object": None}, "/related_object"),
        ({"related_object": {"type": "refund"}}, "/related_object/id"),
        ({"context": 7}, "/context"),
        ({"id": ""}, "/id"),
    ],
)
async def test_a_thin_event_that_is_none_is_refused_by_its_field(studio, pending, members, pointer):
    before = await studio.everything()
    body = thin("re_1", **members)
    answer = await post(studio, body, signed(body))
    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (
        422,
        [pointer],
    )
    assert await studio.everything() == before


# Not for us.


async def test_events_of_other_types_are_answered_and_not_read_further(studio, pending, peer):
    before = await studio.everything()
    ours = peer.refunds[0]
    charge = {
        "id": "ch_1",
        "object": "charge",
        "metadata": ours["metadata"],
        "refunds": {"data": [ours]},
    }
    for type_, object_ in (
        ("charge.refunded", charge),
        ("charge.refunded", ours),
        ("refund.reversed", ours),
        ("payment_intent.succeeded", None),
        ("v2.core.event_destination.ping", ["?"]),
    ):
        await hook(studio, object_, type_=type_)
    body = json.dumps({"id": 7, "type": "payout.paid"})
    assert (await post(studio, body, signed(body))).status_code == 204
    assert await studio.everything() == before


async def test_a_refund_that_is_not_ours_is_answered_and_changes_nothing(studio, pending, peer):
    before = await studio.everything()
    ours = peer.refunds[0]
    unknown = (
        "019aab00-0000-7000-8000-0000000000f1",
        "order 7",
        "' OR 1=1",
        "x" * 500,
        "a\x00b",
        "",
    )
    for object_ in (
        *(
            ours | {"metadata": metadata}
            for metadata in (None, {}, {"order": "7"}, ["reference"], "reference")
        ),
        *(ours | {"metadata": {"reference": reference}} for reference in (None, 7, {}, *unknown)),
        ours | {"object": "charge"},
        {name: value for name, value in ours.items() if name != "metadata"},
        {},
    ):
        await hook(studio, object_)
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after


async def test_stripe_speaks_only_of_payments(studio, accepted, peer):
    await studio.faults(pending=1, pending_then="never")
    await run(studio, accepted)
    before = await studio.rows(tables.refunds)
    [credit] = [one for one in await studio.refunds(accepted["id"]) if one["method"] == "credit"]
    assert credit["status"] == "processing"
    await hook(studio, peer.refunds[0] | {"metadata": {"reference": credit["id"]}})
    assert await studio.rows(tables.refunds) == before


NO_EVENTS = {
    "{": (400, None),
    "": (400, None),
    "[" * 5000: (400, None),
    "[]": (422, ""),
    "{}": (422, "/type"),
    '{"type": 7}': (422, "/type"),
    '{"type": "refund.updated", "data": {"object": {}}}': (422, "/id"),
    '{"type": "refund.updated", "id": "", "data": {"object": {}}}': (422, "/id"),
    '{"type": "refund.updated", "id": "evt_\\u0000", "data": {"object": {}}}': (422, "/id"),
    json.dumps({"type": "refund.updated", "id": "e" * 256, "data": {"object": {}}}): (422, "/id"),
    '{"type": "refund.updated", "id": "evt_1"}': (422, "/data"),
    '{"type": "refund.updated", "id": "evt_1", "data": {}}': (422, "/data/object"),
    '{"type": "refund.updated", "id": "evt_1", "data": {"object": "re_1"}}': (422, "/data/object"),
}


async def test_a_body_that_is_no_event_is_refused_by_its_field(studio, pending):
    before = await studio.everything()
    for body, (status, pointer) in NO_EVENTS.items():
        answer = await post(studio, body, signed(body))
        assert (answer.status_code, answer.headers["content-type"]) == (
            status,
            "application/problem+json",
        ), body
        pointers = [error["pointer"] for error in answer.json().get("errors", ())]
        assert pointers == ([pointer] if status == 422 else []), body
    body = evt({})
    assert (
        await post(studio, body, signed(body) | {"content-type": "text/plain"})
    ).status_code == 415
    assert await studio.everything() == before


# Who may send one.

NOW = time.time()


def _header(change):
    return lambda body: {"stripe-signature": change(signed(body)["stripe-signature"])}


def _by_hand(form, *, scheme="sha256"):
    """A header of this form, `{t}` and `{v1}` being a time and the signature that goes with it."""

    def headers(body):
        at = str(int(time.time()))
        signature = hmac.new(NEW.encode(), f"{at}.{body}".encode(), scheme).hexdigest()
        return {"stripe-signature": form.format(t=at, v1=signature)}

    return headers


# What Stripe's library refuses, and after that what only we do.
REFUSED = {
    "no header": lambda body: {},
    "an empty header": _header(lambda value: ""),
    "another's secret": lambda body: signed(body, secret=WRONG),
    "another body": lambda body: signed(body + " "),
    "the secret without its prefix": lambda body: signed(body, secret=NEW.removeprefix("whsec_")),
    "no time": _by_hand("v1={v1}"),
    "an empty time": _by_hand("t=,v1={v1}"),
    "a time that is none": _by_hand("t=soon,v1={v1}"),
    "a time that is no number": _by_hand("t=nan,v1={v1}"),
    "another time": _by_hand("t=1{t},v1={v1}"),
    "no signature": _by_hand("t={t}"),
    "an empty signature": _by_hand("t={t},v1="),
    "the test scheme alone": _by_hand("t={t},v0={v1}"),
    "an unknown scheme alone": _by_hand("t={t},v2={v1}"),
    "another hash": _by_hand("t={t},v1={v1}", scheme="sha512"),
    "upper case": _header(lambda value: value.replace("v1=", "V1=")),
    "cut short": _header(lambda value: value[:-1]),
    "no ASCII": _by_hand("t={t},v1=é"),
    "other separators": _header(lambda value: value.replace(",", ";")),
    "a space before": _by_hand("t={t}, v1={v1}"),
    "too old": lambda body: signed(body, late_seconds=310),
    "an hour old": lambda body: signed(body, late_seconds=3600),
}
ONLY_BY_US = {
    "too new": lambda body: signed(body, late_seconds=-310),
    "a part that is none": _by_hand("t={t},v1={v1},odd"),
    "two times": _by_hand("t={t},t=1,v1={v1}"),
    "a sign before the time": _by_hand("t=+{t},v1={v1}"),
}


async def test_what_stripe_did_not_sign_now_is_refused_in_the_same_words_as_its_library_refuses_it(
    studio, pending, peer
):
    body = evt(peer.refunds[0])
    before = await studio.everything()
    words = set()
    for fault, spoil in (REFUSED | ONLY_BY_US).items():
        headers = spoil(body)
        if fault in REFUSED:
            # A TypeError is for what is no ASCII.
            with pytest.raises((SignatureVerificationError, TypeError)):
                Webhook.construct_event(body, headers.get("stripe-signature"), NEW)
        sent = {name: value.encode() for name, value in headers.items()} | {
            "content-type": b"application/json"
        }
        answer = await post(studio, body, sent)
        assert (answer.status_code, answer.headers["content-type"]) == (
            401,
            "application/problem+json",
        ), fault
        assert answer.json()["type"] == "/problems/hook-signature-invalid", fault
        assert answer.headers["www-authenticate"].startswith("Stripe-Signature"), fault
        words.add(answer.content)
    assert len(words) == 1
    assert await studio.everything() == before


ACCEPTED = {
    "as the library signs": signed,
    "with the secret that is being replaced": lambda body: signed(body, secret=OLD),
    "almost too old": lambda body: signed(body, late_seconds=290),
    "a clock ahead of ours": lambda body: signed(body, late_seconds=-290),
    "with an unknown scheme beside it": _by_hand("t={t},v0=6ffbb59b2300,v1={v1},v9=x"),
    "in another order": _by_hand("v1={v1},t={t}"),
    "with the signature of another secret first": _by_hand(f"t={{t}},v1={'0' * 64},v1={{v1}}"),
}


@pytest.mark.parametrize("form", ACCEPTED)
async def test_what_stripes_library_accepts_is_accepted(studio, pending, peer, form):
    body = evt(peer.refunds[0] | {"description": "für Ζωή 🧘"})
    headers = ACCEPTED[form](body)
    secret = OLD if "replaced" in form else NEW
    assert (
        Webhook.construct_event(body, headers["stripe-signature"], secret).type == "refund.updated"
    )
    answer = await post(studio, body, {"content-type": "application/json"} | headers)
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    await run(studio, pending)
    assert peer.look_ups == 1


PARTS = st.sampled_from(
    [
        "t={t}",
        "t={t}",
        "v1={v1}",
        "v1={v1}",
        "v1=",
        "v0={v1}",
        "t=7",
        "t=",
        "t=0{t}",
        "=",
        "",
        "v1",
        "t",
    ]
)
ASCII = st.text(st.characters(codec="ascii"), max_size=4)


@given(
    parts=st.lists(PARTS | ASCII, max_size=5), late_seconds=st.sampled_from([0, 0, 290, 310, -290])
)
def test_no_header_is_accepted_that_stripes_library_refuses_and_none_refused_without_a_reason(
    parts, late_seconds
):
    body, now = "{}", time.time()
    at = str(int(now) - late_seconds)
    signature = hmac.new(NEW.encode(), f"{at}.{body}".encode(), "sha256").hexdigest()
    header = ",".join(part.replace("{t}", at).replace("{v1}", signature) for part in parts)
    ours, theirs = True, True
    try:
        verify([OLD, NEW], header, body.encode(), now=now)
    except Problem:
        ours = False
    try:
        WebhookSignature.verify_header(body, header, NEW, Webhook.DEFAULT_TOLERANCE)
    except SignatureVerificationError:
        theirs = False
    event(f"ours {ours}, theirs {theirs}")
    whole = header.split(",")
    plain = all("=" in part for part in whole) and [
        part for part in whole if part.startswith("t=")
    ] == [f"t={at}"]
    assert ours == theirs if plain else not ours


async def test_a_body_that_is_no_text_is_refused_though_it_is_signed(studio):
    at = int(time.time())
    signature = hmac.new(NEW.encode(), f"{at}.".encode() + b"\xff\xfe", "sha256").hexdigest()
    answer = await post(studio, b"\xff\xfe", {"stripe-signature": f"t={at},v1={signature}"} | JSON)
    assert answer.json()["type"] == "/problems/malformed-body"


JSON = {"content-type": "application/json"}


async def test_a_body_over_the_limit_is_refused_unread(studio):
    body = " " * (studio.app.state.service.settings.body_limit_bytes + 1)
    assert (await post(studio, body, signed(body))).status_code == 413


async def test_without_its_secret_there_are_no_hooks_of_stripes_whatever_others_there_are(
    studio, settings
):
    bare = settings.model_copy(update={"stripe_hooks_secret": None})
    studio.http._transport.app = create_app(bare, database=studio.db, queue=studio.queue)
    body = evt({})
    for headers in (signed(body), signed(body, secret=STANDARD), JSON):
        answer = await post(studio, body, headers)
        assert (answer.status_code, answer.json()["type"]) == (
            404,
            "/problems/hooks-not-configured",
        )
        assert "STRIPE_HOOKS_SECRET" in answer.json()["detail"]
    assert await studio.rows(tables.hook_events) == []


async def test_the_secret_of_the_other_hooks_signs_none_of_stripes(studio):
    body = evt({})
    assert (await post(studio, body, signed(body, secret=STANDARD))).status_code == 401


@pytest.mark.parametrize(
    "secret", [OLD, f"{OLD} {NEW}", f"  {OLD}  ", f"whsec_{'a' * 64}", "whsec_" + "Ab+/=_-9" * 4]
)
def test_a_secret_as_stripe_gives_it_is_taken(secret):
    assert Settings(stripe_hooks_secret=secret).stripe_hooks_secret.get_secret_value() == secret


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "whsec_",
        "whsec_short",
        OLD[6:],
        f"{OLD} x",
        f"{OLD},{NEW}",
        f"sk_test_{OLD}",
        f"whsec_{'a' * 256}",
    ],
)
def test_a_secret_that_is_none_stops_the_start_and_is_not_repeated(secret):
    with pytest.raises(ValidationError, match="whsec_ and then 24 to 255 characters") as refused:
        Settings(stripe_hooks_secret=secret)
    assert "input_value" not in str(refused.value)


@pytest.mark.parametrize("secret", ["", " "])
def test_a_blank_secret_stops_the_start(secret):
    with pytest.raises(ValidationError, match="must not be blank"):
        Settings(stripe_hooks_secret=secret)
