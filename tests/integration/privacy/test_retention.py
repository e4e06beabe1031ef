"""What is older than its business says is removed, and nothing else, and nothing by default."""

import asyncio

import pytest
import sqlalchemy as sa
from integration.privacy.conftest import send_all
from worlds.records import booking, client, session

from app.db.core.dialect import later
from app.db.tables import jobs
from app.db.tables.messages import messages
from app.db.tables.personal import former_contacts
from app.privacy import retention
from app.privacy.erase import Eraser
from app.refunds.verify import verify

DAY = 86_400


async def put(studio, **days):
    answer = await studio.http.put("/v1/retention", json=days)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def work(studio):
    await retention.run_due(Eraser(studio.db, asyncio.Event()))


async def age(studio, *, days, **where):
    """Have the job of this id, and its messages, be so old."""
    async with studio.db.write() as conn:
        at = later(-days * DAY)
        of_job = jobs.c.id == where["job_id"]
        await conn.execute(sa.update(jobs).where(of_job).values(finished_at=at))
        of_job = messages.c.job_id == where["job_id"]
        await conn.execute(sa.update(messages).where(of_job).values(created_at=at))


def names(audit):
    return {one["client_name"] for one in audit}


async def test_nothing_is_removed_until_a_business_has_set_it(known):
    await age(known.studio, job_id=known.job_id, days=10_000)
    before = await known.studio.everything()
    await work(known.studio)
    assert await known.studio.everything() == before
    stands = await known.studio.get("/retention")
    assert (stands["job_days"], stands["message_days"], stands["set_by"]) == (None, None, None)


async def test_a_job_that_ended_so_long_ago_names_nobody_and_its_books_are_as_before(known):
    studio = known.studio
    kept = ("refund_id", "client_id", "amount", "credits", "status")
    before = [tuple(one[name] for name in kept) for one in await studio.audit(known.job_id)]
    await age(studio, job_id=known.job_id, days=31)
    await put(studio, job_days=30)
    await work(studio)
    audit = await studio.audit(known.job_id)
    assert [tuple(one[name] for name in kept) for one in audit] == before
    assert names(audit) == {""}
    assert {one["client_email"] for one in audit} == {""}
    left = {"clients", "suppressed_addresses", "webhook_events", "webhook_attempts"}
    assert await known.marked() == left  # the client's own, and what goes by itself
    assert (await studio.get("/clients/kim"))["name"] == "Kim Zebulon-Li"
    assert await verify(studio.db, None, overdue_seconds=60) == []
    removed = (await studio.get("/retention"))["removed"]
    assert (removed["jobs"], removed["messages"]) == (1, 2)


async def test_a_younger_job_is_left_and_names_clients_as_before(known):
    studio = known.studio
    await studio.load(session("s9"), booking("b9", "s9", ("CAD", 500)))
    younger = await studio.accepted(["s9"])
    await studio.work(younger["id"])
    await studio.load(client("kim", name="Kim Zebulon-Berg"))
    await age(studio, job_id=known.job_id, days=31)
    await age(studio, job_id=younger["id"], days=29)
    await put(studio, job_days=30)
    await work(studio)
    assert names(await studio.audit(known.job_id)) == {""}
    assert names(await studio.audit(younger["id"])) == {"Kim Zebulon-Li"}
    async with studio.db.read() as conn:
        left = (await conn.execute(sa.select(former_contacts.c.name))).scalars().all()
    assert left == ["Kim Zebulon-Li"]


async def test_messages_go_by_their_own_age_and_one_to_be_sent_stays(known):
    studio = known.studio
    await age(studio, job_id=known.job_id, days=8)
    await put(studio, message_days=7)
    await studio.load(session("s9"), booking("b9", "s9", ("CAD", 500)))
    pending = await studio.accepted(["s9"], messages={"clients": "email"})
    await studio.work(pending["id"])
    await age(studio, job_id=pending["id"], days=8)
    await work(studio)
    assert "messages" not in await known.marked()
    assert "refunds" in await known.marked()
    assert "kim" in await send_all(studio.db)
    (message,) = (await studio.get(f"/bulk-cancellations/{pending['id']}/messages"))["data"]
    assert message["recipient"] == "li.zebulon@example.org"


async def test_a_job_that_waits_for_a_person_keeps_its_names(studio):
    await studio.load(session("s1"), booking("b1", "s1", ("CAD", 500)))
    await studio.faults(refuse_ids={"b1-payment-1": "refund_window_expired"})
    job = await studio.accepted(["s1"])
    await studio.work(job["id"])
    await age(studio, job_id=job["id"], days=31)
    await put(studio, job_days=30)
    await work(studio)
    assert names(await studio.audit(job["id"])) == {"Kim"}
    (refused,) = await studio.refunds(job["id"])
    path = f"/bulk-cancellations/{job['id']}/refunds/{refused['id']}/resolve"
    assert (await studio.post(path, resolution="waived", reference="-", note="No.")).is_success
    await age(studio, job_id=job["id"], days=31)
    await work(studio)
    assert names(await studio.audit(job["id"])) == {""}


async def test_another_business_s_are_left(known, stranger):
    await age(known.studio, job_id=known.job_id, days=31)
    assert (await stranger.http.put("/v1/retention", json={"job_days": 1})).is_success
    await work(known.studio)
    assert "" not in names(await known.studio.audit(known.job_id))
    assert (await known.studio.get("/retention"))["job_days"] is None


async def test_a_worker_that_stops_leaves_the_rest_to_the_next(known):
    studio = known.studio
    await age(studio, job_id=known.job_id, days=31)
    await put(studio, job_days=30)
    stopping = asyncio.Event()
    stopping.set()
    before = await studio.everything()
    await retention.run_due(Eraser(studio.db, stopping))
    assert await studio.everything() == before
    await asyncio.gather(work(studio), work(studio))
    assert names(await studio.audit(known.job_id)) == {""}
    assert (await studio.get("/retention"))["removed"]["jobs"] == 1


async def test_versions_are_kept_and_the_same_again_makes_none(studio):
    await put(studio, job_days=30)
    await put(studio, job_days=30)
    await put(studio, message_days=7)
    versions = (await studio.get("/retention/history"))["data"]
    assert [(one["version"], one["job_days"], one["message_days"]) for one in versions] == [
        (2, None, 7),
        (1, 30, None),
    ]
    deeds = (await studio.get("/administration"))["data"]
    assert [one["action"] for one in deeds].count("retention.set") == 2


@pytest.mark.parametrize("days", [0, -1, 36_501, 1.5, "30", True])
async def test_what_is_no_number_of_days_is_refused_and_changes_nothing(studio, days):
    answer = await studio.http.put("/v1/retention", json={"job_days": days})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/job_days"]
    assert (await studio.get("/retention"))["set_at"] is None
