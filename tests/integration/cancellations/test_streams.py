"""The followed CSV and the events: each outcome once, as it becomes final, to the job's end.

They are read over a real socket.
"""

import asyncio
import csv
import json

import pytest
from worlds.studio import Audit

from app.refunds.slices.run import run_slice


class Events:
    """Server-sent events off an open answer."""

    def __init__(self, answer):
        self.lines = answer.aiter_lines()

    async def next(self):
        """(event, id, data) of the next one; None at the end. Comments are passed over."""
        event = {}
        async for line in self.lines:
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value
            elif not line and event:
                return event["event"], int(event["id"]), json.loads(event["data"])
        return None

    async def rest(self):
        found = []
        while (one := await self.next()) is not None:
            found.append(one)
        return found


@pytest.fixture
def events(live):
    """Open the events of a job."""

    def opened(job_id, last=None):
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        return live.stream("GET", f"/v1/bulk-cancellations/{job_id}/events", headers=headers)

    return opened


def settled(found):
    return [data["id"] for name, _, data in found if name == "refund"]


async def test_a_followed_csv_gives_each_line_when_it_is_final_and_ends_with_the_job(week, live):
    job = await week.accepted()
    path = f"/v1/bulk-cancellations/{job['id']}/audit.csv"
    async with live.stream("GET", path, params={"follow": "true"}) as answer:
        assert answer.headers["Content-Type"].startswith("text/csv")
        lines = answer.aiter_lines()
        header = await anext(lines)
        # The session that nobody had booked needs no worker.
        first = await asyncio.wait_for(anext(lines), 5)
        assert '"no_bookings"' in first
        waiting = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await week.work(job["id"])
        rest = [await waiting, *[line async for line in lines]]
    whole = await week.audit(job["id"])
    columns = next(csv.reader([header]))
    followed = [dict(zip(columns, row, strict=True)) for row in csv.reader([first, *rest])]
    assert Audit.set_of(followed) == whole.as_set()


async def test_lines_come_while_the_job_is_still_running(week, live):
    await week.faults(pending=1, pending_then="never")
    await week.upstream.put(
        "/faults", json={"payments": {"pending": 1, "pending_then": "never"}, "credits": {}}
    )
    job = await week.accepted(["yoga"])
    async with live.stream(
        "GET", f"/v1/bulk-cancellations/{job['id']}/audit.csv?follow=true"
    ) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        await run_slice(week.runtime, job["id"], seconds=2)
        told = [await asyncio.wait_for(anext(lines), 5) for _ in range(3)]
        # These are the credits; the payments are still processing.
        assert sum('"succeeded"' in line for line in told) == 2
        assert sum('"skipped"' in line for line in told) == 1  # the free booking
        assert (await week.job(job["id"]))["status"] == "running"


async def test_a_followed_csv_of_a_job_that_has_ended_is_the_whole_audit(week, live):
    job = await week.accepted()
    await week.work(job["id"])
    answer = await live.get(f"/v1/bulk-cancellations/{job['id']}/audit.csv?follow=true")
    whole = await week.audit(job["id"])
    assert Audit(answer.content).as_set() == whole.as_set()


async def test_events_tell_progress_each_refund_once_and_the_end(week, events):
    job = await week.accepted()
    async with events(job["id"]) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        stream = Events(answer)
        name, id_, data = await asyncio.wait_for(stream.next(), 5)
        assert (name, id_, data["status"]) == ("progress", 0, "queued")
        rest = asyncio.ensure_future(stream.rest())
        await week.work(job["id"])
        found = await asyncio.wait_for(rest, 10)
    refunds = {one["id"]: one for one in await week.refunds(job["id"])}
    assert sorted(settled(found)) == sorted(refunds)
    assert all(data == refunds[data["id"]] for name, _, data in found if name == "refund")
    assert [name for name, _, _ in found].count("done") == 1
    name, _, last = found[-1]
    assert name == "done"
    assert last == await week.job(job["id"])
    ids = [id_ for _, id_, _ in found]
    assert ids == sorted(ids)


async def test_events_resume_from_any_id_without_loss_or_repeat(week, events):
    job = await week.accepted()
    await week.work(job["id"])
    async with events(job["id"]) as answer:
        everything = await Events(answer).rest()
    refunds = [(id_, data["id"]) for name, id_, data in everything if name == "refund"]
    assert len(refunds) == 12
    for seen in (0, 1, 5, 11, 12):
        async with events(job["id"], last=refunds[seen - 1][0] if seen else 0) as answer:
            rest = await Events(answer).rest()
        assert settled(rest) == [refund_id for _, refund_id in refunds[seen:]]
        assert rest[-1][0] == "done"


async def test_a_reader_that_loses_its_connection_in_the_middle_misses_nothing(week, events):
    await week.faults(refuse_ids={"card-payment-1": "disputed"})
    job = await week.accepted()
    heard = []
    async with events(job["id"]) as answer:
        stream = Events(answer)
        await run_slice(week.runtime, job["id"], seconds=0)
        await week.work(job["id"])
        while len(settled(heard)) < 4:
            heard.append(await asyncio.wait_for(stream.next(), 5))
    async with events(job["id"], last=heard[-1][1]) as answer:
        heard += await Events(answer).rest()
    assert sorted(settled(heard)) == sorted(one["id"] for one in await week.refunds(job["id"]))
    assert heard[-1][2]["status"] == "completed_with_failures"


async def test_two_followers_hear_the_same(week, events):
    job = await week.accepted()

    async def listen():
        async with events(job["id"]) as answer:
            return settled(await Events(answer).rest())

    listeners = [asyncio.ensure_future(listen()) for _ in range(2)]
    await asyncio.sleep(0.2)
    await week.work(job["id"])
    first, second = await asyncio.wait_for(asyncio.gather(*listeners), 10)
    assert first == second
    assert len(first) == 12


async def test_what_was_cut_off_is_asked_for_again_by_who_keeps_ids_too_early(week, live):
    """A client that keeps an id as soon as its line is there (findings/fetch-event-source-…)."""
    job = await week.accepted()
    await week.work(job["id"])
    answer = await live.get(f"/v1/bulk-cancellations/{job['id']}/events")
    *told, rest = answer.text.split("\n\n")
    assert rest == ""
    for one in told:
        before, _, last = one.rpartition("\n")
        assert last.startswith("id: ")
        assert "\nid: " not in before
        assert before.partition("\n")[2].startswith("data: {")


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30, "0" * 20 + "9" * 20, "\u0661"])
async def test_an_event_id_that_is_not_ours_is_refused(week, live, last):
    job = await week.accepted()
    headers = {b"Last-Event-ID": last.encode()}
    async with live.stream(
        "GET", f"/v1/bulk-cancellations/{job['id']}/events", headers=headers
    ) as answer:
        assert answer.status_code == 422
        await answer.aread()
    assert answer.json()["errors"][0]["pointer"] == "header:Last-Event-ID"


async def test_the_events_of_a_withdrawn_job_end_at_once(week, events):
    job = await week.accepted(hold_seconds=600)
    await week.post(f"/bulk-cancellations/{job['id']}/withdraw")
    async with events(job["id"]) as answer:
        found = await asyncio.wait_for(Events(answer).rest(), 5)
    assert {data["failure_code"] for name, _, data in found if name == "refund"} == {"withdrawn"}
    assert [(name, data["status"]) for name, _, data in found if name != "refund"] == [
        ("done", "withdrawn")
    ]


async def test_a_followed_csv_of_a_withdrawn_job_is_the_whole_audit(week, live):
    job = await week.accepted(hold_seconds=600)
    await week.post(f"/bulk-cancellations/{job['id']}/withdraw")
    answer = await live.get(f"/v1/bulk-cancellations/{job['id']}/audit.csv?follow=true")
    whole = await week.audit(job["id"])
    assert whole.statuses() == {"skipped": 13}
    assert Audit(answer.content).as_set() == whole.as_set()


async def test_a_reader_who_saw_the_end_hears_what_a_retry_brought(week, events):
    await week.faults(refuse_ids={"card-payment-1": "disputed"})
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    async with events(job["id"]) as answer:
        (*_, (_, seen, _)) = await Events(answer).rest()
    await week.faults()
    await week.post(f"/bulk-cancellations/{job['id']}/retry")
    await week.work(job["id"])
    async with events(job["id"], last=seen) as answer:
        found = await Events(answer).rest()
    assert [data["booking_id"] for name, _, data in found if name == "refund"] == ["card"]
    assert found[-1][2]["status"] == "completed"
