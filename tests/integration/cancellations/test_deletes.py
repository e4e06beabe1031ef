"""What leaves the schedule: nothing in process, and never the history of what was settled."""

import asyncio

import pytest
import sqlalchemy as sa

from app.db import tables
from app.refunds.verify import verify


async def deleted(studio, path):
    """The status of a DELETE, and the type of its problem if it is one."""
    answer = await studio.http.delete(f"/v1{path}")
    return (answer.status_code, answer.json()["type"] if answer.content else None)


GONE = (204, None)
UNSAID = {"language": None, "wants_no_mail": False, "mail_stopped_at": None}
NOT_FOUND = (404, "/problems/not-found")
IN_PROCESS = (409, "/problems/session-in-process")


@pytest.fixture
async def yoga(studio):
    """A class with a paid, a split and a free booking of three people; the books are empty."""
    await studio.load(
        *(studio.record("client", id_) for id_ in ("kim", "ana", "bo")),
        studio.record("session", "yoga"),
        studio.record("booking", "b1", "yoga", ("CAD", 2000)),
        studio.record("booking", "b2", "yoga", ("CAD", 500), ("credits", 1), client_id="ana"),
        studio.record("booking", "b3", "yoga", client_id="bo"),
    )
    return studio


async def test_what_is_deleted_is_gone_and_its_id_may_be_given_anew(yoga):
    assert await deleted(yoga, "/bookings/b1") == GONE
    assert await deleted(yoga, "/bookings/b1") == NOT_FOUND
    assert (await yoga.http.get("/v1/bookings/b1")).status_code == 404
    assert [one["id"] for one in (await yoga.get("/sessions/yoga/bookings"))["data"]] == [
        "b2",
        "b3",
    ]
    assert (await yoga.plan()).json()["totals"]["refunds"] == 2
    assert await deleted(yoga, "/sessions/yoga") == GONE  # with its bookings
    assert await deleted(yoga, "/sessions/yoga") == NOT_FOUND
    for path in ("/sessions/yoga", "/sessions/yoga/bookings", "/bookings/b2"):
        assert (await yoga.http.get(f"/v1{path}")).status_code == 404
    assert await yoga.rows(tables.payment_lines) == []
    assert (await yoga.get("/clients/ana/bookings"))["data"] == []
    await yoga.session("yoga")
    await yoga.booking("b1", "yoga", ("CAD", 100), client_id="bo")
    shown = await yoga.get("/bookings/b1")
    assert (shown["client_id"], shown["payments"][0]["amount_minor"], shown["refunds"]) == (
        "bo",
        100,
        [],
    )


async def test_a_client_is_created_read_replaced_and_deleted(yoga, caller_with):
    put = await yoga.http.put(
        "/v1/clients/zoe", json={"name": " Zoe\u0308 ", "email": "zoe@example.org"}
    )
    assert (put.status_code, put.json()) == (
        201,
        {"id": "zoe", "name": "Zoë", "email": "zoe@example.org"} | UNSAID,
    )
    again = await yoga.http.put(
        "/v1/clients/zoe", json={"name": "Zoë", "email": "zoe@example.org", "id": "zoe"}
    )
    assert (again.status_code, again.json()) == (200, put.json())
    assert await yoga.get("/clients/zoe") == put.json()
    bare = await yoga.http.put("/v1/clients/zoe", json={})
    assert bare.json() == {"id": "zoe", "name": None, "email": None} | UNSAID
    refused = await yoga.http.put("/v1/clients/zoe", json={"id": "other"})
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/id"]
    assert await deleted(yoga, "/clients/kim") == (409, "/problems/client-has-bookings")
    assert await deleted(yoga, "/clients/zoe") == GONE
    assert await deleted(yoga, "/clients/zoe") == NOT_FOUND
    assert (await yoga.http.get("/v1/clients/zoe")).status_code == 404
    assert (await yoga.http.get("/v1/clients/zoe/bookings")).status_code == 404
    anew = await yoga.http.put("/v1/clients/zoe", json={"name": "Zoe"})
    assert (anew.status_code, anew.json()["email"]) == (201, None)


@pytest.mark.parametrize("hold_seconds", [0, 3600])
async def test_what_a_job_has_in_process_is_not_deleted(yoga, hold_seconds):
    job = await yoga.accepted(hold_seconds=hold_seconds)
    before = await yoga.everything()
    for path in ("/sessions/yoga", "/bookings/b1", "/bookings/b3"):
        assert await deleted(yoga, path) == IN_PROCESS
    assert await deleted(yoga, "/clients/kim") == (409, "/problems/client-has-bookings")
    assert await yoga.everything() == before
    problem = (await yoga.http.delete("/v1/sessions/yoga")).json()
    assert (problem["session_id"], problem["job_id"]) == ("yoga", job["id"])
    if hold_seconds:
        await yoga.post(f"/bulk-cancellations/{job['id']}/withdraw")
        assert await deleted(yoga, "/bookings/b1") == GONE
        await yoga.booking("b1", "yoga", ("CAD", 2000))  # no money moved: nothing was settled


async def test_what_was_settled_outlives_its_session_bookings_and_clients(yoga):
    job = (await yoga.accepted())["id"]
    await yoga.work(job)
    audit, refunds, books = await yoga.audit(job), await yoga.refunds(job), await yoga.books()
    detail, sessions = await yoga.job(job), await yoga.get(f"/bulk-cancellations/{job}/sessions")
    assert len(audit) == 4
    assert await deleted(yoga, "/bookings/b1") == GONE
    assert await deleted(yoga, "/sessions/yoga") == GONE
    for client_id in ("kim", "ana", "bo"):
        assert await deleted(yoga, f"/clients/{client_id}") == GONE
    assert await yoga.audit(job) == audit  # names and addresses too
    assert await yoga.refunds(job) == refunds
    assert await yoga.job(job) == detail
    assert await yoga.get(f"/bulk-cancellations/{job}/sessions") == sessions
    assert await verify(yoga.db) == []
    # The class is given anew under its old id, and its settled bookings are not: nobody is paid
    # twice.
    await yoga.load(
        yoga.record("session", "yoga"),
        yoga.record("booking", "b1", "yoga", ("CAD", 2000)),
        yoga.record("booking", "b9", "yoga", ("CAD", 700), client_id="ana"),
    )
    refused = await yoga.http.put(
        "/v1/bookings/b2", json={"session_id": "yoga", "client_id": "ana", "status": "booked"}
    )
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/booking-settled")
    assert refused.json()["job_id"] == job
    assert [one["id"] for one in (await yoga.get("/sessions/yoga/bookings"))["data"]] == ["b9"]
    assert await yoga.audit(job) == audit  # who comes back as a bare client is named as before
    assert (await yoga.get("/clients/ana"))["name"] == "Ana"
    assert (await yoga.http.get("/v1/clients/bo")).status_code == 404
    second = (await yoga.accepted())["id"]
    await yoga.work(second)
    assert [
        (line["booking_id"], line["amount"], line["status"]) for line in await yoga.audit(second)
    ] == [("b9", "7.00", "succeeded")]
    after = await yoga.books()
    assert after["sums"] == books["sums"] | {"CAD": books["sums"]["CAD"] + 700}
    assert after["twice"] == {}
    assert await yoga.audit(job) == audit
    assert await verify(yoga.db) == []


async def test_a_booking_of_a_cancelled_past_session_is_deleted_and_its_job_still_tries_again(
    yoga,
):
    await yoga.faults(refuse_ids={"b1-payment-1": "card_closed"})
    job = (await yoga.accepted())["id"]
    await yoga.work(job)
    assert (await yoga.job(job))["status"] == "completed_with_failures"
    assert await deleted(yoga, "/bookings/b1") == GONE
    await yoga.faults()
    assert (await yoga.post(f"/bulk-cancellations/{job}/retry")).status_code == 202
    await yoga.work(job)
    assert (await yoga.job(job))["status"] == "completed"
    assert [line["status"] for line in (await yoga.audit(job)).by_booking()["b1"]] == ["succeeded"]
    assert await verify(yoga.db) == []


async def test_a_booking_made_while_its_client_is_deleted_has_a_client(yoga):
    await yoga.session("chess")
    await yoga.load(yoga.record("client", "zoe"))

    async def book(n):
        body = {"session_id": "chess", "client_id": "zoe", "status": "booked"}
        return (await yoga.http.put(f"/v1/bookings/z{n}", json=body)).status_code

    results = await asyncio.gather(
        *(book(n) for n in range(4)), deleted(yoga, "/clients/zoe"), *map(book, range(4, 8))
    )
    assert [status for status in results if isinstance(status, int)] == [201] * 8
    assert (await yoga.http.get("/v1/clients/zoe/bookings")).status_code == 200
    async with yoga.db.read() as conn:
        query = sa.select(tables.clients.c.deleted_at, tables.clients.c.name).where(
            tables.clients.c.id == "zoe"
        )
        assert (await conn.execute(query)).one() == (None, "Zoe")
