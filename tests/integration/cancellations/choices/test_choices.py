"""A client chooses once, in time, for all that is theirs; else the default comes by itself."""

import asyncio
import datetime as dt

import pytest
import sqlalchemy as sa
from worlds.problems import problem

from app.db import tables as t
from app.db.refunds import claims, outcomes
from app.db.refunds.outcomes import Recorded
from app.domain.refund_update import NextLeg
from app.domain.statuses import RefundForm
from app.gateways.outcomes import UpstreamMethod
from app.refunds import policy
from app.refunds.execute import LaneContext, order_of
from app.refunds.settle import settle_job
from app.refunds.slices import recover

BY_DEFAULT = {"card": ("original", 0), "split": ("original", 0)}
AS_VALUE = {"card": ("store_credit", 200), "split": ("store_credit", 150)}
HOURS = 3600
LATER = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def summed(books):
    return books["sums"]


async def take(asked, method, most=10):
    """What a worker claims now of this method."""
    async with asked.db.write() as conn:
        return await claims.claim(conn, asked.job_id, method, most=most, lease_seconds=60)


async def record(asked, *said):
    group = [Recorded(one.id, one.epoch, update, one.leg) for one, update in said]
    async with asked.db.write() as conn:
        await outcomes.record(conn, asked.job_id, group, actor="worker", heartbeat_seconds=30)


async def test_who_is_asked_waits_and_everything_else_comes_back_at_once(asked):
    again_in = await asked.cancel()
    assert 47 * HOURS < again_in <= 48 * HOURS
    assert summed(await asked.studio.books()) == {"credits": 3}
    refunds = await asked.refunds()
    waiting = [one for one in refunds if one["choose_until"]]
    assert {one["booking_id"] for one in waiting} == {"card", "split"}
    assert all(one["next_attempt_at"] == one["choose_until"] for one in waiting)
    assert {one["status"] for one in waiting} == {"pending"}
    assert (await asked.studio.job(asked.job_id))["status"] == "running"
    assert await asked.broken() == []


async def test_where_nobody_chooses_the_default_comes_back_by_itself(asked):
    await asked.cancel()
    await asked.move_deadline()
    await asked.studio.work(asked.job_id)
    assert (await asked.studio.job(asked.job_id))["status"] == "completed"
    assert summed(await asked.studio.books()) == {"CAD": 2005 + 1505 + 900, "credits": 3}
    shown = (await asked.read()).json()
    assert (shown["status"], shown["form"], shown["chosen_at"]) == ("over", "original", None)
    late = await asked.choose("store_credit")
    problem(late, 409, "choice-over")
    assert late.json()["form"] == "original"
    assert {one["status"] for one in await asked.list()} == {"over"}
    assert await asked.broken() == []


async def test_a_choice_after_its_time_is_refused_though_no_worker_has_come_yet(asked):
    await asked.cancel()
    await asked.move_deadline()
    before = await asked.studio.everything()
    late = await asked.choose("store_credit")
    problem(late, 409, "choice-over")
    assert (late.json()["form"], await asked.studio.everything()) == ("original", before)
    assert {one["status"] for one in await asked.list()} == {"over"}
    await asked.studio.work(asked.job_id)
    assert summed(await asked.studio.books()) == {"CAD": 2005 + 1505 + 900, "credits": 3}


async def test_what_is_chosen_comes_back_at_once_and_the_history_says_by_whom(asked):
    await asked.cancel("yoga", "spin")
    chosen = await asked.choose("original")
    assert chosen.status_code == 200, chosen.text
    shown = chosen.json()
    assert (shown["status"], shown["form"]) == ("chosen", "original")
    assert shown["chosen_at"] is not None
    again_in = await asked.slice()
    assert again_in > 47 * HOURS  # Lee has still to choose
    assert summed(await asked.studio.books()) == {"CAD": 3510, "JPY": 25, "credits": 3}
    [one] = [one for one in await asked.refunds() if one["booking_id"] == "card"]
    path = f"/bulk-cancellations/{asked.job_id}/refunds/{one['id']}"
    history = (await asked.studio.get(path))["history"]
    assert [(each["status"], each["actor"]) for each in history] == [
        ("pending", "client"),
        ("submitted", "worker"),
        ("succeeded", "worker"),
    ]
    assert await asked.broken() == []


async def test_store_credit_has_the_bonus_on_top_which_nobody_has_paid(asked, audit_from):
    pressed = await asked.studio.cancel(["yoga"], accept="text/csv", key="k", terms=_terms(10))
    accepted = audit_from(pressed.content)
    asked.job_id = accepted[0]["job_id"]
    await asked.slice()
    assert (await asked.choose("store_credit")).status_code == 200
    assert await asked.forms() == AS_VALUE  # 200.5 and 150.5 go to the even cent
    assert await take(asked, "payment") == []
    claimed = await take(asked, "credit")
    lane = LaneContext("studio", "", UpstreamMethod.CREDIT, None)
    orders = [order_of(one, lane) for one in claimed]
    assert sorted(one.amount_minor for one in orders) == [1655, 2205]
    assert {one.form for one in orders} == {"store_credit"}
    await record(asked, *((one, policy.succeeded(f"sc_{one.id}")) for one in claimed))
    lines = (await asked.studio.audit(asked.job_id)).by_booking()
    [card] = lines["card"]
    cells = ("amount", "paid_amount", "bonus_amount", "returned_as", "status")
    assert [card[name] for name in cells] == ["20.05", "20.05", "2.00", "store_credit", "succeeded"]
    assert [lines["lees"][0][name] for name in cells[2:]] == ["", "original", "pending"]
    again = await asked.studio.cancel(["yoga"], accept="text/csv", key="k", terms=_terms(10))
    assert audit_from(again.content).by_refund() == accepted.by_refund()
    sums = (await asked.studio.job(asked.job_id))["refunds"]["succeeded"]["amounts"]
    assert sums == [{"currency": "CAD", "amount_minor": 3510}]
    assert await asked.broken() == []


def _terms(bonus):
    return {"choice": {"bonus_percent": bonus}}


async def test_a_leg_that_follows_refused_store_credit_has_no_bonus(asked):
    terms = _terms(10) | {"payments": {"fallback": ["original"]}}
    await asked.cancel(terms=terms)
    await asked.choose("store_credit")
    claimed = await take(asked, "credit")
    refused = policy.rejected("client_not_found", "unknown")
    follows = [
        (one, policy.replaced(refused, NextLeg(RefundForm.ORIGINAL, one.amount_minor)))
        for one in claimed
    ]
    await record(asked, *follows)
    await asked.slice()
    assert summed(await asked.studio.books()) == {"CAD": 3510, "credits": 3}
    legs = {
        (one["leg"], one["bonus_minor"] > 0) for one in await asked.refunds() if one["currency"]
    }
    assert legs == {(1, True), (2, False)}
    assert await asked.broken() == []


async def test_the_same_choice_again_is_the_same_answer_and_another_is_refused(asked):
    await asked.cancel()
    first = await asked.choose("store_credit")
    before = await asked.studio.everything()
    again = await asked.choose("store_credit")
    assert (again.status_code, again.json()) == (200, first.json())
    other = await asked.choose("original")
    problem(other, 409, "already-chosen")
    assert other.json()["form"] == "store_credit"
    assert await asked.studio.everything() == before
    await take(asked, "credit")
    assert (await asked.choose("store_credit")).json() == first.json()
    assert await asked.forms() == AS_VALUE
    assert await asked.forms("lee") == {"lees": ("original", 0)}


async def test_of_two_choices_at_once_one_is_made(asked):
    for turn in range(4):
        await asked.studio.load(
            asked.studio.record("session", f"s{turn}"),
            asked.studio.record("booking", f"b{turn}", f"s{turn}", ("CAD", 1000)),
        )
        await asked.cancel(f"s{turn}")
        token = await asked.token()
        forms = ("original", "store_credit") * 3
        answers = await asyncio.gather(*(asked.choose(form, token=token) for form in forms))
        made = {form for form, one in zip(forms, answers, strict=True) if one.status_code == 200}
        assert len(made) == 1
        assert {one.status_code for one in answers} == {200, 409}
        [(form, _)] = (await asked.forms()).values()
        assert {form} == made
        async with asked.db.read() as conn:
            count = sa.select(sa.func.count()).select_from(t.choices)
            assert await conn.scalar(count) == turn + 1


async def test_what_a_worker_has_taken_is_not_chosen_of_nor_is_the_rest(asked):
    await asked.cancel()
    await asked.move_deadline()
    [one] = await take(asked, "payment", most=1)
    # As if the clocks of the two differed: there is time left, but one is under way.
    async with asked.db.write() as conn:
        until = sa.update(t.refunds).where(t.refunds.c.choose_until.is_not(None))
        await conn.execute(until.values(choose_until=LATER))
    whose = "lee" if one.client_id == "lee" else "kim"
    before = await asked.studio.everything()
    late = await asked.choose("store_credit", whose)
    problem(late, 409, "choice-over")
    assert await asked.studio.everything() == before


async def test_at_the_deadlines_very_moment_a_choice_or_the_default_has_all(asked):
    outcomes_seen = set()
    for turn in range(8):
        await asked.studio.load(
            asked.studio.record("session", f"s{turn}"),
            asked.studio.record("booking", f"b{turn}", f"s{turn}", ("CAD", 1000)),
            asked.studio.record("booking", f"c{turn}", f"s{turn}", ("CAD", 2000)),
        )
        await asked.cancel(f"s{turn}")
        token = await asked.token()
        await asked.move_deadline(0.02 * turn)

        async def claim_all():
            found = []
            async with asyncio.timeout(60):
                while len(found) < 2:
                    found += await take(asked, "payment", most=1)
                    found += await take(asked, "credit", most=1)
            return found

        claimed, answer = await asyncio.gather(
            claim_all(), asked.choose("store_credit", token=token)
        )
        forms = {one.returned_as for one in claimed}
        expected = "store_credit" if answer.status_code == 200 else "original"
        assert answer.status_code in {200, 409}
        assert (forms, len(claimed)) == ({expected}, 2), answer.text
        outcomes_seen.add(expected)
    assert "original" in outcomes_seen  # of the first the time was up before


async def test_on_hold_nobody_is_asked_and_the_time_counts_from_its_end(asked):
    job = await asked.studio.accepted(["yoga"], terms=_terms(0), hold_seconds=HOURS)
    asked.job_id = job["id"]
    assert await asked.list() == []
    async with asked.db.write() as conn:
        await conn.execute(sa.update(t.jobs).values(hold_until=t.jobs.c.requested_at))
    again_in = await asked.slice()
    assert again_in > 71 * HOURS
    assert (await asked.read()).json()["status"] == "open"


async def test_a_link_of_a_withdrawn_cancellation_leads_nowhere(asked):
    job = await asked.studio.accepted(["yoga"], terms=_terms(0), hold_seconds=HOURS)
    asked.job_id = job["id"]
    token = asked.token_for("kim")
    waiting = await asked.read(token=token)
    assert (waiting.status_code, waiting.json()["status"]) == (200, "waiting")
    assert waiting.json()["sessions"] == []
    problem(await asked.choose("original", token=token), 409, "choice-not-open")
    path = f"/bulk-cancellations/{asked.job_id}/withdraw"
    assert (await asked.studio.post(path)).status_code == 200
    for answer in (await asked.read(token=token), await asked.choose("original", token=token)):
        problem(answer, 404, "not-found")
    assert await asked.list() == []
    assert await asked.broken() == []


async def test_a_choice_whose_prompt_is_lost_is_found_by_the_sweep(asked):
    await asked.cancel()
    assert (await asked.choose("original")).status_code == 200  # nobody hears this queue
    assert await recover.due_jobs(asked.studio.runtime, limit=10) == [asked.job_id]
    await asked.slice()
    assert summed(await asked.studio.books()) == {"CAD": 3510, "credits": 3}


async def test_what_a_person_said_of_a_form_or_keeps_is_not_asked(asked):
    overrides = [
        {"booking_id": "card", "action": "return", "return_as": "original", "note": "called"},
        {"booking_id": "split", "action": "return", "line_no": 1, "note": "whole"},
        {"booking_id": "lees", "action": "skip", "note": "voucher"},
    ]
    await asked.cancel(overrides=overrides)
    assert await asked.forms() == {"split": ("original", 0)}
    assert await asked.forms("lee") == {}
    assert [one["client_id"] for one in await asked.list()] == ["kim"]


async def test_a_client_may_choose_a_form_who_gets_value_by_default(asked):
    terms = {
        "payments": {"return_as": "store_credit"},
        "choice": {"default": "store_credit", "offer": ["store_credit", "original"]},
    }
    await asked.cancel(terms=terms)
    shown = (await asked.read()).json()
    assert [one["form"] for one in shown["offer"]] == ["store_credit", "original"]
    assert (await asked.choose("original")).status_code == 200
    await asked.slice()
    assert summed(await asked.studio.books()) == {"CAD": 3510, "credits": 3}
    assert await settle_job(asked.studio.runtime, asked.job_id) > HOURS


@pytest.mark.parametrize("form", ["void", "nothing", None, 7])
async def test_a_form_that_is_not_offered_is_refused(asked, form):
    await asked.cancel()
    before = await asked.studio.everything()
    problem(await asked.choose(form), 422, "validation")
    assert await asked.studio.everything() == before


async def test_credits_on_top_are_given_at_once_while_a_choice_is_waited_for(asked):
    terms = _terms(0) | {"goodwill": {"credits": 1, "for": ["paid"]}}
    await asked.cancel(terms=terms)
    assert {one["client_id"] for one in await asked.list()} == {"kim", "lee"}
    granted = [one for one in await asked.refunds() if one["returned_as"] == "goodwill"]
    assert [(one["status"], one["choose_until"]) for one in granted] == [("succeeded", None)]
    assert (await asked.choose("original")).status_code == 200
    await asked.slice()
    assert (await asked.studio.books())["sums"]["CAD"] == 3510
    assert await asked.broken() == []


async def test_the_job_says_how_many_were_asked_and_have_chosen_what_and_until_when(asked):
    accepted = await asked.studio.accepted(["yoga"], terms={"choice": {"within_hours": 48}})
    asked.job_id = accepted["id"]
    nobody = {"original": 0, "store_credit": 0}
    assert (accepted["choices"]["asked"], accepted["choices"]["chosen"]) == (0, nobody)
    await asked.slice()
    job = await asked.studio.job(asked.job_id)
    assert job["choices"] == accepted["choices"] | {"asked": 2}
    [*rows] = await asked.list()
    assert {one["until"] for one in rows} == {job["choices"]["until"]}
    await asked.choose("store_credit")
    job = await asked.studio.job(asked.job_id)
    assert job["choices"]["chosen"] == {"original": 0, "store_credit": 1}
    await asked.choose("original", "lee")
    job = await asked.studio.job(asked.job_id)
    assert job["choices"]["chosen"] == {"original": 1, "store_credit": 1}


async def test_a_choice_is_seen_at_once_by_who_polls_the_job(asked):
    await asked.cancel()
    path = f"/v1/bulk-cancellations/{asked.job_id}"
    before = await asked.studio.http.get(path)
    tag = {"If-None-Match": before.headers["ETag"]}
    assert (await asked.studio.http.get(path, headers=tag)).status_code == 304
    await asked.choose("store_credit")
    after = await asked.studio.http.get(path, headers=tag)
    assert after.status_code == 200
    assert after.json()["choices"]["chosen"]["store_credit"] == 1


async def test_a_job_whose_clients_are_not_asked_says_nothing_of_choices(asked):
    accepted = await asked.studio.accepted(["yoga"], terms={"choice": None})
    assert accepted["choices"] is None
    assert (await asked.studio.job(accepted["id"]))["choices"] is None
