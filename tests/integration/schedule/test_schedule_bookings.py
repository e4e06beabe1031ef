import asyncio
import datetime as dt

import pytest
import sqlalchemy as sa

from app.db import tables
from app.db.access import businesses

CARD = {"method": "payment", "payment_id": "pay1", "amount_minor": 2000, "currency": "CAD"}
CREDIT = {"method": "credit", "account_id": "acc1", "credits": 1}


@pytest.fixture
async def ready(studio, a_client, a_session):
    """Two sessions and a client."""
    await studio.load(a_client(), a_client("c2"), a_session("s1"), a_session("s2"))
    return studio


async def test_a_booking_is_created_replaced_with_its_lines_and_the_same_again_is_no_change(ready):
    created = await ready.put_booking(payments=[CARD, CREDIT])
    assert created.status_code == 201
    assert created.json() == {
        "id": "b1",
        "session_id": "s1",
        "client_id": "c1",
        "status": "booked",
        "payments": [CARD, CREDIT],
        "refunds": [],
    }
    again = await ready.put_booking(payments=[CARD, CREDIT])
    assert (again.status_code, again.json()) == (200, created.json())
    replaced = await ready.put_booking(payments=[CREDIT], status="checked_in", session_id="s2")
    assert replaced.status_code == 200
    assert (await ready.get("/sessions/s2/bookings"))["data"] == [replaced.json()]
    assert replaced.json()["payments"] == [CREDIT]
    assert (await ready.get("/sessions/s1/bookings"))["data"] == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"session_id": "none"}, "/session_id"),
        ({"client_id": "nul\0"}, "/client_id"),
        ({"status": "gone"}, "/status"),
        ({"colour": "red"}, "/colour"),
        ({"id": "b2"}, "/id"),
        ({"payments": [CARD | {"amount_minor": -1}]}, "/payments/0/amount_minor"),
        ({"payments": [CARD | {"amount_minor": 10**12 + 1}]}, "/payments/0/amount_minor"),
        ({"payments": [CARD | {"amount_minor": 20.0}]}, "/payments/0/amount_minor"),
        ({"payments": [CARD | {"amount_minor": "2000"}]}, "/payments/0/amount_minor"),
        ({"payments": [CARD | {"currency": "cad"}]}, "/payments/0/currency"),
        ({"payments": [CREDIT, CREDIT | {"credits": 10**9 + 1}]}, "/payments/1/credits"),
        ({"payments": [CARD | {"credits": 1}]}, "/payments/0/credits"),
        ({"payments": [CARD, CARD]}, "/payments"),
        ({"payments": [CREDIT] * 21}, "/payments"),
    ],
)
async def test_a_booking_that_is_not_right_is_refused_by_field_and_nothing_is_stored(
    ready, changes, pointer
):
    refused = await ready.put_booking(**changes)
    assert refused.status_code == 422, refused.text
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert (await ready.get("/sessions/s1/bookings"))["data"] == []


async def limit_credits(ready, limit, business="studio"):
    async with ready.db.write() as conn:
        await businesses.limit_credits_per_line(conn, business, limit)


def credit(amount):
    return CREDIT | {"credits": amount}


@pytest.mark.parametrize("limit", [None, 2, 5000, 10**9])
async def test_a_line_has_no_more_credits_than_the_business_s_limit_or_else_a_thousand(
    ready, a_booking, limit
):
    async with ready.db.write() as conn:
        await businesses.create(conn, "other", "Other", "UTC", "CAD")
    await limit_credits(ready, 7, "other")
    if limit is not None:
        await limit_credits(ready, limit)
    most = limit or 1000
    over = credit(min(most + 1, 10**9))
    if over["credits"] > most:
        refused = await ready.put_booking(
            payments=[CARD, over, credit(most), over | {"account_id": "acc2"}]
        )
        assert refused.status_code == 422, refused.text
        errors = refused.json()["errors"]
        assert [error["pointer"] for error in errors] == [
            "/payments/1/credits",
            "/payments/3/credits",
        ]
        assert {error["code"] for error in errors} == {"less-than-equal"}
        assert all(f"equal to {most}, the business's limit" in error["detail"] for error in errors)
        report = await ready.load(
            a_booking("b1", payments=[over]), a_booking("b2", payments=[credit(most)])
        )
        assert (report["errors"], report["bookings"]["created"]) == (1, 1)
        [note] = report["first_errors"]
        assert (note["line"], note["pointer"], note["detail"]) == (
            1,
            "/payments/0/credits",
            errors[0]["detail"],
        )
    stored = {one["id"] for one in (await ready.get("/sessions/s1/bookings"))["data"]}
    assert "b1" not in stored
    assert (await ready.put_booking(payments=[credit(most), credit(0)])).status_code == 201


async def test_what_stands_above_a_lowered_limit_stays_and_can_be_cancelled_but_no_more_comes(
    ready, a_booking
):
    await ready.put_booking(payments=[credit(900), CARD])
    await limit_credits(ready, 10)
    same = await ready.put_booking(payments=[credit(900), CARD])
    assert same.status_code == 200
    report = await ready.load(a_booking(payments=[credit(900), CARD]))
    assert (report["errors"], report["bookings"]["unchanged"]) == (0, 1)
    for more in (
        [credit(900), credit(900)],
        [credit(901)],
        [credit(900) | {"account_id": "acc2"}],
        [credit(11), CARD],
    ):
        refused = await ready.put_booking(payments=more)
        assert refused.status_code == 422, more
        assert (await ready.get("/bookings/b1")) == same.json()
    moved = await ready.put_booking(
        payments=[CARD, credit(900)], session_id="s2", status="cancelled"
    )
    assert (moved.status_code, moved.json()["status"]) == (200, "cancelled")
    assert (await ready.put_booking(payments=[credit(10)])).status_code == 200


async def test_a_cancelled_session_takes_no_booking_and_lets_none_go(ready):
    await ready.put_booking("in", payments=[CARD])
    await ready.put_booking("out", session_id="s2")
    await ready.cancel("s1")
    before = await ready.get("/sessions/s1/bookings")
    for id_, changes in (
        ("new", {}),
        ("in", {"payments": [CARD | {"amount_minor": 1}]}),
        ("in", {"payments": [CARD], "status": "waitlisted"}),
        ("in", {"status": "cancelled", "client_id": "c2"}),
        ("in", {"status": "cancelled", "session_id": "s2"}),
        ("new", {"status": "cancelled"}),
        ("in", {"payments": [CARD], "session_id": "s2"}),
        ("out", {"session_id": "s1"}),
    ):
        refused = await ready.put_booking(id_, **changes)
        assert refused.status_code == 409
        problem = refused.json()
        assert problem["type"] == "/problems/session-cancelled"
        assert (problem["session_id"], problem["job_id"]) == (
            "s1",
            "019aab00-0000-7000-8000-0000000000aa",
        )
    for same in (
        {"payments": [CARD]},
        {"status": "cancelled"},
        {"status": "cancelled", "payments": [CARD]},
    ):
        # Sent as it is, or as our own cancellation comes back.
        echoed = await ready.put_booking("in", **same)
        assert (echoed.status_code, echoed.json()["status"]) == (200, "booked")
    assert await ready.get("/sessions/s1/bookings") == before


async def test_a_booking_of_another_business_is_neither_seen_nor_replaced(ready):
    async with ready.db.write() as conn:
        await conn.execute(
            sa.insert(tables.businesses).values(
                id="other", name="O", timezone="UTC", currency="EUR"
            )
        )
        await conn.execute(
            sa.insert(tables.clients).values(business_id="other", id="theirs", name="X")
        )
    assert (await ready.http.get("/v1/clients/theirs/bookings")).status_code == 404
    # This makes a client of ours with the same id.
    assert (await ready.put_booking(client_id="theirs")).status_code == 201
    async with ready.db.read() as conn:
        rows = sa.select(tables.clients.c.business_id, tables.clients.c.name).where(
            tables.clients.c.id == "theirs"
        )
        assert {tuple(row) for row in await conn.execute(rows)} == {
            ("other", "X"),
            ("studio", None),
        }


async def test_a_client_sees_the_latest_session_first_and_what_came_back(ready, a_session):
    await ready.put_session(
        "later",
        starts_at="2026-11-24T12:00:00Z",
        ends_at="2026-11-24T13:00:00Z",
        timezone="Europe/Lisbon",
    )
    await ready.put_booking(
        "b1", payments=[CARD, CREDIT, CARD | {"payment_id": "pay2", "amount_minor": 1}]
    )
    await ready.put_booking("b2", session_id="later")
    await ready.cancel("s1")
    await store_refunds(ready.db)
    first = await ready.get("/clients/c1/bookings", limit=1)
    assert [(one["id"], one["session"]["status"]) for one in first["data"]] == [("b2", "scheduled")]
    second = await ready.get("/clients/c1/bookings", limit=1, cursor=first["next_cursor"])
    assert second["next_cursor"] is None
    (shown,) = second["data"]
    assert shown["session"]["name"] == "Lane Swim"
    assert shown["session"]["cancellation"]["reason"] == "Snow day"
    assert [(r["method"], r["status"]) for r in shown["refunds"]] == [
        ("payment", "succeeded"),
        ("credit", "succeeded"),
        ("payment", "pending"),
    ]
    assert shown["returned"] == {
        "amounts": [{"currency": "CAD", "amount_minor": 2000}],
        "credits": 1,
    }
    assert shown["on_the_way"] == {
        "amounts": [{"currency": "CAD", "amount_minor": 1}],
        "credits": 0,
    }
    (in_session,) = (await ready.get("/sessions/s1/bookings"))["data"]
    assert in_session["refunds"] == shown["refunds"]


async def store_refunds(db):
    at = dt.datetime(2026, 11, 20, 12, 1, tzinfo=dt.UTC)
    card = {"method": "payment", "currency": "CAD"}
    paid = [
        {**card, "payment_id": "pay1", "amount_minor": 2000, "status": "succeeded"},
        {"method": "credit", "account_id": "acc1", "credits": 1, "status": "succeeded"},
        {**card, "payment_id": "pay2", "amount_minor": 1, "status": "pending"},
    ]
    async with db.write() as conn:
        for line_no, line in enumerate(paid, start=1):
            final = line["status"] == "succeeded"
            ours = {
                "id": f"019aab00-0000-7000-8000-00000000000{line_no}",
                "business_id": "studio",
                "job_id": "019aab00-0000-7000-8000-0000000000aa",
                "session_id": "s1",
                "booking_id": "b1",
                "client_id": "c1",
                "line_no": line_no,
                "upstream": line["method"],
                "due_at": None if final else at,
                "outcome_seq": line_no if final else None,
                "settled_at": at if final else None,
            }
            await conn.execute(sa.insert(tables.refunds).values(ours | line))


async def test_a_booking_that_meets_a_cancellation_waits_for_it_and_is_refused(
    postgresql_studio, a_client, a_session
):
    studio = postgresql_studio
    await studio.load(a_client(), a_session())
    async with studio.db.write() as conn:
        await studio.cancel("s1", conn=conn)
        booking = asyncio.create_task(studio.put_booking())
        await waits_for_a_lock(studio.db)
        assert not booking.done()
    assert (await booking).status_code == 409
    assert (await studio.get("/sessions/s1/bookings"))["data"] == []


async def test_a_booking_that_was_moved_meanwhile_into_a_cancelled_session_stays_there(
    postgresql_studio, a_client, a_session, a_booking
):
    studio = postgresql_studio
    await studio.load(a_client(), a_session("s1"), a_session("s2"), a_booking())
    async with studio.db.write() as conn:
        await conn.execute(sa.update(tables.bookings).values(session_id="s2"))
        await studio.cancel("s2", conn=conn)
        booking = asyncio.create_task(studio.put_booking(session_id="s1", status="checked_in"))
        await waits_for_a_lock(studio.db)
    assert (await booking).status_code == 409
    (left,) = (await studio.get("/sessions/s2/bookings"))["data"]
    assert (left["status"], len(left["payments"])) == ("booked", 1)


async def test_a_cancellation_that_meets_an_import_sees_its_bookings(
    postgresql_studio, a_client, a_session, a_booking
):
    studio = postgresql_studio
    await studio.load(a_client(), a_session(), a_booking("b0"))

    async def cancelling():
        async with studio.db.write() as conn:
            await studio.cancel("s1", conn=conn)
            query = sa.select(tables.bookings.c.id).where(tables.bookings.c.session_id == "s1")
            return set((await conn.execute(query)).scalars())

    outcomes, seen = await asyncio.gather(
        asyncio.gather(*(studio.put_booking(f"b{n}") for n in range(1, 9))), cancelling()
    )
    taken = {f"b{n}" for n, answer in enumerate(outcomes, start=1) if answer.status_code == 201}
    assert {answer.status_code for answer in outcomes} <= {201, 409}
    assert seen == taken | {"b0"}


async def test_one_booking_put_many_ways_at_once_ends_as_one_of_them_with_its_own_lines(
    postgresql_studio, a_client, a_session
):
    studio = postgresql_studio
    await studio.load(a_client(), *(a_session(f"s{n}") for n in range(6)))
    wanted = {
        f"s{n}": [
            CARD | {"payment_id": f"pay{n}-{line}", "amount_minor": n + 1} for line in range(n)
        ]
        for n in range(6)
    }
    answers = await asyncio.gather(
        *(studio.put_booking(session_id=id_, payments=payments) for id_, payments in wanted.items())
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    (left,) = (await studio.get("/clients/c1/bookings"))["data"]
    assert left["payments"] == wanted[left["session_id"]]


async def waits_for_a_lock(db):
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while True:
            async with db.read() as conn:
                if await conn.scalar(waiting):
                    return
            await asyncio.sleep(0.01)


def by_its_older_word(line):
    return {("kind" if name == "method" else name): value for name, value in line.items()}


async def test_the_older_word_of_a_payment_line_is_taken_in_its_place_and_never_given(
    ready, a_booking
):
    put = await ready.put_booking(
        "b1", payments=[by_its_older_word(CARD), CREDIT | {"kind": "credit"}]
    )
    assert put.status_code == 201
    assert put.json()["payments"] == [CARD, CREDIT]
    lines = [by_its_older_word(CREDIT), CARD | {"kind": "payment"}]
    imported = await ready.load(
        a_booking("b1", payments=[CARD, CREDIT]), a_booking("b2", payments=lines)
    )
    assert (imported["bookings"]["unchanged"], imported["bookings"]["created"]) == (1, 1)
    shown = await ready.http.get("/v1/sessions/s1/bookings")
    assert [one["payments"] for one in shown.json()["data"]] == [[CARD, CREDIT], [CREDIT, CARD]]
    assert "kind" not in shown.text


@pytest.mark.parametrize(
    ("line", "pointer", "code"),
    [
        (CARD | {"kind": "credit"}, "/payments/0/kind", "extra-forbidden"),
        (by_its_older_word(CARD) | {"kind": "cash"}, "/payments/0/method", "unknown-method"),
        (by_its_older_word(CARD) | {"kind": ["cash"]}, "/payments/0/method", "unknown-method"),
        (CARD | {"method": None}, "/payments/0/method", "unknown-method"),
        ({}, "/payments/0/method", "missing"),
    ],
)
async def test_a_payment_line_of_two_words_or_an_odd_one_is_refused_by_field(
    ready, a_booking, line, pointer, code
):
    refused = await ready.put_booking("b1", payments=[line])
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [(pointer, code)]
    answer = await ready.load(a_booking("b1", payments=[line]))
    assert [(e["pointer"], e["code"]) for e in answer["first_errors"]] == [(pointer, code)]
    assert "cash" not in refused.text
    assert "cash" not in str(answer)
    assert (await ready.get("/sessions/s1/bookings"))["data"] == []
