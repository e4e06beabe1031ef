"""A plan's digest holds for what the plan saw, to the hour and the hall.

Anything else is refused, and named.
"""

import datetime as dt

import pytest

from app.cancellation import digests


@pytest.fixture
async def planned(studio):
    """A booked class and one that nobody has booked, and the digest of cancelling both."""
    await studio.load(
        studio.record("session", "yoga"),
        studio.record("session", "quiet", starts_in_hours=50),
        studio.record("booking", "card", "yoga", ("CAD", 2000)),
    )
    studio.digest = (await studio.plan()).json()["digest"]
    return studio


async def refusal(studio, session_ids="all"):
    """The problem of a press that changed nothing."""
    before = await studio.everything()
    refused = await studio.cancel(session_ids, plan_digest=studio.digest)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/plan-changed"), (
        refused.text
    )
    assert await studio.everything() == before
    return refused.json()


FACTS = ("name", "starts_at", "ends_at", "timezone", "location", "instructor", "capacity")
# Hours by which it moves, what else is said of it, and what the refusal tells.
DESCRIBED_ANEW = {
    "five days later": (5 * 24, {}, "moved", ["times"]),
    "an hour later": (1, {}, "moved", ["times"]),
    "in another hall": (0, {"location": "Hall 2"}, "moved", ["place"]),
    "renamed": (0, {"name": "Yin"}, "changed", ["name"]),
}


@pytest.mark.parametrize("booked", ["yoga", "quiet"])
@pytest.mark.parametrize("case", DESCRIBED_ANEW)
async def test_a_session_described_anew_is_named_whether_it_is_booked_or_not(planned, booked, case):
    hours, members, change, told = DESCRIBED_ANEW[case]
    session = await planned.get(f"/sessions/{booked}")
    body = {name: session[name] for name in FACTS} | members
    for name in ("starts_at", "ends_at"):
        body[name] = (dt.datetime.fromisoformat(body[name]) + dt.timedelta(hours=hours)).isoformat()
    answer = await planned.http.put(f"/v1/sessions/{booked}", json=body)
    assert answer.status_code == 200, answer.text
    problem = await refusal(planned, ["yoga", "quiet"])
    (one,) = problem["changes"]
    assert (one["session_id"], one["change"], one["members"]) == (booked, change, told)
    assert (one["name"], problem["change_count"]) == (body["name"], 1)
    assert booked in problem["detail"]


async def test_a_session_that_came_and_one_that_went_are_named(planned):
    await planned.session("late", starts_in_hours=60)
    await planned.session("quiet", starts_in_hours=24 * 60)  # out of the range
    problem = await refusal(planned)
    assert [(one["session_id"], one["change"]) for one in problem["changes"]] == [
        ("late", "came"),
        ("quiet", "went"),
    ]


async def test_what_another_job_has_cancelled_meanwhile_is_named(planned):
    await planned.accepted(["quiet"])
    problem = await refusal(planned)
    (one,) = problem["changes"]
    assert (one["session_id"], one["change"], one["members"]) == ("quiet", "changed", ["outcome"])


async def test_bookings_that_came_or_changed_name_their_session(planned):
    await planned.booking("card", "yoga", ("CAD", 2001))
    (one,) = (await refusal(planned))["changes"]
    assert (one["session_id"], one["change"], one["members"]) == ("yoga", "changed", ["bookings"])


async def test_another_treatment_of_attended_bookings_is_another_plan(planned):
    other = (await planned.plan(include_attended=True)).json()["digest"]
    assert other.partition(".")[0] != planned.digest.partition(".")[0]
    refused = await planned.cancel(plan_digest=other)
    assert (refused.status_code, refused.json()["changes"]) == (409, [])


def seen(count, *, changed=()):
    return [
        digests.Seen(
            f"{n:0128}",
            f"2026-11-{n % 28 + 1:02}",
            ([str(n)], "Yin" if n in changed else "Yoga", None, "a", None),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [1, 300, 301, 5000])
def test_a_digest_is_bounded_and_tells_what_changed_by_session_or_by_day(count):
    before = digests.make(seen(count), {"sessions": count}, include_attended=False)
    after = digests.make(seen(count, changed={0}), {"sessions": count}, include_attended=False)
    assert before != after
    assert len(before) <= digests.MAX_DIGEST
    (change,) = digests.changes(before, after)
    if count <= 300:
        assert (change.session_id, change.members) == (f"{0:0128}", ("name",))
    else:
        assert (change.session_id, change.day) == (None, "2026-11-01")
    assert digests.changes(before, before) == []


@pytest.mark.parametrize("digest", ["", ".", "..", "a.b.c", "é.é.é", f"{'0' * 64}.e30.W10"])
def test_a_word_that_is_no_digest_tells_nothing(digest):
    ours = digests.make(seen(2), {}, include_attended=False)
    assert digests.changes(digest, ours) == []
    assert digests.totals_in(digest) is None
