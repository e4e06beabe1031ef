"""A client whom nobody needs any more is forgotten by age; one who is needed never is."""

import asyncio
import datetime as dt
import itertools

import pytest
import sqlalchemy as sa
from worlds.records import TODAY, booking, client, session
from worlds.sample_keys import SECRETS_KEY

from app.db.core.dialect import later
from app.db.privacy import old_clients
from app.db.tables import clients, jobs
from app.db.tables.messages import suppressed_addresses
from app.db.tables.personal import former_contacts, hashed_addresses, retention_walks
from app.encryption import SecretBox
from app.privacy import retention
from app.privacy.erase import Eraser
from app.refunds.verify import verify

DAY = 86_400
BOX = SecretBox([SECRETS_KEY])
LONG_AGO = -100 * 24  # hours
OF_OLD = {"date_from": str(TODAY - dt.timedelta(days=110)), "date_to": str(TODAY)}


async def put(studio, **days):
    assert (await studio.http.put("/v1/retention", json=days)).is_success


async def work(studio, *, stopping=None, box=None):
    stopping, looks = stopping or asyncio.Event(), itertools.count()

    def at_work():
        assert next(looks) < 1_000, "the walk has no end"
        return False

    await retention.run_due(Eraser(studio.db, stopping, at_work, secret_box=lambda: box))


async def age(studio, *ids, days):
    async with studio.db.write() as conn:
        of_ids = clients.c.id.in_(ids)
        await conn.execute(sa.update(clients).where(of_ids).values(seen_at=later(-days * DAY)))


async def another_day(studio):
    async with studio.db.write() as conn:
        await conn.execute(sa.update(retention_walks).values(ended_at=later(-2 * DAY)))


async def known(studio):
    """The clients of whom something is known, by id."""
    async with studio.db.read() as conn:
        rows = await conn.execute(sa.select(clients.c.id, clients.c.name, clients.c.email))
        return {id_ for id_, *facts in rows if any(facts)}


async def removed(studio):
    return (await studio.get("/retention"))["removed"]["clients"]


async def test_who_was_imported_long_ago_and_never_booked_is_forgotten(studio):
    await studio.load(client("kim", language="fr-CA"), client("lee"), client("may"))
    await age(studio, "kim", "may", days=31)
    await age(studio, "lee", days=29)
    await work(studio)
    assert await known(studio) == {"kim", "lee", "may"}  # until a business sets it
    await put(studio, client_days=30)
    await work(studio)
    assert await known(studio) == {"lee"}
    shown = await studio.get("/clients/kim")
    assert (shown["id"], shown["name"], shown["email"], shown["language"]) == (
        *("kim", None, None),
        None,
    )
    assert await removed(studio) == 2
    assert (await studio.get("/retention"))["client_days"] == 30


async def test_whom_an_import_names_again_was_seen_and_once_forgotten_is_known_again(studio):
    await studio.load(session("s1"), client("kim"), client("lee"), client("may"))
    await age(studio, "kim", "lee", "may", days=31)
    await studio.load(client("kim"), booking("b1", "s1", client_id="lee"))
    assert (await studio.http.delete("/v1/bookings/b1")).is_success
    await put(studio, client_days=30)
    await work(studio)
    assert await known(studio) == {"kim", "lee"}
    await studio.load(client("may"))
    assert await known(studio) == {"kim", "lee", "may"}


async def test_the_same_file_within_a_day_writes_nothing(studio):
    await studio.load(client("kim"))
    before = await studio.everything()
    await studio.load(client("kim"))
    assert await studio.everything() == before


async def test_who_has_a_booking_is_kept_until_its_session_is_as_old(studio):
    await studio.load(
        session("old", starts_in_hours=LONG_AGO),
        session("next"),
        *(client(id_) for id_ in ("kim", "lee")),
        booking("b1", "old", client_id="kim"),
        booking("b2", "next", client_id="lee", status="cancelled"),
    )
    await age(studio, "kim", "lee", days=200)
    await put(studio, client_days=120)
    await work(studio)
    assert await known(studio) == {"kim", "lee"}
    await put(studio, client_days=90)
    await work(studio)
    assert await known(studio) == {"lee"}


async def test_who_is_in_a_bulk_cancellation_that_has_not_ended_is_kept(studio):
    await studio.load(
        session("old", starts_in_hours=LONG_AGO),
        client("kim"),
        booking("b1", "old", ("CAD", 500)),
    )
    job = await studio.accepted(["old"], **OF_OLD)
    await age(studio, "kim", days=200)
    await put(studio, client_days=30)
    await work(studio)
    assert await known(studio) == {"kim"}  # whose refund is not written yet
    await studio.work(job["id"])
    await another_day(studio)
    await work(studio)
    assert await known(studio) == {"kim"}  # whom an audit names
    await age_job(studio, job["id"])
    await put(studio, client_days=30, job_days=20)
    await work(studio)
    assert await known(studio) == set()
    assert await verify(studio.db, None, overdue_seconds=60) == []


async def age_job(studio, job_id):
    async with studio.db.write() as conn:
        of_job = sa.update(jobs).where(jobs.c.id == job_id)
        await conn.execute(of_job.values(finished_at=later(-31 * DAY)))


async def test_whose_refund_waits_for_a_person_is_kept_though_the_booking_is_gone(studio):
    await studio.load(
        session("old", starts_in_hours=LONG_AGO), client("kim"), booking("b1", "old", ("CAD", 5))
    )
    await studio.faults(refuse_ids={"b1-payment-1": "refund_window_expired"})
    job = await studio.accepted(["old"], **OF_OLD)
    await studio.work(job["id"])
    await age_job(studio, job["id"])
    assert (await studio.http.delete("/v1/bookings/b1")).is_success
    await age(studio, "kim", days=200)
    await put(studio, client_days=30, job_days=20)
    await work(studio)
    assert await known(studio) == {"kim"}


async def test_what_they_were_called_goes_too_and_an_address_that_took_nothing_is_hashed(studio):
    await studio.load(session("s1"), booking("b1", "s1", client_id="lee"), client("kim"))
    await studio.accepted(["s1"])  # a business with a job keeps former names
    await studio.load(client("kim", email="new@example.org"))
    row = {"business_id": "studio", "because": "unreachable", "since": later(0)}
    async with studio.db.write() as conn:
        for address in ("kim@example.org", "other@example.org"):
            await conn.execute(sa.insert(suppressed_addresses).values(address=address, **row))
    await age(studio, "kim", days=31)
    await put(studio, client_days=30)
    await work(studio, box=BOX)
    async with studio.db.read() as conn:
        assert (await conn.execute(sa.select(former_contacts.c.name))).all() == []
        assert len((await conn.execute(sa.select(hashed_addresses.c.hash))).all()) == 1
        left = (await conn.execute(sa.select(suppressed_addresses.c.address))).scalars().all()
    assert left == ["other@example.org"]


async def test_of_many_a_page_at_a_time_is_forgotten_each_once_by_workers_at_once(
    studio, monkeypatch
):
    monkeypatch.setattr(old_clients, "_AT_ONCE", 3)
    names = ["kim", *(f"c{number}" for number in range(9))]
    await studio.load(*map(client, names))
    await age(studio, *names, days=31)
    await put(studio, client_days=30)
    stopping = asyncio.Event()
    stopping.set()
    await work(studio, stopping=stopping)
    assert await known(studio) == set(names)
    await asyncio.gather(*(work(studio) for _ in range(3)))
    assert await known(studio) == set()
    assert await removed(studio) == 10


async def test_a_walk_that_was_stopped_goes_on_where_it_was(studio, monkeypatch):
    monkeypatch.setattr(old_clients, "_AT_ONCE", 2)
    await studio.load(*map(client, "abcde"))
    await age(studio, *"abcde", days=31)
    await put(studio, client_days=30)
    stopping = asyncio.Event()
    pages = []

    def yields():
        pages.append(1)
        if len(pages) == 2:
            stopping.set()  # after one page
        return False

    await retention.run_due(Eraser(studio.db, stopping, yields))
    assert await known(studio) == {"kim", *"cde"}
    await age(studio, "a", days=31)
    await studio.load(client("a"))
    await age(studio, "a", days=31)
    await work(studio)
    assert await known(studio) == {"kim", "a"}  # behind the walk: of the next one
    await work(studio)
    assert await known(studio) == {"kim", "a"}  # which comes a day later
    await another_day(studio)
    await work(studio)
    assert await known(studio) == {"kim"}


async def test_of_whom_it_is_not_known_when_they_were_named_it_is_from_now_on(studio):
    await studio.load(client("kim"))
    async with studio.db.write() as conn:
        await conn.execute(sa.update(clients).values(seen_at=None))
    await put(studio, client_days=1)
    await work(studio)
    assert await known(studio) == {"kim"}
    await age(studio, "kim", days=2)
    await another_day(studio)
    await work(studio)
    assert await known(studio) == set()


async def test_another_business_s_clients_are_left(studio, stranger):
    await studio.load(client("kim"))
    await age(studio, "kim", days=31)
    assert (await stranger.http.put("/v1/retention", json={"client_days": 1})).is_success
    await work(studio)
    assert await known(studio) == {"kim"}


@pytest.mark.parametrize("days", [0, -1, 36_501, 1.5, "30", True])
async def test_what_is_no_number_of_days_is_refused_by_its_name(studio, days):
    answer = await studio.http.put("/v1/retention", json={"client_days": days})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/client_days"]
