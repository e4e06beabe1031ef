"""What is told: every event in the transaction of what it reports, once for all that hear it.

And nobody else's.
"""

import asyncio
import threading
from collections import Counter

import asyncpg
import pytest
from integration.webhooks.telling import kinds, refused, since
from worlds.office import NOWHERE, Office

from app.db.tables.webhooks import webhook_deliveries, webhook_events
from app.db.webhooks.events import Event
from app.domain.events import EventType
from app.refunds.slices.run import run_slice

# What is told, and when.


async def test_an_acceptance_tells_of_the_job_and_of_each_session_that_it_took(told, classes):
    first = await classes.accepted(["yoga"])
    second = await classes.accepted(["yoga", "spin"], hold_seconds=600)
    assert {one["session_id"]: one["outcome"] for one in second["sessions"]} == {
        "yoga": "already_in_process",
        "spin": "accepted",
    }
    of = {"business_id": "studio"}
    assert await told.events() == [
        ("bulk_cancellation.accepted", of | {"job_id": first["id"], "status": "queued"}),
        ("session.cancelled", of | {"job_id": first["id"], "session_id": "yoga"}),
        ("bulk_cancellation.accepted", of | {"job_id": second["id"], "status": "held"}),
        ("session.cancelled", of | {"job_id": second["id"], "session_id": "spin"}),
    ]


async def test_a_request_that_comes_again_or_is_refused_tells_nothing(told, classes):
    await classes.accepted(["yoga"], key="same")
    before = await told.events()
    assert (await classes.cancel(["yoga"], key="same")).status_code == 202
    assert (await classes.cancel(["yoga"], key="another")).status_code == 409
    assert (await classes.cancel(["spin"], plan_digest="v1.0.x")).status_code in {409, 422}
    assert (await classes.plan(["spin"])).status_code == 200
    await asyncio.gather(*(classes.cancel(["spin"], key="pressed") for _ in range(8)))
    assert kinds(await since(told, before)) == {
        "bulk_cancellation.accepted": 1,
        "session.cancelled": 1,
    }


def ended(event, job_id):
    """The event of a job's end, with the evidence that this one has."""
    evidence = event[1]["evidence"]
    assert evidence["links"] > 1
    assert len(evidence["link"]) == 64
    data = {"business_id": "studio", "job_id": job_id, "status": "completed", "evidence": evidence}
    return "bulk_cancellation.completed", data


async def test_each_refund_that_succeeds_is_told_of_once_and_then_the_end(told, classes):
    job = await classes.accepted()
    before = await told.events()
    await classes.work(job["id"])
    events = await since(told, before)
    assert kinds(events) == {
        "refund.succeeded": 2,
        "client.settled": 1,
        "bulk_cancellation.completed": 1,
    }
    assert events[-1] == ended(events[-1], job["id"])
    refunds = {one["id"]: one for one in await classes.refunds(job["id"])}
    kind, settled = events[-2]
    assert (kind, settled["client_id"], settled["booking_count"]) == ("client.settled", "kim", 4)
    for kind, data in events[:-2]:
        refund = refunds[data["refund_id"]]
        shown = {
            name: refund[name]
            for name in ("session_id", "booking_id", "client_id", "status", "failure_code")
        }
        assert (kind, data) == (
            "refund.succeeded",
            {"business_id": "studio", "refund_id": refund["id"], "job_id": job["id"]} | shown,
        )
    for _ in range(3):
        await run_slice(classes.runtime, job["id"], seconds=5)
    assert len(await since(told, before)) == 4


async def test_a_refund_that_needs_a_person_is_told_of_and_so_is_each_end(told, classes):
    job = await classes.accepted()
    before = await told.events()
    await refused(classes, job)
    first = await since(told, before)
    assert kinds(first) == {
        "refund.failed": 2,
        "client.settled": 1,
        "bulk_cancellation.completed": 1,
    }
    assert first[-1][1]["status"] == "completed_with_failures"
    assert {data.get("failure_code") for _, data in first} == {
        "refund_window_expired",
        "account_closed",
        None,
    }
    before = await told.events()
    await classes.faults(refuse_ids={"credit-account": "account_closed"})
    await classes.post(f"/bulk-cancellations/{job['id']}/retry")
    assert await since(told, before) == []  # it has begun anew, and that is all
    await classes.work(job["id"])
    again = await since(told, before)
    assert kinds(again) == {
        "refund.succeeded": 1,
        "refund.failed": 1,
        "client.settled": 1,
        "bulk_cancellation.completed": 1,
    }
    assert again[-1][1]["status"] == "completed_with_failures"


async def test_the_last_failure_that_a_person_closes_is_told_of_as_the_end(told, classes):
    job = await classes.accepted()
    await refused(classes, job)
    before = await told.events()
    counts = []
    for refund in await classes.refunds(job["id"], status="rejected"):
        for _ in range(2):  # the same word again changes nothing
            path = f"/bulk-cancellations/{job['id']}/refunds/{refund['id']}/resolve"
            answer = await classes.post(path, resolution="waived", reference="note 7")
            assert answer.status_code == 200, answer.text
            counts.append(len(await since(told, before)))
    assert counts == [1, 1, 3, 3]  # of each: what is its client's has changed
    last = (await since(told, before))[-1]
    assert last == ended(last, job["id"])


async def test_a_withdrawal_is_told_of_once(told, classes):
    job = await classes.accepted(hold_seconds=600)
    before = await told.events()
    for _ in range(3):
        assert (await classes.post(f"/bulk-cancellations/{job['id']}/withdraw")).status_code == 200
    assert await since(told, before) == [
        (
            "bulk_cancellation.withdrawn",
            {"business_id": "studio", "job_id": job["id"], "status": "withdrawn"},
        )
    ]


# Who hears.


async def test_of_a_business_without_endpoints_nothing_is_written(classes):
    job = await classes.accepted()
    await refused(classes, job)
    await classes.post(f"/bulk-cancellations/{job['id']}/retry")
    await classes.work(job["id"])
    assert await classes.rows(webhook_events) == await classes.rows(webhook_deliveries) == []


async def test_an_endpoint_hears_only_the_types_that_it_asks_for_and_unheard_ones_are_not_written(
    studio, classes, settings
):
    office = Office(studio.http, studio.db, settings)
    ends = await office.endpoint(
        NOWHERE, event_types=["bulk_cancellation.completed", "refund.failed"]
    )
    refunds = await office.endpoint(NOWHERE, event_types=["refund.succeeded"])
    job = await classes.accepted()
    await classes.work(job["id"])
    heard = [
        Counter(one["type"] for one in (await office.deliveries(one)).values())
        for one in (ends, refunds)
    ]
    assert heard == [{"bulk_cancellation.completed": 1}, {"refund.succeeded": 2}]
    assert kinds(await office.events()) == heard[0] + heard[1]


async def test_what_a_disabled_endpoint_would_have_heard_is_kept_and_not_delivered(told, classes):
    await told.change(told.everything, status="disabled", event_types=["session.cancelled"])
    await classes.accepted()
    assert kinds(await told.events()) == {"session.cancelled": 2}
    assert await told.deliveries(told.everything) == {}


async def test_each_business_hears_of_its_own_only(told, classes, stranger, settings):
    theirs = Office(stranger.http, told.db, settings)
    endpoint = await theirs.endpoint(NOWHERE)
    await classes.work((await classes.accepted())["id"])
    assert await theirs.deliveries(endpoint) == {}
    ours = await told.deliveries(told.everything)
    job = await stranger.accepted()
    assert set(await told.deliveries(told.everything)) == set(ours)
    heard = await theirs.deliveries(endpoint)
    assert Counter(one["type"] for one in heard.values()) == {
        "bulk_cancellation.accepted": 1,
        "session.cancelled": 1,
    }
    for event_id in heard:
        payload = (await theirs.delivery(endpoint, event_id))["payload"]
        assert (payload["data"]["business_id"], payload["data"]["job_id"]) == ("other", job["id"])


async def test_two_endpoints_hear_of_one_thing_under_one_id(told, classes):
    second = await told.endpoint(NOWHERE)
    await classes.accepted()
    first = await told.deliveries(told.everything)
    assert len(first) == 3
    assert set(await told.deliveries(second)) == set(first)
    # In the order in which they happened, as far as the milliseconds of ids tell.
    payloads = [(await told.delivery(second, event_id))["payload"] for event_id in first]
    assert {one["timestamp"] for one in payloads} == {one["occurred_at"] for one in first.values()}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_endpoint_that_is_deleted_while_it_is_being_told_keeps_nobody_from_what_they_do(
    told, classes
):
    # Between the reading of the endpoints and the writing of deliveries, as another process would.
    second = await told.endpoint(NOWHERE)
    url = told.db.url.set(drivername="postgresql").render_as_string(hide_password=False)
    deleting = []

    def events():
        thread = threading.Thread(target=asyncio.run, args=(delete(url, second["id"]),))
        thread.start()
        thread.join(timeout=0.5)
        deleting.append(thread)
        yield Event(EventType.WITHDRAWN, {"job_id": "j", "status": "withdrawn"})

    [event_id] = await told.tell(events())
    deleting[0].join(timeout=5)
    assert not deleting[0].is_alive()
    assert set(await told.deliveries(told.everything)) == {event_id}
    assert (await told.http.get(f"/v1/webhook-endpoints/{second['id']}")).status_code == 404


async def delete(url, endpoint_id):
    connection = await asyncpg.connect(url)
    await connection.execute("DELETE FROM webhook_endpoints WHERE id = $1", endpoint_id)
    await connection.close()
