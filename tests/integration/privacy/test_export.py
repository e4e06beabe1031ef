"""All that is held of a client is one document, and holds no secret and nobody else."""

import json

import pytest
import sqlalchemy as sa
from integration.privacy.conftest import MARK
from worlds.records import booking, session

from app.api.privacy.export_bodies import PersonalData
from app.db.tables import bookings, payment_lines, refunds

PATH = "/v1/clients/kim/personal-data"


async def exported(studio, client_id="kim"):
    answer = await studio.http.get(f"/v1/clients/{client_id}/personal-data")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    return PersonalData.model_validate_json(answer.content)


async def test_it_holds_what_every_table_does_of_its_client_and_of_no_other(known):
    held = await exported(known.studio)
    assert (held.client.name, held.client.email) == ("Kim Zebulon-Li", "li.zebulon@example.org")
    assert [one.name for one in held.former_contacts] == ["Kim Zebulon"]
    assert [one.address for one in held.suppressed_addresses] == ["zebulon@example.org"]
    assert {one.id for one in held.bookings} == {"paid", "closed", "left", "credits", "later"}
    assert {one.id: len(one.payments) for one in held.bookings}["paid"] == 1
    refunds_ = await known.studio.refunds(known.job_id, client_id="kim")
    assert {one.id: (one.status, one.amount_minor) for one in held.refunds} == {
        one["id"]: (one["status"], one["amount_minor"]) for one in refunds_
    }
    (closed,) = [one for one in held.refunds if one.booking_id == "closed"]
    assert [one.status for one in closed.history][-2:] == ["rejected", "resolved"]
    assert "Zebulon" in (closed.failure_detail or "")
    assert [one.note for one in held.overrides] == ["As Zebulon asked."]
    (message,) = held.messages
    assert (message.recipient, message.status) == ("Zebulon@example.org", "bounced")
    assert {one.page for one in held.links} == {"choose", "yours", "unsubscribe"}
    assert held.events
    assert all("Kim Zebulon" in one.payload for one in held.events)
    text = held.model_dump_json()
    assert "lee" not in text.lower()
    assert "token" not in text


async def test_it_tells_of_every_table_that_names_the_client(known):
    """What a new table says of a client is exported, too."""
    text = (await exported(known.studio)).model_dump_json().lower()
    assert await known.marked() == {
        "clients",
        "former_contacts",
        "suppressed_addresses",
        "messages",
        "refunds",
        "refund_history",
        "job_overrides",
        "webhook_events",
        "webhook_attempts",  # as the endpoint said back what it was told
    }
    assert text.count(MARK) >= 9


async def test_it_changes_nothing_and_is_of_a_deleted_client_too(known):
    studio = known.studio
    before = await studio.everything()
    await exported(studio)
    assert await studio.everything() == before
    await studio.load(session("s9"), booking("b9", "s9", client_id="zoe"))
    assert (await studio.http.delete("/v1/bookings/b9")).status_code == 204
    assert (await studio.http.delete("/v1/clients/zoe")).status_code == 204
    assert (await exported(studio, "zoe")).client.deleted_at is not None


async def test_nobody_who_is_unknown_and_nobody_of_another_business(known, stranger):
    for desk, client_id in ((known.studio, "nobody"), (stranger, "kim")):
        answer = await desk.http.get(f"/v1/clients/{client_id}/personal-data")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize("count", [0, 1, 500, 1201])
async def test_of_however_many_bookings_each_is_there_once(studio, count):
    await studio.load(session("s1"))
    of_business = {"business_id": "studio", "client_id": "kim", "session_id": "s1"}
    ids = [f"b{number:05}" for number in range(count)]
    if count:
        async with studio.db.write() as conn:
            rows = [{**of_business, "id": id_, "status": "booked"} for id_ in ids]
            await conn.execute(sa.insert(bookings), rows)
            lines = [
                {
                    "business_id": "studio",
                    "booking_id": id_,
                    "line_no": 1,
                    "method": "credit",
                    "account_id": "a",
                    "credits": 1,
                }
                for id_ in ids
            ]
            await conn.execute(sa.insert(payment_lines), lines)
        job = await studio.accepted(["s1"])
        await studio.work(job["id"])
    answer = await studio.http.get(PATH)
    held = json.loads(answer.content)
    assert [one["id"] for one in held["bookings"]] == ids
    assert sorted(one["booking_id"] for one in held["refunds"]) == ids
    async with studio.db.read() as conn:
        all_of_them = await conn.scalar(sa.select(sa.func.count()).select_from(refunds))
    assert len({one["id"] for one in held["refunds"]}) == all_of_them == count
