"""What was approved is what is done: a plan of now, by its digest."""

import pytest

from app.refunds.verify import verify


async def test_a_booking_that_comes_meanwhile_is_in_the_plan_and_not_approved_unseen(
    limited, asked, approver
):
    before = await asked.plan()
    assert (before["digest"], before["changes"]) == (asked.job["approval"]["plan_digest"], [])
    await limited.booking("newcomer", "yoga", ("CAD", 100))
    kept = await limited.everything()
    drifted = await asked.approve(approver, digest=before["digest"])
    assert (drifted.status_code, drifted.json()["type"]) == (409, "/problems/plan-changed")
    assert [one["session_id"] for one in drifted.json()["changes"]] == ["yoga"]
    assert await limited.everything() == kept
    now = await asked.plan()
    assert [(one["change"], one["session_id"], one["members"]) for one in now["changes"]] == [
        ("changed", "yoga", ["bookings"])
    ]
    assert drifted.json()["plan_digest"] == now["digest"]
    assert (await asked.approve(approver, digest=now["digest"])).status_code == 200
    await limited.work(asked.id)
    job = await asked.now()
    assert job["totals"]["amounts"] == now["totals"]["amounts"]
    assert (await limited.books())["sums"]["CAD"] == 6599
    assert await verify(limited.db) == []


@pytest.mark.parametrize("digest", ["x", "a.b.c", "0" * 64])
async def test_a_digest_of_no_plan_approves_nothing(limited, asked, approver, digest):
    answer = await asked.approve(approver, digest=digest)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/plan-changed")
    assert (await limited.get("/sessions/yoga"))["status"] == "scheduled"


async def test_what_is_asked_under_terms_is_approved_under_them(limited, ask, approver):
    terms = {"payments": {"keep": {"percent": 50}}}
    override = {"booking_id": "card", "action": "skip", "note": "Came late"}
    asked = await ask(terms=terms, overrides=[override])
    # What the business sets since does not change what was asked for.
    await limited.http.put("/v1/terms", json={"payments": {"return_as": "nothing"}})
    plan = await asked.plan()
    assert plan["digest"] == asked.job["approval"]["plan_digest"]
    assert (await asked.approve(approver)).status_code == 200
    await limited.work(asked.id)
    lines = (await limited.audit(asked.id)).by_booking()
    assert lines["card"][0]["override_note"] == "Came late"
    assert lines["waiting"][0]["amount"] == "10.00"
    assert await verify(limited.db) == []


async def test_a_session_that_is_gone_or_moved_away_is_not_in_the_plan_any_more(
    limited, ask, approver
):
    asked = await ask(("yoga", "spin", "empty", "begun"))
    assert (await limited.http.delete("/v1/sessions/empty")).status_code in {200, 204}
    await limited.session("spin", starts_in_hours=24 * 60)
    plan = await asked.plan()
    assert [one["session_id"] for one in plan["sessions"]] == ["begun", "yoga"]
    assert {(one["change"], one["session_id"]) for one in plan["changes"]} == {
        ("went", "empty"),
        ("went", "spin"),
    }
    job = (await asked.approve(approver)).json()
    assert (job["totals"]["sessions"], job["session_counts"]["accepted"]) == (2, 2)
    await limited.work(asked.id)
    assert (await limited.get("/sessions/spin"))["status"] == "scheduled"
    assert {one["session_id"] for one in await limited.refunds(asked.id)} == {"begun", "yoga"}
    assert await verify(limited.db) == []


async def test_a_session_that_another_took_meanwhile_is_no_longer_this_ones(limited, ask, approver):
    held = await limited.accepted(["yoga"], hold_seconds=600)
    asked = await ask(("yoga", "spin", "empty"))
    outcomes = {one["session_id"]: one["outcome"] for one in asked.job["sessions"]}
    assert outcomes["yoga"] == "already_in_process"
    await limited.post(f"/bulk-cancellations/{held['id']}/withdraw")
    plan = await asked.plan()
    assert {one["session_id"]: one["outcome"] for one in plan["sessions"]} == {
        "yoga": "accepted",
        "spin": "accepted",
        "empty": "accepted",
    }
    assert (await asked.approve(approver)).json()["session_counts"]["accepted"] == 3
    await limited.work(asked.id)
    assert await verify(limited.db) == []


async def test_of_which_nothing_is_left_nothing_can_be_approved(limited, asked, approver):
    for id_ in ("yoga", "spin"):
        await limited.session(id_, starts_in_hours=24 * 60)
    answer = await asked.approve(approver)
    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "/problems/sessions-already-in-process",
    )
    assert (await asked.refuse(approver)).json()["status"] == "refused"


async def test_goodwill_is_for_those_who_have_a_booking_when_it_is_approved(limited, ask, approver):
    terms = {"goodwill": {"credits": 2, "per": "client", "for": ["paid"]}}
    asked = await ask(terms=terms)
    await limited.load(
        limited.record("client", "new"),
        limited.record("booking", "newcomer", "yoga", ("CAD", 100), client_id="new"),
    )
    plan = await asked.plan()
    assert (await asked.approve(approver)).status_code == 200
    await limited.work(asked.id)
    lines = await limited.refunds(asked.id)
    given = {one["client_id"] for one in lines if one["returned_as"] == "goodwill"}
    assert "new" in given
    assert len(given) == plan["totals"]["goodwill"]["grants"]
    assert await verify(limited.db) == []


async def test_the_same_approval_again_changes_nothing(limited, asked, approver):
    digest = (await asked.plan())["digest"]
    first = await asked.approve(approver, digest=digest)
    again = await asked.approve(approver, digest=digest)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await asked.approve(approver, digest="x")
    assert (other.status_code, other.json()["type"]) == (409, "/problems/not-awaiting-approval")
    assert len(limited.queue.woken) == 1
