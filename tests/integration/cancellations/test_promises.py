"""What a public page promises of a cancellation: that all comes back, only while that is so."""

import pytest

DAY = "/v1/public/studio/schedule"


@pytest.fixture
async def booked(studio):
    await studio.load(
        studio.record("session", "yoga"),
        studio.record("booking", "b1", "yoga", ("CAD", 2000)),
        studio.record("booking", "b2", "yoga", ("credits", 2)),
    )
    return studio


async def promised(studio, **others):
    """Whether anybody is told that all comes back; `others` ask for a page that nobody kept."""
    days = studio.body()
    query = {"date_from": days["date_from"], "date_to": days["date_to"]} | others
    answer = await studio.http.get(DAY, params=query)
    assert answer.status_code == 200, answer.text
    (one,) = [one for one in answer.json()["data"] if one["id"] == "yoga"]
    return one["cancellation"]["returns_all"]


async def test_it_is_promised_from_the_acceptance_on_and_kept(booked):
    job = await booked.accepted()
    assert await promised(booked)
    await booked.work(job["id"])
    assert await promised(booked)


@pytest.mark.parametrize(
    "members",
    [
        {"terms": {"payments": {"keep": {"percent": 10}}}},
        {"terms": {"payments": {"return_as": "store_credit"}}},
        {"terms": {"credits": {"return": False}}},
        {"overrides": [{"booking_id": "b2", "action": "skip", "note": "asked"}]},
    ],
)
async def test_nothing_is_promised_where_a_rule_or_a_person_keeps_something(booked, members):
    await booked.accepted(**members)
    assert not await promised(booked)


async def test_what_a_service_refuses_is_promised_no_more_and_not_again_when_it_was_given_up(
    booked,
):
    await booked.faults(refuse_ids={"b1-payment-1": "payment_disputed"})
    job = await booked.accepted()
    await booked.work(job["id"])
    (failed,) = await booked.refunds(job["id"], status="rejected")
    assert not await promised(booked)
    path = f"/bulk-cancellations/{job['id']}/refunds/{failed['id']}/resolve"
    answer = await booked.post(path, resolution="waived", reference="agreed")
    assert answer.status_code == 200, answer.text
    assert (await booked.job(job["id"]))["status"] == "completed"
    assert not await promised(booked, limit=7)
