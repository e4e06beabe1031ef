"""One key and one body are one job, however often and however concurrently they come."""

import asyncio
import json

import pytest

from app.db import tables

PATH = "/v1/bulk-cancellations"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}])
async def test_without_a_key_it_is_refused(week, headers):
    before = await week.everything()
    answer = await week.http.post(PATH, json=week.body(), headers=headers)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["type"] == "/problems/idempotency-key-missing"
    assert await week.everything() == before


async def test_two_keys_are_refused_and_one_said_twice_is_one(week):
    before = await week.everything()
    answer = await week.http.post(
        PATH, json=week.body(), headers=[("Idempotency-Key", key) for key in ("one", "two")]
    )
    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("header:Idempotency-Key", "repeated")
    ]
    assert await week.everything() == before
    twice = [("Idempotency-Key", "one")] * 2
    assert (await week.http.post(PATH, json=week.body(["yoga"]), headers=twice)).status_code == 202
    assert (await week.cancel(["yoga"], key="one")).headers["Idempotent-Replayed"] == "true"


async def test_a_key_of_255_characters_is_taken_and_one_of_256_is_not(week):
    assert (await week.cancel(["yoga"], key="k" * 255)).status_code == 202
    assert (await week.cancel(["spin"], key="k" * 256)).status_code == 422


async def test_a_key_used_again_with_another_body_is_refused(week):
    await week.accepted(["yoga"], key="once")
    before = await week.everything()
    for other in (
        {"session_ids": ["spin"]},
        {"reason": "Flood"},
        {"hold_seconds": 60},
        {"include_attended": True},
    ):
        answer = await week.cancel(**({"session_ids": ["yoga"]} | other), key="once")
        assert (answer.status_code, answer.json()["type"]) == (
            422,
            "/problems/idempotency-key-reused",
        )
    assert await week.everything() == before


async def test_the_same_request_answers_the_first_job_again_to_the_byte(week):
    first = await week.cancel(["yoga", "spin"], key="once", reason="Snow day")
    members = dict(
        reversed(
            week.body(["spin", "yoga"], reason="Snow day", hold_seconds=0, plan_digest=None).items()
        )
    )
    again = await week.http.post(
        PATH,
        content=json.dumps(members, indent=3),
        headers={
            "Idempotency-Key": "once",
            "Content-Type": "application/json",
        },
    )
    assert again.status_code == 202
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.content == first.content
    assert len(await week.rows(tables.jobs)) == 1


async def test_the_answer_stays_the_same_after_the_job_has_ended(week):
    first = await week.cancel(key="once")
    await week.work(first.json()["id"])
    again = await week.cancel(key="once")
    assert (again.status_code, again.content) == (202, first.content)


async def test_the_answer_stays_the_same_after_the_job_was_withdrawn(week):
    first = await week.cancel(["yoga"], key="once", hold_seconds=600)
    assert (
        await week.post(f"/bulk-cancellations/{first.json()['id']}/withdraw")
    ).status_code == 200
    again = await week.cancel(["yoga"], key="once", hold_seconds=600)
    assert (again.status_code, again.content) == (202, first.content)
    assert (await week.get("/sessions/yoga"))["status"] == "scheduled"


async def test_the_csv_answer_is_replayed_to_the_byte_even_after_the_job_has_ended(week):
    first = await week.cancel(key="once", accept="text/csv")
    assert first.status_code == 202
    await week.work(first.headers["Location"].rsplit("/", 1)[1])
    again = await week.cancel(key="once", accept="text/csv")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content


async def test_a_key_belongs_to_its_business(week, stranger):
    await week.accepted(["yoga"], key="once")
    answer = await stranger.cancel(["theirs"], key="once")
    assert answer.status_code == 202
    assert "Idempotent-Replayed" not in answer.headers


async def test_fifty_at_once_are_one_job_with_fifty_equal_answers(week):
    answers = await asyncio.gather(*(week.cancel(key="once") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert len(await week.rows(tables.jobs)) == 1
    assert len(week.queue.woken) == 1
    await week.work(answers[0].json()["id"])
    assert (await week.books())["sums"] == {"CAD": 7599, "JPY": 500, "KWD": 12345, "credits": 3}


async def test_of_two_different_requests_at_once_each_session_has_one_job(studio):
    for turn in range(8):
        shared = [f"shared-{turn}-{n}" for n in range(6)]
        left, right = [f"left-{turn}"], [f"right-{turn}"]
        for id_ in shared + left + right:
            await studio.session(id_)
        # In opposite orders, so that locks taken as they come would be a deadlock.
        answers = await asyncio.gather(
            studio.cancel(shared + left), studio.cancel(right + shared[::-1])
        )
        jobs = [answer.json() for answer in answers]
        assert [answer.status_code for answer in answers] == [202, 202], jobs
        accepted = {
            one["session_id"]: job["id"]
            for job in jobs
            for one in job["sessions"]
            if one["outcome"] == "accepted"
        }
        assert set(accepted) == {*shared, *left, *right}
        assert sum(job["session_counts"]["accepted"] for job in jobs) == 8
        for job in jobs:
            told = {one["session_id"]: one["job_id"] for one in job["sessions"]}
            assert told == {id_: accepted[id_] for id_ in told}
            assert {one["outcome"] for one in job["sessions"]} <= {"accepted", "already_in_process"}


async def test_of_many_requests_for_one_session_one_is_accepted_and_all_others_are_told_which(
    studio,
):
    await studio.session("yoga")
    answers = await asyncio.gather(*(studio.cancel(["yoga"]) for _ in range(20)))
    (winner,) = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(refused) == 19
    assert {one["job_id"] for problem in refused for one in problem["sessions"]} == {winner}


async def test_a_booking_made_at_the_moment_of_acceptance_is_settled_or_refused(studio):
    for turn in range(6):
        id_ = f"race-{turn}"
        await studio.session(id_)
        body = {"session_id": id_, "client_id": "kim", "status": "booked"}
        line = {"method": "payment", "amount_minor": 100, "currency": "CAD"}
        puts = [
            studio.http.put(
                f"/v1/bookings/{id_}-{n}",
                json=body | {"payments": [line | {"payment_id": f"{id_}-{n}-payment"}]},
            )
            for n in range(12)
        ]
        *booked, cancelled = await asyncio.gather(*puts[:6], *puts[6:], studio.cancel([id_]))
        assert {answer.status_code for answer in booked} <= {200, 201, 409}
        taken = {f"{id_}-{n}" for n, answer in enumerate(booked) if answer.status_code != 409}
        job_id = cancelled.json()["id"]
        assert cancelled.json()["totals"]["refunds"] == len(taken)
        await studio.work(job_id)
        assert {line["booking_id"] for line in await studio.refunds(job_id)} == taken
