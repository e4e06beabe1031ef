"""Many requests at the same moment: a key makes one job, and a session goes to one.

Who asks again is told the same.
"""

import asyncio
import itertools
import random
from collections import defaultdict

from app.db import tables

SESSIONS = [f"class-{number}" for number in range(12)]
KEYS = [f"key-{number}" for number in range(8)]
TIMES = 5


async def load_sessions(studio):
    await studio.load(
        *(studio.record("session", id_) for id_ in SESSIONS),
        *(studio.record("booking", f"{id_}-booking", id_, ("CAD", 100)) for id_ in SESSIONS),
    )


def accepted_by(job):
    return [one["session_id"] for one in job["sessions"] if one["outcome"] == "accepted"]


async def test_of_requests_that_all_come_several_times_each_key_makes_one_job_or_none(studio):
    await load_sessions(studio)
    draw = random.Random(20261122)  # the same storm every time
    wanted = {key: draw.sample(SESSIONS, draw.randint(1, 5)) for key in KEYS}
    sent = draw.sample(KEYS * TIMES, len(KEYS) * TIMES)
    answers = defaultdict(list)
    came = await asyncio.gather(*(studio.cancel(wanted[key], key=key) for key in sent))
    for key, answer in zip(sent, came, strict=True):
        answers[key].append(answer)

    jobs = {}
    for key, mine in answers.items():
        (status,) = {answer.status_code for answer in mine}
        assert status in {202, 409}, mine[0].text
        if status == 202:
            assert len({answer.content for answer in mine}) == 1
            assert ["Idempotent-Replayed" in answer.headers for answer in mine].count(False) == 1
            jobs[key] = mine[0].json()
            assert [one["session_id"] for one in jobs[key]["sessions"]] == sorted(wanted[key])
    taken = list(itertools.chain.from_iterable(accepted_by(job) for job in jobs.values()))
    assert sorted(taken) == sorted(set(taken)) == sorted(set().union(*wanted.values()))
    assert len(await studio.rows(tables.jobs)) == len(jobs)
    assert sorted(studio.queue.woken) == sorted(job["id"] for job in jobs.values())

    for job in jobs.values():
        await studio.work(job["id"])
        assert {line["session_id"] for line in await studio.refunds(job["id"])} == set(
            accepted_by(job)
        )
    assert (await studio.books())["sums"].get("CAD") == 100 * len(taken)


async def test_of_one_key_with_many_different_bodies_one_is_a_job_and_the_others_change_nothing(
    studio,
):
    await load_sessions(studio)
    answers = await asyncio.gather(*(studio.cancel([id_], key="once") for id_ in SESSIONS))
    (job,) = [answer.json() for answer in answers if answer.status_code == 202]
    refused = [answer.json() for answer in answers if answer.status_code == 422]
    assert [problem["type"] for problem in refused] == ["/problems/idempotency-key-reused"] * (
        len(SESSIONS) - 1
    )
    assert {problem["job_id"] for problem in refused} == {job["id"]}
    statuses = {id_: (await studio.get(f"/sessions/{id_}"))["status"] for id_ in SESSIONS}
    assert [id_ for id_, status in statuses.items() if status == "cancelled"] == accepted_by(job)


async def test_keys_without_a_session_left_are_refused_each_time_and_make_no_job(studio):
    await load_sessions(studio)
    answers = await asyncio.gather(*(studio.cancel(key=key) for key in KEYS * TIMES))
    winners = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    refused = [answer for answer in answers if answer.status_code == 409]
    assert len(winners) == 1
    assert len(answers) - len(refused) == TIMES
    assert {one["job_id"] for answer in refused for one in answer.json()["sessions"]} == winners
    assert len(await studio.rows(tables.jobs)) == 1
