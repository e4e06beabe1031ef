"""What of a job has not come back: whom it concerns, whose turn it is, and people counted."""

import pytest
from worlds.records import booking, client, session
from worlds.studio import step_path

from app.auth.keys import Scope
from app.refunds.slices.run import run_slice


@pytest.fixture
async def job(studio):
    """A job that has ended: of Kim one of two payments was refused, of Ana the only one.

    Lee has all back, and Zoe had paid nothing.
    """
    await studio.load(
        client("ana"),
        client("lee"),
        client("zoe"),
        session("yoga"),
        booking("kims", "yoga", ("CAD", 2000)),
        booking("anas", "yoga", ("CAD", 1500), client_id="ana"),
        booking("zoes", "yoga", client_id="zoe"),
        session("spin"),
        booking("kims-other", "spin", ("credits", 1)),
        booking("lees", "spin", ("CAD", 700), client_id="lee"),
    )
    await studio.faults(
        refuse_ids={"kims-payment-1": "account_closed", "anas-payment-1": "payment_disputed"}
    )
    job = await studio.accepted()
    await studio.work(job["id"])
    return job


def counts(people):
    names = ("clients", "returned", "under_way", "need_a_person", "nothing_to_return")
    return tuple(people[name] for name in names)


async def test_what_needs_a_person_names_client_and_session(studio, job):
    needed = await studio.pages(step_path(job, "outstanding"), limit=1)
    assert sorted(one["booking_id"] for one in needed) == ["anas", "kims"]
    for one in needed:
        alone = await studio.get(step_path(job, f"refunds/{one['id']}"))
        assert one == {name: alone[name] for name in one}
    assert {one["client"]["id"] for one in needed} == {"kim", "ana"}
    assert all(one["client"]["name"] for one in needed)
    assert await studio.pages(step_path(job, "outstanding"), waits_for="service") == []


async def test_each_client_is_counted_once_where_the_worst_of_theirs_is(studio, job):
    assert counts(await studio.get(step_path(job, "people"))) == (4, 1, 0, 2, 1)
    needed = await studio.pages(step_path(job, "outstanding"))
    closed = {"resolution": "waived", "reference": "at the desk"}
    for one in needed:
        answer = await studio.post(step_path(job, f"refunds/{one['id']}/resolve"), **closed)
        assert answer.status_code == 200, answer.text
    # Kim has the credit back; to Ana, of whom all was waived, nothing came.
    assert counts(await studio.get(step_path(job, "people"))) == (4, 2, 0, 0, 2)


async def test_before_its_refunds_are_written_everybody_is_under_way(studio, job):
    await studio.load(session("later"), booking("next", "later", ("CAD", 100)))
    held = await studio.accepted(["later"], hold_seconds=600)
    assert counts(await studio.get(step_path(held, "people"))) == (1, 0, 1, 0, 0)


async def test_what_a_service_goes_on_with_is_no_persons(studio):
    await studio.load(session("yoga"), booking("kims", "yoga", ("CAD", 2000)))
    await studio.faults(pending=1, pending_then="never")
    job = await studio.accepted()
    await run_slice(studio.runtime, job["id"], seconds=5)
    [waiting] = await studio.pages(step_path(job, "outstanding"), waits_for="service")
    assert (waiting["booking_id"], waiting["status"]) == ("kims", "processing")
    assert await studio.pages(step_path(job, "outstanding")) == []
    assert counts(await studio.get(step_path(job, "people"))) == (1, 0, 1, 0, 0)


async def test_names_are_for_who_may_read_the_audit(job, caller_with):
    desk = await caller_with(Scope.CANCELLATIONS_READ)
    needed = await desk.pages(step_path(job, "outstanding"))
    assert len(needed) == 2
    assert {(one["client"]["name"], one["client"]["email"]) for one in needed} == {(None, None)}


async def test_jobs_that_need_a_person_are_found_by_one_question_with_their_sums(studio, job):
    await studio.session("later")
    await studio.work((await studio.accepted(["later"]))["id"])
    [found] = await studio.pages("/bulk-cancellations", needs_person="true", sums="true")
    assert found["id"] == job["id"]
    assert found["refunds"] == (await studio.job(job["id"]))["refunds"]
    assert await studio.pages("/bulk-cancellations", needs_person="true", status="completed") == []
    assert [one["refunds"] for one in await studio.pages("/bulk-cancellations")] == [None, None]
