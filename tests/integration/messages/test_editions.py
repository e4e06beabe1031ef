"""Who is told what of a job, and when: once, when all that is theirs has an end."""

from app.db.messages import editions
from app.domain.messages.facts import ToldFacts, ToldState
from app.domain.statuses import BookingStatus


def lines_of(facts):
    return {
        (session.booking_id, line.state, line.amount_minor, line.credits)
        for session in facts.sessions
        for line in session.lines
    }


async def test_each_client_is_told_once_of_all_their_bookings(told):
    await told.cancel()
    await told.work()
    facts = await told.send_all()
    assert set(facts) == {"kim", "lee", "mia", "noa"}
    assert lines_of(facts["kim"]) == {
        ("card", ToldState.RETURNED, 2000, 0),
        ("yen", ToldState.RETURNED, 500, 0),
    }
    assert lines_of(facts["lee"]) == {("credit", ToldState.RETURNED, 0, 2)}
    assert all(one.is_final for one in facts.values())
    assert await told.send_all() == {}
    listed = await told.listed()
    assert [one["status"] for one in listed] == ["sent"] * 4


async def test_members_and_the_waiting_list_are_told_and_who_attended_is_not(told):
    await told.cancel()
    await told.work()
    facts = await told.send_all()
    (member,) = facts["mia"].sessions
    assert (member.lines, member.booking_status) == ((), BookingStatus.BOOKED)
    (waited,) = facts["noa"].sessions
    assert waited.booking_status is BookingStatus.WAITLISTED
    assert lines_of(facts["noa"]) == {("waits", ToldState.RETURNED, 900, 0)}
    assert "pat" not in facts


async def test_nobody_is_told_of_a_job_that_says_nothing_of_messages(told, studio):
    job = await studio.accepted("all")
    told.job_id = job["id"]
    await told.work()
    assert job["messages"] is None
    assert await told.listed() == []


async def test_a_job_that_tells_nobody_looks_for_nobody_to_tell(told, studio, monkeypatch):
    looked, resting = [], editions.resting

    async def watched(conn, job_id, *which):
        looked.append(job_id)
        return await resting(conn, job_id, *which)

    monkeypatch.setattr(editions, "resting", watched)
    told.job_id = (await studio.accepted(["yoga"]))["id"]
    await told.work()
    assert looked == []
    await told.cancel("spin")
    await told.work()
    assert set(looked) == {told.job_id}


async def test_nobody_is_told_of_a_job_that_is_withdrawn(told, studio):
    job = await told.cancel(hold_seconds=3600)
    answer = await studio.post(f"/bulk-cancellations/{job['id']}/withdraw")
    assert answer.status_code == 200, answer.text
    assert await told.listed() == []


async def test_a_client_waits_until_all_that_is_theirs_has_an_end(told, studio):
    await studio.faults(pending=True)
    await told.cancel("yoga")
    await told.slice()
    assert set(await told.claim()) == {"mia"}  # nothing of hers is under way
    (kims,) = await told.listed(client_id="kim")
    assert kims["status"] == "pending"


async def test_a_refund_that_has_its_end_waits_for_its_client_s_others(told, studio):
    await studio.faults(pending=True, refuse_ids={"card-payment-1": "refund_window_expired"})
    await told.cancel("yoga", "spin")
    await told.slice()
    statuses = {one["booking_id"]: one["status"] for one in await studio.refunds(told.job_id)}
    assert (statuses["card"], statuses["yen"]) == ("rejected", "processing")
    assert "kim" not in await told.claim()


async def test_when_the_time_is_up_a_client_is_told_what_is_known_and_later_the_rest(told, studio):
    await studio.faults(pending=True)
    await told.cancel("yoga", "spin")
    await told.slice()
    await told.let_time_be_up()
    facts = (await told.send_all())["kim"]
    assert not facts.is_final
    assert lines_of(facts) == {
        ("card", ToldState.UNDER_WAY, 2000, 0),
        ("yen", ToldState.UNDER_WAY, 500, 0),
    }
    await studio.faults()
    studio.looks_up_soon()
    await told.work()
    claimed = await told.claim()
    assert claimed["kim"].told_before == facts
    assert {state for _, state, *_ in lines_of(ToldFacts.of(claimed["kim"].facts))} == {
        ToldState.RETURNED
    }


async def test_one_that_fails_is_with_a_person_and_told_again_once_it_has_come_back(told, studio):
    await studio.faults(refuse_ids={"card-payment-1": "refund_window_expired"})
    await told.cancel("yoga", "spin")
    await told.work()
    first = (await told.send_all())["kim"]
    assert lines_of(first) == {
        ("card", ToldState.WITH_A_PERSON, 2000, 0),
        ("yen", ToldState.RETURNED, 500, 0),
    }
    await studio.faults()
    await studio.post(f"/bulk-cancellations/{told.job_id}/retry")
    await told.work()
    claimed = await told.claim()
    assert set(claimed) == {"kim"}
    assert claimed["kim"].told_before == first
    assert lines_of(ToldFacts.of(claimed["kim"].facts)) == {
        ("card", ToldState.RETURNED, 2000, 0),
        ("yen", ToldState.RETURNED, 500, 0),
    }


async def test_what_a_person_resolves_is_told(told, studio):
    await studio.faults(refuse_ids={"card-payment-1": "refund_window_expired"})
    await told.cancel("yoga")
    await told.work()
    await told.send_all()
    (refund,) = [one for one in await studio.refunds(told.job_id) if one["booking_id"] == "card"]
    body = {"resolution": "refunded_elsewhere", "reference": "cash", "amount_minor": 1500}
    path = f"/bulk-cancellations/{told.job_id}/refunds/{refund['id']}/resolve"
    assert (await studio.post(path, **body)).status_code == 200
    facts = await told.send_all()
    assert lines_of(facts["kim"]) == {("card", ToldState.ELSEWHERE, 1500, 0)}


async def test_one_that_fails_again_as_before_is_not_told_again(told, studio):
    await studio.faults(refuse_ids={"card-payment-1": "refund_window_expired"})
    await told.cancel("yoga")
    await told.work()
    await told.send_all()
    await studio.post(f"/bulk-cancellations/{told.job_id}/retry")
    await told.work()
    assert await told.send_all() == {}
    assert len(await told.listed(client_id="kim")) == 1


async def test_told_when_accepted_is_told_at_once_and_again_at_the_end(told, studio):
    await studio.faults(pending=True)
    await told.cancel("yoga", messages={"clients": "email", "when": "accepted"})
    await told.slice()
    facts = await told.send_all()
    assert lines_of(facts["kim"]) == {("card", ToldState.UNDER_WAY, 2000, 0)}
    await studio.faults()
    studio.looks_up_soon()
    await told.work()
    assert lines_of((await told.send_all())["kim"]) == {("card", ToldState.RETURNED, 2000, 0)}


async def test_staff_get_a_summary_when_it_has_ended(told):
    await told.cancel("yoga", messages={"clients": "none", "staff": ["owner@studio.example"]})
    await told.work()
    claimed = await told.claim()
    assert set(claimed) == {"owner@studio.example"}
    facts = claimed["owner@studio.example"].facts
    assert (facts["sessions"], facts["clients"]) == (1, 4)
    assert [(one["currency"], one["amount_minor"]) for one in facts["returned"]] == [
        (None, 0),
        ("CAD", 2900),
    ]
