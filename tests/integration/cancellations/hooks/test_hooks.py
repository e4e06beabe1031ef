"""Hooks in: signed, counted once, never believed, and never lost.

The sandbox's count of look-ups is the judge.
"""

import asyncio
import base64
import datetime as dt
import itertools
import json

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from standardwebhooks import Webhook

from app.config.settings import Settings
from app.db import tables
from app.db.refunds import claims, outcomes
from app.db.refunds.outcomes import Recorded
from app.main import create_app
from app.refunds.slices.run import run_slice

OLD, NEW, WRONG = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2, 3))
LEASE_SECONDS = 30
ids = (f"msg_{n}" for n in itertools.count())


@pytest.fixture
def settings(database_url):
    """With two secrets in force, as while one is being changed."""
    return Settings(
        database_url=database_url,
        upstream_timeout_seconds=2,
        upstream_quiescence_seconds=0,
        lease_seconds=LEASE_SECONDS,
        concurrency=8,
        hooks_secret=f"{OLD} {NEW}",
    )


@pytest.fixture
async def pending(studio):
    """A job with one payment and one credit that the upstreams have accepted.

    They will have done both when these are looked up.
    """
    await studio.session("yoga")
    await studio.booking("split", "yoga", ("CAD", 2000), ("credits", 2))
    await studio.faults(pending=1, pending_then="succeeded", pending_seconds=0)
    return await studio.accepted()


async def run(studio, job):
    return await run_slice(studio.runtime, job["id"], seconds=5)


async def refund_of(studio, job, method="payment"):
    [one] = [one for one in await studio.refunds(job["id"]) if one["method"] == method]
    return one


async def row_of(studio, refund_id):
    async with studio.db.read() as conn:
        query = sa.select(tables.refunds).where(tables.refunds.c.id == refund_id)
        return (await conn.execute(query)).mappings().one()


async def look_ups(studio, service="payments"):
    books = (await studio.upstream.get("/books")).json()
    return books[service]["requests"].get("look_ups", 0)


async def clock(studio):
    async with studio.db.read() as conn:
        return (await conn.execute(sa.select(tables.now()))).scalar_one()


def signed(body, *, event_id=None, secret=NEW, late_seconds=0.0):
    """The headers of a hook that was sent so many seconds ago."""
    event_id = event_id or next(ids)
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=late_seconds)
    text = body.decode() if isinstance(body, bytes) else body
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, text),
    }


def about(reference, **said):
    data = {"id": "rf_1", "status": "succeeded", "reference": reference} | said
    return json.dumps(
        {"type": "refund.updated", "timestamp": "2026-11-23T06:00:00.000Z", "data": data}
    )


async def post(studio, body, headers, service="payments"):
    """As an upstream does: without a key."""
    return await studio.http.post(
        f"/v1/hooks/{service}", content=body, headers=headers | {"authorization": ""}
    )


async def hook(studio, reference, service="payments", *, event_id=None, secret=NEW, **said):
    body = about(reference, **said)
    answer = await post(studio, body, signed(body, event_id=event_id, secret=secret), service)
    assert (answer.status_code, answer.content) == (204, b""), answer.text


# What a hook saves.


@pytest.mark.parametrize(("service", "method"), [("payments", "payment"), ("credits", "credit")])
async def test_a_refund_that_was_to_be_looked_up_later_is_looked_up_at_once(
    studio, pending, service, method
):
    assert await run(studio, pending) > 1
    refund = await refund_of(studio, pending, method)
    assert refund["status"] == "processing"
    studio.queue.woken.clear()
    await hook(studio, refund["id"], service)
    assert studio.queue.woken == [pending["id"]]
    async with studio.db.read() as conn:
        due_at = await conn.scalar(sa.select(tables.jobs.c.due_at))
    assert due_at <= await clock(studio)
    assert await run(studio, pending) > 0
    assert (await refund_of(studio, pending, method))["status"] == "succeeded"
    other = {"payments": "credits", "credits": "payments"}[service]
    assert (await look_ups(studio, service), await look_ups(studio, other)) == (1, 0)


async def test_without_a_hook_nothing_is_looked_up_before_its_time_and_polling_ends_the_job(
    studio, pending
):
    await run(studio, pending)
    assert await run(studio, pending) > 0
    assert await look_ups(studio) == 0
    await studio.work(pending["id"])
    assert (await studio.job(pending["id"]))["status"] == "completed"


@pytest.mark.parametrize(
    "said", [{"status": "failed", "failure_code": "no"}, {"amount_minor": 1}, {"status": None}]
)
async def test_nothing_that_a_hook_says_is_believed(studio, pending, said):
    await run(studio, pending)
    refund = await refund_of(studio, pending)
    await hook(studio, refund["id"], **said)
    await run(studio, pending)
    refund = await refund_of(studio, pending)
    assert (refund["status"], refund["amount_minor"]) == ("succeeded", 2000)


async def test_a_hook_that_says_succeeded_too_early_ends_nothing(studio, pending):
    await studio.faults(pending=1, pending_then="never")
    await run(studio, pending)
    refund = await refund_of(studio, pending)
    await hook(studio, refund["id"], status="succeeded")
    await run(studio, pending)
    assert (await refund_of(studio, pending))["status"] == "processing"
    assert await look_ups(studio) == 1


# Once each.


async def test_an_event_counts_once_however_often_it_comes(studio, pending):
    await studio.faults(pending=1, pending_then="never")
    await run(studio, pending)
    refund = await refund_of(studio, pending)
    await asyncio.gather(*(hook(studio, refund["id"], event_id="msg_same") for _ in range(5)))
    await run(studio, pending)
    for _ in range(5):
        await hook(studio, refund["id"], event_id="msg_same")
        await run(studio, pending)
    assert await look_ups(studio) == 1
    await hook(studio, refund["id"], event_id="msg_another")
    await run(studio, pending)
    assert await look_ups(studio) == 2


async def test_an_id_of_one_service_is_not_an_id_of_the_other(studio, pending):
    await run(studio, pending)
    for service, method in (("payments", "payment"), ("credits", "credit")):
        await hook(
            studio, (await refund_of(studio, pending, method))["id"], service, event_id="msg_same"
        )
    assert await run(studio, pending) is None
    assert (await studio.job(pending["id"]))["status"] == "completed"


async def test_events_are_forgotten_after_a_week_some_with_each_new_one(studio, pending):
    now = await clock(studio)
    old = [
        {"source": "payments", "event_id": f"old-{n}", "received_at": now - dt.timedelta(days=8)}
        for n in range(15)
    ]
    young = {"source": "payments", "event_id": "young", "received_at": now - dt.timedelta(days=6)}
    async with studio.db.write() as conn:
        await conn.execute(sa.insert(tables.hook_events), [*old, young])
    left = []
    for _ in range(2):
        await hook(studio, "nobody's")
        left.append(len(await studio.rows(tables.hook_events)))
    assert left == [16 + 1 - 10, 7 + 1 - 5]
    assert "young" in str(await studio.rows(tables.hook_events))


# Too early: our own call is not recorded yet.


async def claim(studio, job, method="payment"):
    async with studio.db.write() as conn:
        return await claims.claim(conn, job["id"], method, most=1, lease_seconds=LEASE_SECONDS)


async def record(studio, job, claimed, status, *, due_in_seconds=5.0, **said):
    outcome = Recorded(
        id=claimed.id,
        epoch=claimed.epoch,
        status=status,
        definitive=status == "succeeded",
        uncounted=False,
        due_in_seconds=due_in_seconds,
        upstream_reference="rf_1",
        failure_code=said.get("code"),
        failure_detail=said.get("detail"),
    )
    async with studio.db.write() as conn:
        heartbeat = {"actor": "worker", "heartbeat_seconds": 30}
        assert await outcomes.record(conn, job["id"], [outcome], **heartbeat) == [claimed.id]


async def send_by_hand(studio, job):
    """The payment's row as it is while its call is under way, with the call made.

    The upstream has it as pending.
    """
    await studio.faults(answer_503=1)
    await run(studio, job)  # writes the rows, and sends nothing
    async with studio.db.write() as conn:
        await conn.execute(sa.update(tables.refunds).values(due_at=tables.now(), status="pending"))
    await studio.faults(pending=1, pending_seconds=0)
    [claimed] = await claim(studio, job)
    body = {
        "business_id": "studio",
        "payment_id": claimed.payment_id,
        "amount_minor": 2000,
        "currency": "CAD",
    }
    body["reference"] = claimed.id
    answer = await studio.upstream.post(
        "/payments/refunds", json=body, headers={"Idempotency-Key": claimed.id}
    )
    assert answer.json()["status"] == "pending"
    return claimed


async def test_a_hook_that_comes_before_our_own_commit_is_not_lost(studio, pending):
    claimed = await send_by_hand(studio, pending)
    leased_until = (await row_of(studio, claimed.id))["due_at"]
    await hook(studio, claimed.id)
    assert (await row_of(studio, claimed.id))["due_at"] == leased_until
    await record(studio, pending, claimed, "processing", due_in_seconds=300.0)
    row = await row_of(studio, claimed.id)
    assert (row["status"], row["hinted_at"]) == ("processing", None)
    assert row["due_at"] <= await clock(studio)
    [again] = await claim(studio, pending)
    assert (again.id, again.status) == (claimed.id, "processing")


async def test_a_hook_that_comes_before_our_own_commit_is_remembered_through_a_wait_and_a_look(
    studio, pending
):
    claimed = await send_by_hand(studio, pending)
    await hook(studio, claimed.id)
    # It is sent again, and its answer is the first one's.
    await record(studio, pending, claimed, "pending", due_in_seconds=0.0)
    [claimed] = await claim(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=300.0)
    assert (await row_of(studio, claimed.id))["due_at"] <= await clock(studio)


async def test_a_look_that_began_after_the_hook_was_heard_is_followed_by_none(studio, pending):
    claimed = await send_by_hand(studio, pending)
    await hook(studio, claimed.id)
    await record(studio, pending, claimed, "indeterminate", due_in_seconds=0.0)
    [claimed] = await claim(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=300.0)
    assert (await row_of(studio, claimed.id))["due_at"] > await clock(studio) + dt.timedelta(
        seconds=200
    )


@pytest.mark.parametrize("status", ["submitted", "indeterminate"])
async def test_a_hook_moves_neither_a_lease_nor_a_quiet_time(studio, pending, status):
    claimed = await send_by_hand(studio, pending)
    if status == "indeterminate":
        await record(studio, pending, claimed, status, due_in_seconds=60.0)
    before = await row_of(studio, claimed.id)
    for _ in range(10):
        await hook(studio, claimed.id)
    after = await row_of(studio, claimed.id)
    assert after["status"] == status
    assert {name for name in before if before[name] != after[name]} == {"hinted_at"}
    assert await claim(studio, pending) == []


async def test_a_hook_that_comes_during_a_look_that_hears_nothing_new_has_another_follow(
    studio, pending
):
    claimed = await send_by_hand(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=0.0)
    [looking] = await claim(studio, pending)
    await hook(studio, claimed.id)
    await record(studio, pending, looking, "processing", due_in_seconds=300.0)
    assert (await row_of(studio, claimed.id))["due_at"] <= await clock(studio)


async def test_a_hook_that_comes_during_the_last_look_keeps_the_refund_from_being_given_up(
    studio, pending
):
    claimed = await send_by_hand(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=0.0)
    [looking] = await claim(studio, pending)
    await hook(studio, claimed.id)
    await record(
        studio,
        pending,
        looking,
        "processing",
        due_in_seconds=None,
        code="gave_up",
        detail="never said",
    )
    row = await row_of(studio, claimed.id)
    assert (row["outcome_seq"], row["settled_at"], row["failure_code"], row["failure_detail"]) == (
        None,
    ) * 4
    assert row["due_at"] <= await clock(studio)


# At rest.


async def test_a_refund_that_was_given_up_while_processing_is_looked_up_again(studio, pending):
    claimed = await send_by_hand(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=None, code="gave_up")
    await studio.faults()
    await studio.work(pending["id"])
    assert (await studio.job(pending["id"]))["status"] == "completed_with_failures"
    await hook(studio, claimed.id)
    assert studio.queue.woken[-1] == pending["id"]
    job = await studio.job(pending["id"])
    assert (job["status"], job["finished_at"]) == ("running", None)
    async with studio.db.read() as conn:
        query = (
            sa.select(tables.refund_history).order_by(tables.refund_history.c.id.desc()).limit(1)
        )
        last = (await conn.execute(query)).mappings().one()
    assert (last["refund_id"], last["status"], last["actor"]) == (
        claimed.id,
        "processing",
        "hook:payments",
    )
    await studio.work(pending["id"])
    assert (await studio.job(pending["id"]))["status"] == "completed"
    assert (await refund_of(studio, pending))["status"] == "succeeded"
    assert (await studio.books())["twice"] == {}


async def test_only_the_refund_that_was_spoken_of_is_looked_up_again(studio, pending):
    await run(studio, pending)
    async with studio.db.write() as conn:
        await conn.execute(sa.update(tables.refunds).values(due_at=tables.now()))
    for method in ("payment", "credit"):
        [claimed] = await claim(studio, pending, method)
        await record(studio, pending, claimed, "processing", due_in_seconds=None, code="gave_up")
    payment, credit = [
        (await refund_of(studio, pending, method))["id"] for method in ("payment", "credit")
    ]
    before = await row_of(studio, credit)
    await hook(studio, payment)
    assert (await row_of(studio, payment))["due_at"] is not None
    assert await row_of(studio, credit) == before
    await studio.work(pending["id"])
    assert (await studio.job(pending["id"]))["status"] == "completed_with_failures"


async def test_a_refund_of_which_nothing_is_known_and_that_was_given_up_stays_a_person_s(
    studio, pending
):
    claimed = await send_by_hand(studio, pending)
    await record(studio, pending, claimed, "indeterminate", due_in_seconds=None, code="gave_up")
    before = await studio.rows(tables.refunds)
    await hook(studio, claimed.id)
    assert await studio.rows(tables.refunds) == before


async def test_what_is_final_stays_as_it_is(studio):
    await studio.session("yoga")
    for name in ("good", "bad", "by-hand"):
        await studio.booking(name, "yoga", ("CAD", 2000))
    await studio.booking("free", "yoga")
    refused = {"bad-payment-1": "payment_disputed", "by-hand-payment-1": "payment_disputed"}
    await studio.faults(refuse_ids=refused)
    job = await studio.accepted()
    await studio.work(job["id"])
    refunds_ = await studio.refunds(job["id"])
    [by_hand] = [one["id"] for one in refunds_ if one["booking_id"] == "by-hand"]
    path = f"/bulk-cancellations/{job['id']}/refunds/{by_hand}/resolve"
    assert (
        await studio.post(path, resolution="waived", reference="r", note="n")
    ).status_code == 200
    refunds_ = await studio.refunds(job["id"])
    assert {one["status"] for one in refunds_} == {"succeeded", "rejected", "resolved", "skipped"}
    before = await studio.everything()
    for one in refunds_:
        for status in ("failed", "succeeded", "pending"):
            await hook(studio, one["id"], status=status)
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after


# Not for us.


async def test_a_reference_that_nobody_has_is_answered_and_changes_nothing(studio, pending):
    await run(studio, pending)
    before = await studio.everything()
    for reference in (
        "019aab00-0000-7000-8000-0000000000f1",
        "order 7",
        "' OR 1=1",
        "x" * 255,
        "a\x00b",
        "019AAB00",
    ):
        await hook(studio, reference)
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after


async def test_a_service_speaks_only_of_refunds_that_it_makes(studio, pending):
    await run(studio, pending)
    before = await studio.rows(tables.refunds)
    await hook(studio, (await refund_of(studio, pending, "payment"))["id"], "credits")
    await hook(studio, (await refund_of(studio, pending, "credit"))["id"], "payments")
    assert await studio.rows(tables.refunds) == before


async def test_hooks_of_other_types_are_answered_whatever_they_hold(studio, pending):
    before = await studio.everything()
    for data in ({"reference": 7}, None, {}, [1]):
        body = json.dumps({"type": "payout.paid", "data": data})
        assert (await post(studio, body, signed(body))).status_code == 204
    assert await studio.everything() == before


NO_HOOKS = {
    "{": (400, None),
    "": (400, None),
    "[" * 5000: (400, None),
    "[]": (422, ""),
    "{}": (422, "/type"),
    '{"type": 7}': (422, "/type"),
    '{"type": "refund.updated"}': (422, "/data"),
    '{"type": "refund.updated", "data": {}}': (422, "/data/reference"),
    '{"type": "refund.updated", "data": {"reference": ""}}': (422, "/data/reference"),
    '{"type": "refund.updated", "data": {"reference": ["r"]}}': (422, "/data/reference"),
}


async def test_a_body_that_is_no_such_hook_is_refused_by_its_field(studio, pending):
    before = await studio.everything()
    for body, (status, pointer) in NO_HOOKS.items():
        answer = await post(studio, body, signed(body))
        assert (answer.status_code, answer.headers["content-type"]) == (
            status,
            "application/problem+json",
        ), body
        pointers = [error["pointer"] for error in answer.json().get("errors", ())]
        assert pointers == ([pointer] if status == 422 else []), body
    assert await studio.everything() == before


async def test_an_id_that_is_too_long_to_be_kept_and_a_body_of_another_type_are_refused(
    studio, pending
):
    body = about("r")
    answer = await post(studio, body, signed(body, event_id="m" * 256))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "header:webhook-id")
    answer = await post(studio, body, signed(body) | {"content-type": "text/plain"})
    assert answer.status_code == 415
    assert await studio.rows(tables.hook_events) == []


# Who may send one.


def _without(name):
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def _signature(change):
    return lambda headers: headers | {"webhook-signature": change(headers["webhook-signature"])}


def _later(headers):
    return headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}


SPOILT = {
    "another's secret": lambda headers: signed(about("r"), secret=WRONG),
    "another body": lambda headers: signed(about("other")),
    "another id": lambda headers: headers | {"webhook-id": "msg_other"},
    "another time": _later,
    "a time that is none": lambda headers: headers | {"webhook-timestamp": "soon"},
    "a time that is no number": lambda headers: headers | {"webhook-timestamp": "nan"},
    "no id": _without("webhook-id"),
    "no time": _without("webhook-timestamp"),
    "no signature": _without("webhook-signature"),
    "no comma": _signature(lambda value: value.replace(",", "")),
    "too many commas": _signature(lambda value: value + ",x"),
    "no base64": _signature(lambda value: "v1,###=a"),
    "no ASCII": _signature(lambda value: "v1,é".encode("latin-1").decode("latin-1")),
    "an empty one": _signature(lambda value: "v1,"),
    "another version": _signature(lambda value: value.replace("v1,", "v2,")),
    "cut short": _signature(lambda value: value[:-8]),
    "an hour old": lambda headers: signed(about("r"), late_seconds=3600),
    "too old": lambda headers: signed(about("r"), late_seconds=310),
    "too new": lambda headers: signed(about("r"), late_seconds=-310),
}


async def test_what_is_not_signed_by_the_upstream_now_is_refused_in_the_same_words(studio, pending):
    await run(studio, pending)
    body = about("r")
    before = await studio.everything()
    words = set()
    for fault, spoil in SPOILT.items():
        answer = await post(
            studio,
            body,
            {name: value.encode("latin-1") for name, value in spoil(signed(body)).items()},
        )
        assert (answer.status_code, answer.headers["content-type"]) == (
            401,
            "application/problem+json",
        ), fault
        assert answer.json()["type"] == "/problems/hook-signature-invalid", fault
        words.add(answer.content)
    assert len(words) == 1
    assert await studio.everything() == before


async def test_a_body_that_is_no_text_is_refused(studio):
    body = about("r")
    answer = await post(studio, b"\xff\xfe", signed(body))
    assert answer.json()["type"] == "/problems/hook-signature-invalid"


async def test_a_hook_without_a_valid_signature_has_nothing_looked_up(studio, pending):
    await run(studio, pending)
    body = about((await refund_of(studio, pending))["id"])
    assert (await post(studio, body, signed(body, secret=WRONG))).status_code == 401
    await run(studio, pending)
    assert await look_ups(studio) == 0


@pytest.mark.parametrize("late_seconds", [290, -290])
async def test_clocks_may_differ_by_less_than_five_minutes(studio, late_seconds):
    body = about("r")
    assert (await post(studio, body, signed(body, late_seconds=late_seconds))).status_code == 204


async def test_while_the_secret_is_changed_one_good_signature_by_either_is_enough(
    studio,
):
    body = about("r")
    for secret in (OLD, NEW):
        assert (await post(studio, body, signed(body, secret=secret))).status_code == 204
    headers = signed(body)
    other = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="
    headers["webhook-signature"] = f"{other} v1a,x {headers['webhook-signature']}"
    assert (await post(studio, body, headers)).status_code == 204


async def test_a_body_over_the_limit_is_refused_unread(studio):
    body = " " * (studio.app.state.service.settings.body_limit_bytes + 1)
    assert (await post(studio, body, signed(body))).status_code == 413


async def test_without_a_secret_there_are_no_hooks(studio, settings):
    bare = settings.model_copy(update={"hooks_secret": None})
    studio.http._transport.app = create_app(bare, database=studio.db, queue=studio.queue)
    body = about("r")
    for service in ("payments", "credits"):
        answer = await post(studio, body, signed(body), service)
        assert (answer.status_code, answer.json()["type"]) == (
            404,
            "/problems/hooks-not-configured",
        )
    assert await studio.rows(tables.hook_events) == []


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "whsec_",
        "whsec_###",
        "whsec_c2hvcnQ=",
        OLD[6:],
        f"{OLD} x",
        f"{OLD},{NEW}",
        "whsec_é" + "a" * 40,
    ],
)
def test_a_secret_that_is_none_stops_the_start_and_is_not_repeated(secret):
    with pytest.raises(
        ValidationError, match="whsec_ and then 24 to 64 bytes in base64"
    ) as refused:
        Settings(hooks_secret=secret)
    assert "input_value" not in str(refused.value)
