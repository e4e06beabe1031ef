"""Each invariant finds the row that was broken on purpose, and names it.

It finds nothing in a run that went well.
"""

import pytest
import sqlalchemy as sa
from httpx import ASGITransport, AsyncClient
from uuid_utils import uuid7

from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.db import tables
from app.db.access.businesses import create as create_business
from app.db.core.dialect import later, now
from app.db.invariants import CheckScope as Rows
from app.db.invariants import invariants, last_check
from app.db.tables import bookings, ceilings, jobs, payment_lines, refund_history, refunds, sessions
from app.main import create_app
from app.queue import LocalQueue
from app.refunds.runtime import Runtime, gateways
from app.refunds.slices.run import run_slice
from app.refunds.verify import check, verify

SCHEDULE = """
{"type":"client","id":"kim","name":"Kim"}
{"type":"session","id":"yoga","name":"Yoga","starts_at":"2027-01-04T09:00:00Z","ends_at":"2027-01-04T10:00:00Z"}
{"type":"session","id":"spin","name":"Spin","starts_at":"2027-01-05T09:00:00Z","ends_at":"2027-01-05T10:00:00Z"}
{"type":"booking","id":"card","session_id":"yoga","client_id":"kim","status":"booked",\
"payments":[{"method":"payment","payment_id":"p1","amount_minor":2000,"currency":"CAD"}]}
{"type":"booking","id":"credit","session_id":"spin","client_id":"kim","status":"booked",\
"payments":[{"method":"credit","account_id":"a1","credits":2}]}
{"type":"booking","id":"free","session_id":"spin","client_id":"kim","status":"booked"}
"""


@pytest.fixture
async def cancelled(db, upstream_sandbox):
    """A job that has ended well; gives its id."""
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="CAD")
    settings, queue = Settings(), LocalQueue()
    url = upstream_sandbox.url
    calls = gateways(settings, payments_url=f"{url}/payments", credits_url=f"{url}/credits")
    runtime = Runtime(db, queue, calls, settings)
    headers = {"Authorization": f"Bearer {await create_key(db, 'studio', 'desk', Scope)}"}
    app = create_app(settings, database=db, queue=queue)
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://studio.test", headers=headers
    ) as http:
        imported = await http.post(
            "/v1/schedule/import",
            content=SCHEDULE.strip(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert imported.json()["errors"] == 0, imported.text
        body = {"date_from": "2027-01-04", "date_to": "2027-01-05", "session_ids": "all"}
        answer = await http.post(
            "/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": "once"}
        )
        job_id = answer.json()["id"]
        accepted = await verify(db)
        assert await run_slice(runtime, job_id, seconds=10) is None
    await runtime.aclose()
    assert accepted == []
    return job_id


CARD = refunds.c.booking_id == "card"
IT_IS_TIME = sa.update(tables.checks).values(due_at=now())
FORGET_FREE = sa.delete(refunds).where(refunds.c.booking_id == "free")


async def broken(db, *statements):
    async with db.write() as conn:
        for statement in statements:
            await conn.execute(statement)
    return {(one.code, one.job_id, one.row_id) for one in await verify(db, "studio")}


async def refund_of(db, booking_id):
    async with db.read() as conn:
        return str(
            await conn.scalar(sa.select(refunds.c.id).where(refunds.c.booking_id == booking_id))
        )


async def test_a_run_that_went_well_breaks_none(db, cancelled):
    assert await verify(db) == []
    assert await verify(db, "studio") == []


async def test_a_line_that_was_forgotten_is_found(db, cancelled):
    found = await broken(db, FORGET_FREE)
    assert found == {("totals", cancelled, cancelled), ("line", cancelled, "free")}


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 2001},
        {"currency": "USD"},
        {"payment_id": "p2"},
        {"line_no": 2},
        {
            "method": "credit",
            "upstream": "credit",
            "payment_id": None,
            "amount_minor": None,
            "currency": None,
            "account_id": "a",
            "credits": 9,
        },
    ],
)
async def test_a_refund_that_is_not_its_payment_line_is_found(db, cancelled, changes):
    card = await refund_of(db, "card")
    found = await broken(db, sa.update(refunds).where(CARD).values(**changes))
    assert ("amount", cancelled, card) in found
    # A refund of another line leaves its own without one, and one of another amount is not what was
    # promised.
    also = (
        {"line"}
        if "line_no" in changes
        else set()
        if "payment_id" in changes and len(changes) == 1
        else {"sums"}
    )
    if "line_no" not in changes:
        also = also | {"paid"}  # nothing was claimed of what it names now
    assert {code for code, _, _ in found} == {"amount"} | also


@pytest.mark.parametrize("method", ["payment", "credit"])
async def test_a_refund_of_more_than_was_paid_is_found(db, cancelled, method):
    less = sa.update(ceilings).where(ceilings.c.method == method).values(paid=1, claimed=1)
    found = await broken(db, less)
    [(code, job_id, refund_id)] = found
    assert (code, job_id) == ("paid", cancelled)
    assert refund_id == await refund_of(db, {"payment": "card", "credit": "credit"}[method])


async def test_a_payment_line_changed_after_acceptance_is_found(db, cancelled):
    card = await refund_of(db, "card")
    change = (
        sa.update(payment_lines).where(payment_lines.c.booking_id == "card").values(amount_minor=1)
    )
    assert await broken(db, change) == {("amount", cancelled, card)}


async def test_an_open_refund_of_an_ended_job_is_found(db, cancelled):
    card = await refund_of(db, "card")
    still_open = {
        "status": "indeterminate",
        "due_at": now(),
        "outcome_seq": None,
        "settled_at": None,
    }
    found = await broken(db, sa.update(refunds).where(CARD).values(**still_open))
    assert ("ended-open", cancelled, card) in found
    assert found <= {
        ("ended-open", cancelled, card),
        ("history", cancelled, card),
        ("status", cancelled, cancelled),
    }


async def test_an_ended_job_without_all_its_rows_is_found(db, cancelled):
    assert await broken(db, sa.update(jobs).values(expanded_sessions=1)) == {
        ("ended-unexpanded", cancelled, cancelled)
    }


async def test_an_ended_job_that_says_a_person_is_needed_where_none_is_is_found(db, cancelled):
    assert await broken(db, sa.update(jobs).values(status="completed_with_failures")) == {
        ("status", cancelled, cancelled)
    }


async def test_an_effect_without_an_intent_before_it_is_found(db, cancelled):
    # History refuses deletion, so the effect is given to a row that never had an intent.
    free = refunds.c.booking_id == "free"
    line = {"business_id": "studio", "booking_id": "free", "line_no": 1}
    money = {"payment_id": "p9", "amount_minor": 100, "currency": "CAD"}
    paid = {"method": "payment"} | money
    id_ = await refund_of(db, "free")
    heard = {
        "refund_id": id_,
        "epoch": 1,
        "status": "succeeded",
        "attempts": 1,
        "actor": "worker",
        "recorded_at": now(),
    }
    found = await broken(
        db,
        sa.insert(payment_lines).values(line | paid),
        sa.update(refunds)
        .where(free)
        .values(line_no=1, status="succeeded", failure_code=None, upstream="payment", **paid),
        sa.insert(refund_history).values(heard),
    )
    assert found == {
        ("intent", cancelled, id_),
        ("sums", cancelled, cancelled),
        ("paid", cancelled, id_),
    }


@pytest.mark.parametrize("promised", [{"amounts": {"CAD": 1999}}, {"amounts": {}}, {"credits": 3}])
async def test_refunds_that_do_not_add_up_to_what_was_promised_are_found(db, cancelled, promised):
    async with db.read() as conn:
        totals = await conn.scalar(sa.select(jobs.c.totals))
    assert await broken(db, sa.update(jobs).values(totals=totals | promised)) == {
        ("sums", cancelled, cancelled)
    }


@pytest.mark.parametrize(("epoch", "status"), [(0, "succeeded"), (9, "pending"), (9, "succeeded")])
async def test_a_history_that_turns_back_or_goes_on_after_success_is_found(
    db, cancelled, epoch, status
):
    card = await refund_of(db, "card")
    heard = {
        "refund_id": card,
        "epoch": epoch,
        "status": status,
        "attempts": 1,
        "actor": "x",
        "recorded_at": now(),
    }
    found = await broken(db, sa.insert(refund_history).values(heard))
    assert {one for one in found if one[0] != "history"} == {("monotone", cancelled, card)}


@pytest.mark.parametrize(
    ("epoch", "status", "actor", "turns_back"),
    [
        (9, "processing", "hook:stripe", False),
        (9, "processing", "hook:payments", True),
        (9, "processing", "worker", True),
        (9, "rejected", "hook:stripe", True),
        # The claim that heard of the success would still be in force.
        (1, "processing", "hook:stripe", True),
    ],
)
async def test_a_success_is_looked_up_again_on_stripe_s_word_alone(
    db, cancelled, epoch, status, actor, turns_back
):
    card = await refund_of(db, "card")
    doubted = {
        "refund_id": card,
        "epoch": epoch,
        "status": status,
        "attempts": 1,
        "actor": actor,
        "recorded_at": now(),
    }
    found = await broken(db, sa.insert(refund_history).values(doubted))
    assert (("monotone", cancelled, card) in found) == turns_back


async def test_a_refund_in_another_state_than_its_history_ends_with_is_found(db, cancelled):
    card = await refund_of(db, "card")
    found = await broken(db, sa.update(refunds).where(CARD).values(status="rejected"))
    assert found == {("history", cancelled, card), ("status", cancelled, cancelled)}


async def test_a_job_that_every_sweep_forgot_is_found(db, cancelled):
    found = await broken(db, sa.update(jobs).values(status="running", due_at=later(-3600.0)))
    assert found == {("overdue", cancelled, cancelled)}


@pytest.mark.parametrize("job_id", [None, "another"])
async def test_an_accepted_session_that_the_schedule_does_not_show_as_cancelled_by_it_is_found(
    db, cancelled, job_id
):
    if job_id is None:
        values = {"status": "scheduled", "job_id": None, "cancelled_at": None}
        statements = []
    else:
        other = str(uuid7())
        async with db.read() as conn:
            row = dict((await conn.execute(sa.select(jobs))).mappings().one())
        copied = row | {
            "id": other,
            "idempotency_key": "k2",
            "accepted_sessions": 0,
            "expanded_sessions": 0,
        }
        copied["totals"] = row["totals"] | {"refunds": 0, "nothing_to_return": 0}
        statements, values = [sa.insert(jobs).values(copied)], {"job_id": other}
    found = await broken(
        db, *statements, sa.update(sessions).where(sessions.c.id == "spin").values(**values)
    )
    assert {one for one in found if one[0] != "stranger"} == {("session", cancelled, "spin")}


async def test_a_session_cancelled_by_a_job_that_never_accepted_it_is_found(db, cancelled):
    # The other way round: the schedule says cancelled, and no job will ever settle its bookings.
    async with db.read() as conn:
        row = dict(
            (await conn.execute(sa.select(sessions).where(sessions.c.id == "spin")))
            .mappings()
            .one()
        )
    found = await broken(db, sa.insert(sessions).values(row | {"id": "stray"}))
    assert found == {("stranger", cancelled, "stray")}


async def test_a_booking_of_an_accepted_session_without_its_refund_row_is_found(db, cancelled):
    # The job has as many rows as it promised; but somebody booked all the same, and nobody will
    # settle it.
    async with db.read() as conn:
        row = dict(
            (await conn.execute(sa.select(bookings).where(bookings.c.id == "free")))
            .mappings()
            .one()
        )
    assert await broken(db, sa.insert(bookings).values(row | {"id": "smuggled"})) == {
        ("line", cancelled, "smuggled")
    }


@pytest.mark.parametrize(
    "change",
    [
        {"leg": 2},  # and follows none
        {"followed": True},  # and none follows it
    ],
    ids=str,
)
async def test_a_leg_without_the_one_before_or_after_it_is_found(db, cancelled, change):
    found = await broken(db, sa.update(refunds).where(CARD).values(change))
    missing = {("totals", cancelled, cancelled)} if "leg" in change else set()
    assert found == {("legs", cancelled, await refund_of(db, "card"))} | missing


async def test_what_comes_back_in_another_form_than_was_chosen_is_found(db, cancelled):
    refund = await refund_of(db, "card")
    async with db.read() as conn:
        client_id = await conn.scalar(sa.select(refunds.c.client_id).where(CARD))
    choice = {"job_id": cancelled, "client_id": client_id, "form": "store_credit"}
    found = await broken(
        db,
        sa.insert(tables.choices).values(choice | {"chosen_at": later(0.0)}),
        sa.update(refunds).where(CARD).values(choose_until=later(60.0)),
    )
    assert found == {("choice", cancelled, refund)}


async def test_every_invariant_is_broken_by_some_test_here():
    of_jobs = {"totals", "sums", "ended-open", "ended-unexpanded", "overdue", "status"}
    known = of_jobs | {
        "line",
        "amount",
        "paid",
        "intent",
        "history",
        "monotone",
        "session",
        "stranger",
        "legs",
        "choice",
        "legs-sum",  # by test_late_legs, as it comes about
        "goodwill",  # by test_goodwill, as it comes about
        # By approvals/test_books.
        "unapproved",
        "unapproved-refund",
        "unapproved-session",
        "own-approval",
    }
    assert {one.code for one in invariants(Rows(), overdue_seconds=60)} <= known, (
        "a new invariant needs a test of its own here"
    )


async def test_another_business_s_rows_are_left_out(db, cancelled):
    assert await broken(db, FORGET_FREE) != set()
    async with db.write() as conn:
        await create_business(conn, "other", name="Other", timezone="UTC", currency="CAD")
    assert await verify(db, "other") == []
    assert [one.code for one in await verify(db)] == ["totals", "line"]


async def test_a_worker_checks_the_books_when_it_is_time_and_tells_what_it_found(db, cancelled):
    runtime = Runtime(db, LocalQueue(), {}, Settings(verify_seconds=60))
    assert await check(runtime) == []
    assert await check(runtime) is None, (
        "one worker checks at a time, and not before the next is due"
    )
    await broken(db, FORGET_FREE, IT_IS_TIME)
    assert {one.code for one in await check(runtime)} == {"totals", "line"}
    async with db.read() as conn:
        last = await last_check.last(conn)
    assert (last.violations, last.checked_at is not None) == ({"totals": 1, "line": 1}, True)


async def test_a_check_looks_at_what_has_changed_or_at_all_where_the_last_one_found_something(
    db, cancelled
):
    runtime = Runtime(db, LocalQueue(), {}, Settings(verify_seconds=60))
    long_ago = sa.update(jobs).values(finished_at=later(-3600.0))
    assert await check(runtime) == []
    await broken(db, FORGET_FREE, long_ago, IT_IS_TIME)
    assert await check(runtime) == [], "the job had ended well before the last check"
    unsure = sa.update(tables.checks).values(violations={"line": 1})
    await broken(db, unsure, IT_IS_TIME)
    assert {one.code for one in await check(runtime)} == {"totals", "line"}
