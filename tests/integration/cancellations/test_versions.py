"""A poll: whatever changes what is shown of a job gives it another ETag.

Else it is 304 without a look at refunds.
"""

import asyncio

import httpx
import pytest
import sqlalchemy as sa

from app.api.layers.kept_bodies import MAX_BODIES, JobBodies
from app.auth.keys import Scope
from app.cancellation.expand import expand_chunk
from app.db import tables as t
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.db.refunds import claims, outcomes
from app.db.refunds.outcomes import Recorded
from app.domain.refund_update import RefundUpdate
from app.main import create_app
from app.refunds import inbound_events, policy
from app.refunds.settle import settle_job
from app.refunds.slices.run import run_slice


class Poll:
    """Somebody who follows a job by its ETag, and remembers what each one stood for."""

    def __init__(self, studio, job_id):
        self.studio, self.job_id, self.tag, self.bodies = studio, job_id, None, {}

    async def asks(self):
        """The answer to who has the last tag."""
        headers = {} if self.tag is None else {"If-None-Match": self.tag}
        return await self.studio.http.get(f"/v1/bulk-cancellations/{self.job_id}", headers=headers)

    async def sees_a_change(self):
        """The new body, which is not the last one, by another tag than all before."""
        answer = await self.asks()
        assert answer.status_code == 200, answer.text
        tag, body = answer.headers["ETag"], answer.json()
        assert tag not in self.bodies
        assert body != self.bodies.get(self.tag)
        self.bodies[tag], self.tag = body, tag
        return body

    async def sees_none(self):
        answer = await self.asks()
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", self.tag)


@pytest.fixture
async def poll(week):
    """A follower of a job of two payments and two credits, which nothing has touched."""
    job = await week.accepted(["yoga"])
    poll = Poll(week, job["id"])
    await poll.sees_a_change()
    await poll.sees_none()
    return poll


async def claimed_by(db, job_id, method="payment", *, most=1, lease_seconds=60.0):
    async with db.write() as conn:
        return await claims.claim(conn, job_id, method, most=most, lease_seconds=lease_seconds)


async def recorded(
    db, job_id, claimed, status, *, due_in=None, reference=None, definitive=False, epoch=None
):
    update = RefundUpdate(status, due_in, definitive=definitive, upstream_reference=reference)
    outcome = Recorded(claimed.id, epoch or claimed.epoch, update)
    async with db.write() as conn:
        assert await outcomes.record(conn, job_id, [outcome], actor="worker", heartbeat_seconds=30)


async def expanded(db, job_id, *, at_most=10):
    async with db.write() as conn:
        return await expand_chunk(conn, await jobs.lock_any(conn, job_id), at_most=at_most)


async def test_every_step_of_a_worker_gives_the_job_another_etag(week, poll, db):
    job_id = poll.job_id
    # The job begins, writes the refunds, and has no time to claim.
    await run_slice(week.runtime, job_id, seconds=0)
    assert (await poll.sees_a_change())["status"] == "running"
    [sent] = await claimed_by(db, job_id, lease_seconds=0.0)
    assert (await poll.sees_a_change())["refunds"]["submitted"]["count"] == 1
    [again] = [one for one in await claimed_by(db, job_id, most=9) if one.id == sent.id]
    shown = (await poll.sees_a_change())["refunds"]
    assert (shown["indeterminate"]["count"], shown["submitted"]["count"]) == (1, 3)
    await claimed_by(db, job_id, most=9)  # there is nothing more to claim
    await poll.sees_none()
    for status, due_in in (("processing", 60.0), ("succeeded", None)):
        await recorded(
            db,
            job_id,
            again,
            status,
            due_in=due_in,
            reference="re_1",
            definitive=status == "succeeded",
        )
        assert (await poll.sees_a_change())["refunds"][status]["count"] == 1
    [credit] = await claimed_by(db, job_id, "credit")
    assert (await poll.sees_a_change())["refunds"]["submitted"]["count"] == 4
    await recorded(db, job_id, credit, "pending", due_in=0.0)
    assert (await poll.sees_a_change())["refunds"]["pending"]["count"] == 2


async def test_refund_rows_that_are_held_back_for_a_person_give_another_etag(studio, db):
    lines = ("card", "yoga", ("CAD", 2000)), ("twin", "yoga", ("CAD", 2000))
    await studio.session("yoga")
    await studio.load(*(studio.record("booking", *line) for line in lines))
    first = Poll(studio, (await studio.accepted(["yoga"]))["id"])
    await first.sees_a_change()
    # The schedule has named half of what it names now, and all of that is claimed.
    async with db.write() as conn:
        row = {
            "business_id": "studio",
            "method": "payment",
            "subject_id": "card-payment-1",
            "booking_id": "",
        }
        await conn.execute(
            sa.insert(t.ceilings).values(row | {"currency": "CAD", "paid": 2000, "claimed": 2000})
        )
    await expanded(db, first.job_id)
    assert (await first.sees_a_change())["refunds"]["rejected"]["count"] == 1


async def test_the_end_a_retry_and_a_person_s_word_give_the_job_another_etag(week, poll):
    await week.faults(
        refuse_ids={"card-payment-1": "account_closed", "split-payment-1": "account_closed"}
    )
    await week.work(poll.job_id)
    assert (await poll.sees_a_change())["status"] == "completed_with_failures"
    await settle_job(week.runtime, poll.job_id)
    await poll.sees_none()
    answer = await week.post(f"/bulk-cancellations/{poll.job_id}/retry")
    assert answer.json()["retried"] == 2
    assert (await poll.sees_a_change())["refunds"]["pending"]["count"] == 2
    await week.work(poll.job_id)
    await poll.sees_a_change()
    one, two = await week.refunds(poll.job_id, status="rejected")
    said = {"resolution": "waived", "reference": "desk-1"}
    for refund, status in ((one, "completed_with_failures"), (two, "completed")):
        answer = await week.post(
            f"/bulk-cancellations/{poll.job_id}/refunds/{refund['id']}/resolve", **said
        )
        assert answer.status_code == 200, answer.text
        assert (await poll.sees_a_change())["status"] == status
    await week.post(f"/bulk-cancellations/{poll.job_id}/refunds/{one['id']}/resolve", **said)
    await poll.sees_none()


async def test_what_an_upstream_says_later_gives_the_job_another_etag(week, poll, db):
    await week.faults(refuse_ids={"card-payment-1": "account_closed"})
    await week.work(poll.job_id)
    await poll.sees_a_change()
    [refused] = await week.refunds(poll.job_id, status="rejected")
    late = Recorded(refused["id"], 1, policy.succeeded("re_late"))
    async with db.write() as conn:
        assert await outcomes.record(
            conn, poll.job_id, [late], actor="worker", heartbeat_seconds=30
        )
    assert (await poll.sees_a_change())["status"] == "completed"
    hint = {"event_id": "evt_1", "reference": refused["id"], "failed_id": "re_late"}
    assert (
        await inbound_events.take(db, week.queue, inbound_events.InboundSource.STRIPE, **hint)
        is inbound_events.InboundResult.REOPENED
    )
    shown = await poll.sees_a_change()
    assert (shown["status"], shown["refunds"]["processing"]["count"]) == ("running", 1)
    await inbound_events.take(
        db, week.queue, inbound_events.InboundSource.STRIPE, **(hint | {"event_id": "evt_2"})
    )
    await poll.sees_none()  # it is due sooner: nobody is shown when
    async with db.write() as conn:  # the machine has given up on it
        rest = {"due_at": None, "outcome_seq": 99, "settled_at": t.refunds.c.first_due_at}
        await conn.execute(sa.update(t.refunds).where(t.refunds.c.id == refused["id"]).values(rest))
        await jobs.update(conn, poll.job_id, outcome_seq=99)
    await settle_job(week.runtime, poll.job_id)
    assert (await poll.sees_a_change())["status"] == "completed_with_failures"
    assert await inbound_events.take(
        db,
        week.queue,
        inbound_events.InboundSource.STRIPE,
        event_id="evt_3",
        reference=refused["id"],
    ) is (inbound_events.InboundResult.LOOK_UP)
    assert (await poll.sees_a_change())["status"] == "running"


async def test_a_withdrawal_gives_the_job_another_etag(week):
    job = await week.accepted(["spin"], hold_seconds=600)
    poll = Poll(week, job["id"])
    assert (await poll.sees_a_change())["status"] == "held"
    # The slice only notes when the hold ends.
    assert await run_slice(week.runtime, job["id"], seconds=0) is None
    await poll.sees_none()
    await week.post(f"/bulk-cancellations/{job['id']}/withdraw")
    assert (await poll.sees_a_change())["status"] == "withdrawn"


async def test_an_etag_is_worth_nothing_to_another_business(poll, stranger):
    for known in (poll.tag, "*"):
        answer = await stranger.http.get(
            f"/v1/bulk-cancellations/{poll.job_id}", headers={"If-None-Match": known}
        )
        assert answer.status_code == 404, answer.text
        assert "ETag" not in answer.headers


async def test_a_poll_of_a_known_version_counts_no_refunds(week, poll, db):
    asked = []

    def note(_conn, _cursor, statement, *_):
        asked.append(statement)

    looks = db.engine.sync_engine
    sa.event.listen(looks, "before_cursor_execute", note)
    await poll.sees_none()
    poll.tag = None
    answer = await poll.asks()
    sa.event.remove(looks, "before_cursor_execute", note)
    assert answer.status_code == 200
    assert not [statement for statement in asked if "refunds" in statement]
    # On PostgreSQL no statement is seen there: what can't be read is not read.
    async with db.write() as conn:
        await conn.execute(sa.text("ALTER TABLE refunds RENAME TO refunds_elsewhere"))
    poll.tag = answer.headers["ETag"]
    await poll.sees_none()
    poll.tag = None
    assert (await poll.asks()).content == answer.content


async def test_two_processes_give_a_job_one_body_and_one_etag_whether_it_was_kept_or_not(
    week, poll, db, settings
):
    await week.work(poll.job_id)
    path = f"/v1/bulk-cancellations/{poll.job_id}"
    answers = [await week.http.get(path), await week.http.get(path)]
    another = httpx.ASGITransport(create_app(settings, database=db, queue=week.queue))
    async with httpx.AsyncClient(
        transport=another, base_url="http://studio.test", headers=week.http.headers
    ) as http:
        answers.append(await http.get(path))
    assert (
        len({answer.content for answer in answers})
        == len({answer.headers["ETag"] for answer in answers})
        == 1
    )


def test_no_more_bodies_are_kept_than_there_is_room_for_and_those_asked_for_last_stay():
    kept = JobBodies()
    kept.keep("first", "1", b"{}")
    for n in range(MAX_BODIES):
        assert kept.get("first", "1") == b"{}"
        kept.keep(f"job-{n}", "1", b"{}")
    assert kept.get("job-0", "1") is None
    assert kept.get("first", "2") is None
    kept.keep("large", "1", b" " * 100_000)
    assert kept.get("large", "1") is None


async def test_two_workers_who_claim_and_record_at_once_never_wait_in_a_circle(
    week, database_url, db
):
    job = await week.accepted()
    other = Database(database_url)

    async def works(handle):
        while await open_refunds(handle, job["id"]):
            for method in ("payment", "credit"):
                for one in await claimed_by(handle, job["id"], method, most=2):
                    await recorded(
                        handle,
                        job["id"],
                        one,
                        "succeeded",
                        reference=f"re_{one.id}",
                        definitive=True,
                    )

    async def writes():
        is_expanded = False
        while not is_expanded:
            _, is_expanded = await expanded(other, job["id"], at_most=1)

    try:
        await expanded(other, job["id"], at_most=1)
        async with asyncio.timeout(20):
            await asyncio.gather(writes(), works(db), works(other), works(db), works(other))
    finally:
        await other.close()
    shown = (await week.job(job["id"]))["refunds"]
    assert shown["succeeded"]["count"] + shown["skipped"]["count"] == sum(
        one["count"] for one in shown.values()
    )


async def open_refunds(handle, job_id):
    async with handle.read() as conn:
        return await conn.scalar(
            sa.select(sa.func.count())
            .select_from(t.jobs.outerjoin(t.refunds, t.refunds.c.job_id == t.jobs.c.id))
            .where(t.jobs.c.id == job_id)
            .where(
                sa.or_(
                    t.refunds.c.due_at.is_not(None),
                    t.jobs.c.expanded_sessions < t.jobs.c.accepted_sessions,
                )
            )
        )


async def test_a_key_without_the_scope_learns_no_version(poll, caller_with):
    desk = await caller_with(Scope.SCHEDULE_READ)
    answer = await desk.http.get(
        f"/v1/bulk-cancellations/{poll.job_id}", headers={"If-None-Match": poll.tag}
    )
    assert answer.status_code == 403
