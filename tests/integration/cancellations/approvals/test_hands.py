"""Two must be two: a key is in the hands of whoever has made or rotated it."""

import pytest
from worlds.studio import Desk, caller, step_path


@pytest.fixture
async def studio_of_two(week, limits):
    await limits(sessions=0)
    return week


async def make(week, by, **members):
    """A key that somebody makes over the API; its id, and who has it."""
    body = {"name": "made", "role": "owner"} | members
    headers = {"Idempotency-Key": f"made by {by.http.headers['Authorization'][-6:]}"}
    answer = await by.http.post("/v1/keys", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], Desk(caller(week.app, answer.json()["token"]))


async def approves(week, one, other):
    """How it is answered that `other` approves what `one` asks for."""
    job = await one.accepted(["yoga"])
    digest = job["approval"]["plan_digest"]
    answer = await other.post(step_path(job, "approve"), plan_digest=digest)
    if answer.status_code != 200:
        await week.post(step_path(job, "withdraw"))
        return answer.json()["type"].removeprefix("/problems/")
    return answer.json()["status"]


async def test_keys_that_a_command_made_are_two(studio_of_two, caller_with):
    week = studio_of_two
    other = await caller_with("cancellations:approve")
    assert await approves(week, week, other) == "queued"


async def test_a_key_and_its_maker_are_one_either_way(studio_of_two):
    week = studio_of_two
    _, made = await make(week, week)
    assert await approves(week, week, made) == "own-request"
    assert await approves(week, made, week) == "own-request"


async def test_a_key_that_a_made_key_made_is_in_the_same_hand(studio_of_two):
    week = studio_of_two
    _, made = await make(week, week)
    _, third = await make(week, made)
    assert await approves(week, week, third) == "own-request"
    assert await approves(week, third, week) == "own-request"


async def test_two_keys_that_a_third_has_made_are_two(studio_of_two):
    week = studio_of_two
    _, one = await make(week, week)
    answer = await week.http.post(
        "/v1/keys",
        json={"name": "bob", "role": "manager"},
        headers={"Idempotency-Key": "for bob"},
    )
    bob = Desk(caller(week.app, answer.json()["token"]))
    assert await approves(week, one, bob) == "queued"


async def test_who_rotates_a_key_has_it_from_then_on(studio_of_two, caller_with):
    week = studio_of_two
    other = await caller_with("cancellations:approve", "business:manage")
    found = await week.get("/keys")
    prefix = other.http.headers["Authorization"].split("_")[1]
    [key_id] = [one["id"] for one in found["data"] if one["prefix"] == prefix]
    rotated = await week.http.post(f"/v1/keys/{key_id}/rotate", json={"overlap_seconds": 60})
    assert rotated.status_code == 200
    assert await approves(week, week, other) == "own-request"
    # And goes on having it, though it was rotated by its holder since: they may be the same.
    again = await week.http.post(f"/v1/keys/{key_id}/rotate", json={"overlap_seconds": 60})
    fresh = Desk(caller(week.app, again.json()["token"]))
    assert await approves(week, week, fresh) == "own-request"
