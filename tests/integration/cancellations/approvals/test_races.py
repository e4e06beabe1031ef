"""Who decides first has decided: approvers, a withdrawal, a booking, the end of the time."""

import asyncio
import itertools

import pytest
import sqlalchemy as sa

from app.cancellation import approve
from app.db import tables
from app.db.core.dialect import now
from app.db.jobs import jobs
from app.db.tables import approvals
from app.refunds.verify import verify

STATUSES = {"queued", "refused", "withdrawn"}


async def decided(limited, asked, answers):
    """How it was decided: once, and as the rows say."""
    job = await asked.now()
    assert job["status"] in STATUSES
    assert len(job["actions"]) == 1
    done = {"queued": "approved", "refused": "refused", "withdrawn": "withdrawn"}
    assert job["actions"][0]["action"] == done[job["status"]]
    for answer in answers:
        assert answer.status_code in {200, 409}, answer.text
    cancelled = job["status"] == "queued"
    sessions = {id_: (await limited.get(f"/sessions/{id_}"))["status"] for id_ in ("yoga", "spin")}
    assert set(sessions.values()) == {"cancelled" if cancelled else "scheduled"}
    await limited.work(asked.id)
    assert bool((await limited.books())["effects"]) == cancelled
    assert await verify(limited.db) == []
    return job["status"]


async def test_of_many_approvers_at_once_one_has_approved(limited, asked, caller_with):
    approvers = [await caller_with("cancellations:approve") for _ in range(5)]
    digest = (await asked.plan())["digest"]
    answers = await asyncio.gather(*(asked.approve(one, digest=digest) for one in approvers))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["actions"][0]["caller"] for answer in answers}) == 1
    assert limited.queue.woken == [asked.id]
    assert await decided(limited, asked, answers) == "queued"


@pytest.mark.parametrize("order", list(itertools.permutations(("approve", "refuse", "withdraw"))))
async def test_an_approval_a_refusal_and_a_withdrawal_at_once_are_decided_once(
    limited, asked, approver, order
):
    digest = (await asked.plan())["digest"]
    steps = {
        "approve": lambda: asked.approve(approver, digest=digest),
        "refuse": lambda: asked.refuse(approver),
        "withdraw": asked.withdraw,
    }
    answers = await asyncio.gather(*(steps[name]() for name in order))
    assert [answer.status_code for answer in answers].count(200) == 1
    await decided(limited, asked, answers)


async def test_an_approval_and_a_booking_at_once_leave_nobody_out(limited, asked, approver):
    digest = (await asked.plan())["digest"]
    booked = limited.http.put(
        "/v1/bookings/newcomer",
        json={
            "session_id": "yoga",
            "client_id": "kim",
            "status": "booked",
            "payments": [
                {
                    "method": "payment",
                    "payment_id": "newcomer-payment-1",
                    "amount_minor": 100,
                    "currency": "CAD",
                }
            ],
        },
    )
    answer, booking = await asyncio.gather(asked.approve(approver, digest=digest), booked)
    if answer.status_code == 200:  # then the booking came too late
        assert (booking.status_code, booking.json()["type"]) == (409, "/problems/session-cancelled")
    else:
        assert answer.json()["type"] == "/problems/plan-changed"
        assert booking.status_code in {200, 201}
        assert (await asked.approve(approver)).status_code == 200
    await limited.work(asked.id)
    lines = await limited.refunds(asked.id)
    was_booked = any(one["booking_id"] == "newcomer" for one in lines)
    assert was_booked == (booking.status_code != 409)
    assert await verify(limited.db) == []


async def test_an_approval_and_another_cancellation_at_once_take_each_session_once(
    limited, asked, approver
):
    digest = (await asked.plan())["digest"]
    answers = await asyncio.gather(
        asked.approve(approver, digest=digest),
        *(limited.cancel(["yoga"]) for _ in range(3)),
    )
    assert [answer.status_code for answer in answers] == [200, 409, 409, 409]
    await limited.work(asked.id)
    assert (await limited.books())["twice"] == {}
    assert await verify(limited.db) == []


async def test_an_approval_and_the_end_of_its_time_at_once_are_decided_once(
    limited, asked, approver
):
    digest = (await asked.plan())["digest"]
    over = sa.update(approvals.job_approvals).values(expires_at=now())
    async with limited.db.write() as conn:
        await conn.execute(over)

    async def expire():
        async with limited.db.write() as conn:
            job = await jobs.lock_any(conn, asked.id)
            return await approve.expire(conn, job)

    answer, ended = await asyncio.gather(asked.approve(approver, digest=digest), expire())
    assert (answer.status_code, ended) == (409, True)
    assert [one["action"] for one in (await asked.now())["actions"]] == ["expired"]
    assert await verify(limited.db) == []


async def test_requests_that_come_at_once_under_one_key_ask_once(limited):
    answers = await asyncio.gather(
        *(limited.cancel(["yoga", "spin"], key="once") for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len(await limited.rows(tables.jobs)) == 1
    assert len(await limited.rows(approvals.job_approvals)) == 1


async def test_of_requests_at_once_for_the_same_sessions_one_asks(limited):
    answers = await asyncio.gather(*(limited.cancel(["yoga", "spin"]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    assert await verify(limited.db) == []
