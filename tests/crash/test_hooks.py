"""Pending refunds whose end is told by hooks: each line once.

They tell it well, badly, ten times, out of order, too early, never. The sandbox sends the hooks
over real HTTP and settles by itself; its books say what was done and how often we looked.
"""

import asyncio
import json
from datetime import UTC, datetime
from functools import partial

import pytest
import pytest_asyncio
import sqlalchemy as sa
from crash.hook_cases import (
    BOTH,
    EACH,
    NO_POLLS,
    OTHER,
    SECRET,
    all_taken,
    asked,
    hooked,
    pauses,
    played,
)
from crash.studio import Studio, until
from crash.week import SERVICE_OF, assert_audit_tells_the_books, assert_once, week
from standardwebhooks import Webhook

from app.db.core.engine import Database


async def ended_well(place: Studio, job_id: str) -> None:
    """The job has ended, each line is once in the books, and the audit says the same."""
    job = await place.finished(job_id)
    books = await place.books()
    assert job["status"] == "completed"
    assert_once(books, place.week.lines)
    assert_audit_tells_the_books(books, await place.audit(job_id))


async def told_by_hand(place: Studio, job_id: str, *, times: int = 1) -> None:
    """Hooks that come when the test has them come, of all the job's refunds; each is taken."""
    for row in await place.audit(job_id):
        event_id, now = f"msg_{row['refund_id']}", datetime.now(UTC)
        body = json.dumps({"type": "refund.updated", "data": {"reference": row["refund_id"]}})
        headers = {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(event_id, now, body),
        }
        for _ in range(times):
            answer = await place.api.post(
                f"/v1/hooks/{SERVICE_OF[row['method']]}", content=body, headers=headers
            )
            assert answer.status_code == 204, answer.text


async def an_hour_before_the_next_poll(place: Studio, db: Database) -> None:
    await hooked(place, seconds=2)
    await ended_well(place, await place.cancel())
    await all_taken(place, EACH, EACH)
    assert await asked(place, "look_ups") == [EACH, EACH]


async def ten_times(place: Studio, db: Database) -> None:
    await hooked(place, seconds=1, times=10)
    await ended_well(place, await place.cancel())
    await all_taken(place, 10 * EACH, 10 * EACH)
    async with db.read() as conn:
        assert await conn.scalar(sa.text("SELECT count(*) FROM hook_events")) == 2 * EACH


async def overtaken_by_its_own_end(place: Studio, db: Database) -> None:
    await hooked(place, seconds=1, tell=["final", "pending"], times=2)
    await ended_well(place, await place.cancel())
    await all_taken(place, 4 * EACH, 4 * EACH)


async def long_after_its_end(place: Studio, db: Database) -> None:
    await hooked(place, seconds=0, tell=[])
    job_id = await place.cancel()
    await ended_well(place, job_id)
    await told_by_hand(place, job_id, times=2)
    await asyncio.sleep(1.5)  # nothing begins again
    assert await asked(place, "look_ups") == [EACH, EACH]


async def before_our_own_commit(place: Studio, db: Database) -> None:
    await hooked(place, seconds=0, before_answer=True)
    await ended_well(place, await place.cancel())
    await all_taken(place, EACH, EACH)
    assert await asked(place, "look_ups") == [EACH, EACH]


async def never(place: Studio, db: Database) -> None:
    await hooked(place, seconds=1, tell=[])
    await ended_well(place, await place.cancel())
    books = await place.books()
    assert not [
        kind for service in BOTH for kind in books[service]["requests"] if kind.startswith("hooks_")
    ]


async def with_another_s_signature(place: Studio, db: Database) -> None:
    await hooked(place, seconds=0.5, secret=OTHER)
    await ended_well(place, await place.cancel())

    async def refused() -> bool:
        return await asked(place, "hooks_401") == [EACH, EACH]

    await until(refused)
    assert await asked(place, "hooks_204") == [0, 0]


async def of_a_bad_end(place: Studio, db: Database) -> None:
    await hooked(place, seconds=1, then="failed", times=2)
    job_id = await place.cancel()
    job = await place.finished(job_id)
    assert job["status"] == "completed_with_failures"
    books = await place.books()
    for service in BOTH:
        assert books[service]["totals"]["failed"] == len(books[service]["effects"]) == EACH
    rows = await place.audit(job_id)
    assert {(row["status"], row["failure_code"]) for row in rows} == {
        ("rejected", "declined_by_issuer")
    }


async def after_the_machine_gave_up(place: Studio, db: Database) -> None:
    await hooked(place, seconds=0, tell=[])
    job_id = await place.cancel()
    assert (await place.finished(job_id))["status"] == "completed_with_failures"
    assert {row["failure_code"] for row in await place.audit(job_id)} == {"gave_up"}
    assert await asked(place, "look_ups") == [0, 0]
    await told_by_hand(place, job_id)
    await ended_well(place, job_id)


CASES = {
    play.__name__: (play, settings)
    for play, settings in (
        (an_hour_before_the_next_poll, NO_POLLS),
        (ten_times, {}),
        (overtaken_by_its_own_end, {}),
        (long_after_its_end, {}),
        (before_our_own_commit, NO_POLLS),
        (never, {}),
        (with_another_s_signature, {}),
        (of_a_bad_end, {}),
        # What is pending is not waited for at all.
        (after_the_machine_gave_up, {"give_up_after_seconds": 0.001}),
    )
}


@pytest.fixture(scope="module", autouse=True)
def no_polls():
    with pauses():
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgresql"])
async def running(request, fresh_databases):
    made = partial(week, 2 * EACH, kinds=("payment", "credit"), places=10)
    async with played(request, fresh_databases, CASES, made) as tasks:
        yield tasks


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CASES)
async def test_each_line_is_returned_once_where_hooks_come(name, running):
    await running[name]
