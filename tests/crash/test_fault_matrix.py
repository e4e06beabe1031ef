"""Every switch of the sandbox: one effect for each line, none missing.

For payments and credits, on both databases. Each case has a studio, a sandbox and a database of its
own, and a few run side by side, for they mostly wait. What is expected is read from the sandbox's
books; the audit is then compared with them.
"""

import asyncio
import time

import pytest
import pytest_asyncio
from crash.fault_cases import (
    AFTER,
    BEFORE,
    BOTH,
    CASES,
    EACH,
    HARD,
    Case,
    accepted_ids,
    asked_of_both,
    case,
    each,
    effects_reach,
    ended,
    not_succeeded,
    other,
)
from crash.studio import studio, until
from crash.week import PAYMENTS, assert_once, judge, week

from app.db.core.engine import Database
from app.refunds.verify import verify
from app.sandbox.app import create_sandbox
from app.serving import listen, served

AT_ONCE = 6


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgresql"])
async def running(request, fresh_databases):
    """The chosen cases on one kind of database, as tasks."""
    chosen = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and item.callspec.params["running"] == request.param
    ]
    # In a thread: it runs a loop of its own.
    databases = await asyncio.to_thread(fresh_databases, request.param, len(chosen))
    room = asyncio.Semaphore(AT_ONCE)

    async def play(one: Case, database_url: str) -> None:
        async with room:
            made = week(2 * EACH, kinds=("payment", "credit"), places=10)
            async with studio(database_url, made, **one.settings) as place:
                await one.play(place, **one.arguments)
            db = Database(database_url)
            broken = await verify(db)
            await db.close()
            assert not broken

    tasks = {
        name: asyncio.create_task(play(CASES[name], url))
        for name, url in zip(chosen, databases, strict=True)
    }
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


# The effect happened, and the answer does not say so. The hard judge makes a second one for whoever
# asks.


@case(*each("switch", *AFTER))
async def an_effect_that_no_answer_tells_of_is_found_and_not_asked_for_again(place, switch):
    await place.both(**HARD, **{switch: 1})
    await ended(place, await place.cancel())
    for service in BOTH:
        look_ups = await place.requests(service, "look_ups")
        assert look_ups >= EACH
        assert await place.requests(service, "total") - look_ups == EACH


@case(*each("switch", *AFTER))
async def an_effect_that_only_some_answers_and_look_ups_tell_of_is_made_once(place, switch):
    await place.both(**HARD, **{switch: 0.4}, look_ups=True)
    await ended(place, await place.cancel())


@case(
    *[
        {"switch": switch, "keys": keys}
        for switch in AFTER[:3]
        for keys in ("forget_keys", "ignore_keys")
    ]
)
async def without_keys_calls_lost_both_ways_are_no_second_effect(place, switch, keys):
    await place.both(**{switch: 0.4, keys: True}, drop_before=0.2, allow_excess=True, look_ups=True)
    await ended(place, await place.cancel())


# Nothing was done, and the upstream recovers.


@case(
    *[
        {"switch": switch, "kind": kind}
        for switch, kind in zip(BEFORE, ("dropped", "500", "503"), strict=True)
    ]
)
async def what_was_not_done_is_done_once_the_upstream_recovers(place, switch, kind):
    await place.both(**HARD, **{switch: 1})
    job_id = await place.cancel()
    await asked_of_both(place, kind)
    await place.both(**HARD)
    await ended(place, job_id)


@case(*each("switch", *BEFORE))
async def an_upstream_that_fails_now_and_then_costs_nobody_a_refund(place, switch):
    await place.both(**HARD, **{switch: 0.2})
    await ended(place, await place.cancel())


@case()
async def a_500_that_repeats_while_the_effect_appears_later_is_adopted(place):
    job_id = await place.hold()
    ours = await accepted_ids(place, job_id)
    await place.both(answer_500_before=1)
    await place.end_hold(job_id)
    await asked_of_both(place, "500")
    await place.both()  # an honest judge: the late effect and a second call have one key
    for line, refund_id in ours:
        # 400: the second call came before the late effect, whose body names another client.
        assert (await place.ask(line, refund_id, key=refund_id)).status_code in {201, 400}
    await ended(place, job_id)


@case(absent=True)
async def an_upstream_that_is_not_there_yet_is_waited_for(place):
    job_id = await place.cancel()

    async def refused() -> bool:
        return any(row["failure_code"] for row in await place.refunds(job_id))

    await until(refused)
    port = place.sandbox.base_url.port
    async with served(create_sandbox(), listen("127.0.0.1", port)):
        await ended(place, job_id)


# One service must not keep the other.


@case(
    *[
        {"switch": switch, "service": service}
        for switch in ("hang", "answer_503", "drop_before")
        for service in BOTH
    ]
)
async def while_one_service_fails_the_other_is_done(place, switch, service):
    await place.faults(**{service: HARD | {switch: 1, "look_ups": True}})
    job_id = await place.cancel()
    await effects_reach(place, other(service), EACH)
    assert not await place.is_finished(job_id)
    await place.faults(**{service: HARD})
    await ended(place, job_id)


# Too much at once.


@case(*each("form", "seconds", "date", "none"), upstream_timeout_seconds=5, lease_seconds=8)
async def being_throttled_costs_no_attempt(place, form):
    await place.both(**HARD, throttle_per_second=10, retry_after=form)
    job_id = await place.cancel()
    await ended(place, job_id)
    for service in BOTH:
        assert await place.requests(service, "429") > 0
    assert {row["attempts"] for row in await place.audit(job_id)} == {"1"}


@case(*each("form", "seconds", "date"))
async def an_upstream_that_asks_for_three_seconds_is_not_called_before(place, form):
    begun = time.monotonic()
    await place.both(answer_503=1, retry_after=form, retry_after_seconds=3)
    job_id = await place.cancel()
    for service in BOTH:
        await until(lambda service=service: place.requests(service, "503"))
    # Each was asked for it after `begun`, and a date has whole seconds: what is counted within two
    # has come before its time. What is counted later, on a busy machine, says nothing.
    while True:
        asked = [await place.requests(service, "503") for service in BOTH]
        if time.monotonic() >= begun + 2:
            break
        assert max(asked) <= EACH
        await asyncio.sleep(0.05)
    await place.both()
    await ended(place, job_id)


# The final word comes later, or never.


@case()
async def a_pending_refund_that_succeeds_is_done_then_and_not_before(place):
    # So long that all are seen pending, also on a busy machine.
    await place.both(pending=1, pending_then="succeeded", pending_seconds=20)
    job_id = await place.cancel()

    async def all_processing() -> bool:
        return (await place.job(job_id))["refunds"]["processing"]["count"] == 2 * EACH

    await until(all_processing)
    assert not await place.is_finished(job_id)
    await ended(place, job_id)


@case()
async def a_pending_refund_that_fails_is_named_and_not_made_again(place):
    await place.both(**HARD, pending=1, pending_then="failed", pending_seconds=1)
    job_id = await place.cancel()
    job = await ended(place, job_id, refused=tuple(place.week.lines))
    assert job["status"] == "completed_with_failures"
    books = await place.books()
    for service in BOTH:
        assert books[service]["totals"]["failed"] == len(books[service]["effects"]) == EACH
    rows = await not_succeeded(place, job_id)
    assert {(row["status"], row["failure_code"]) for row in rows} == {
        ("rejected", "declined_by_issuer")
    }


@case(give_up_after_seconds=4)
async def a_pending_refund_that_never_ends_is_not_made_again_and_a_person_is_told_why(place):
    await place.both(**HARD, pending=1, pending_then="never")
    job_id = await place.cancel()
    job = await place.finished(job_id)
    assert job["status"] == "completed_with_failures"
    assert_once(await place.books(), place.week.lines)
    rows = await not_succeeded(place, job_id)
    assert len(rows) == 2 * EACH
    assert all(row["failure_code"] for row in rows)


@case(give_up_after_seconds=3)
async def what_stays_unknown_is_given_to_a_person_and_never_sent_again(place):
    await place.both(**HARD, hang=1, look_ups=True)
    job_id = await place.cancel()
    job = await place.finished(job_id)
    assert job["status"] == "completed_with_failures"
    books = judge(await place.books(), place.week.lines)
    rows = await not_succeeded(place, job_id)
    assert len(rows) == 2 * EACH
    sent = [row for row in rows if row["status"] == "indeterminate"]
    # Of those that had no turn before the upstream was left alone a person is told that they were
    # not sent.
    assert {row["status"] for row in rows} - {"indeterminate"} <= {"rejected"}
    # A busy upstream may not have read a call before its caller left: unknown is what may have been
    # done, not what was.
    assert (books.effects + len(books.lost), books.twice, books.foreign) == (2 * EACH, [], [])
    done = {
        one["reference"] for service in BOTH for one in (await place.books())[service]["effects"]
    }
    assert done
    assert done <= {row["refund_id"] for row in sent}
    assert all(row["failure_code"] for row in rows)


# Refusals.

CODES = (
    "payment_not_found",
    "amount_exceeds_remaining",
    "payment_disputed",
    "refund_window_expired",
)


@case(*each("code", *CODES))
async def what_is_refused_is_named_and_the_others_complete(place, code):
    refused = tuple(place.week.lines[::3])
    assert {line.service for line in refused} == set(BOTH)
    await place.both(**HARD, refuse_ids={line.subject: code for line in refused})
    job_id = await place.cancel()
    job = await ended(place, job_id, refused=refused)
    assert job["status"] == "completed_with_failures"
    rows = await not_succeeded(place, job_id)
    assert len(rows) == len(refused)
    assert {(row["status"], row["failure_code"]) for row in rows} == {("rejected", code)}
    assert all(row["failure_detail"] for row in rows)


@case()
async def a_lane_without_balance_is_resumed_when_there_is_some(place):
    await place.both(**HARD, refuse={"insufficient_balance": 1})
    job_id = await place.cancel()
    await asked_of_both(place, "422")
    await place.both(**HARD)
    await ended(place, job_id)


@case()
async def what_somebody_else_has_refunded_is_told_and_not_refunded_again(place):
    before = place.week.lines[::3]
    for line in before:
        if line.service == PAYMENTS:
            await place.register(line)
        assert (
            await place.ask(line, f"by-hand-{line.subject}", key=f"by-hand-{line.subject}")
        ).status_code == 201
    # Credits are not limited in the sandbox: it has to be told to refuse.
    await place.faults(
        credits={"refuse_ids": {line.subject: "already_refunded" for line in before}}
    )
    job_id = await place.cancel()
    await place.finished(job_id)
    assert_once(await place.books(), place.week.lines)
    rows = await not_succeeded(place, job_id)
    told = {(row["status"], row["failure_code"]) for row in rows}
    assert told == {("skipped", "already_refunded_elsewhere")}
    assert len(rows) == len(before)


@case()
async def already_refunded_by_ourselves_is_a_success(place):
    job_id = await place.hold()
    lost = (await accepted_ids(place, job_id))[::3]
    for line, refund_id in lost:
        if line.service == PAYMENTS:
            await place.register(line)
        assert (await place.ask(line, refund_id, key=f"lost-{refund_id}")).status_code == 201
    await place.faults(
        credits={"refuse_ids": {line.subject: "already_refunded" for line, _ in lost}}
    )
    await place.end_hold(job_id)
    await ended(place, job_id)


# Keys.


@case()
async def a_key_in_use_is_waited_for(place):
    job_id = await place.hold()
    ours = (await accepted_ids(place, job_id))[:10]
    # Another caller has the same keys, and its calls take their time: again and again, until ours
    # have met them.
    await place.both(latency_seconds=2)
    is_met = asyncio.Event()

    async def keep_asking(line, refund_id) -> set[int]:
        answers = set()
        while not is_met.is_set():
            answers.add((await place.ask(line, refund_id, key=refund_id)).status_code)
        return answers

    others = [asyncio.create_task(keep_asking(line, refund_id)) for line, refund_id in ours]

    async def arrived() -> bool:
        return sum([await place.requests(service, "total") for service in BOTH]) >= len(ours)

    await until(arrived)
    await place.end_hold(job_id)
    await asked_of_both(place, "409")
    is_met.set()
    await place.both()
    await ended(place, job_id)
    for answers in await asyncio.gather(*others):
        assert 201 in answers
        assert answers <= {201, 409}  # 409: ours was there first, for once


@case()
async def a_key_that_came_with_another_body_is_told_to_a_person(place):
    job_id = await place.hold()
    reused = (await accepted_ids(place, job_id))[:2]
    for line, refund_id in reused:
        assert (
            await place.ask(line, "theirs", key=refund_id, amount=line.amount + 1)
        ).status_code == 201
    await place.end_hold(job_id)
    job = await place.finished(job_id)
    assert job["status"] == "completed_with_failures"
    rows = await not_succeeded(place, job_id)
    assert {(row["refund_id"], row["failure_code"]) for row in rows} == {
        (refund_id, "idempotency_key_reused") for _, refund_id in reused
    }
    for service in BOTH:
        assert await place.requests(service, "400") == 1


@case(*each("seed", 1, 2, 3))
async def everything_at_once_ends_with_one_effect_each(place, seed):
    switches = dict.fromkeys((*AFTER, *BEFORE), 0.06)
    more = {
        "look_ups": True,
        "throttle_per_second": 30,
        "pending": 0.1,
        "latency_jitter_seconds": 0.3,
    }
    await place.both(**HARD, **switches, **more, seed=seed)
    await ended(place, await place.cancel())


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CASES)
async def test_each_line_has_one_effect_and_none_is_missing_where(name, running):
    await running[name]
