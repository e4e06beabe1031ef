"""After an erasure no row says who a client was, and the books add up as before."""

import asyncio
import json

import pytest
import sqlalchemy as sa
from integration.privacy.conftest import send_all
from worlds.records import booking, client, session
from worlds.sample_keys import SECRETS_KEY

from app.cancellation.choices import links
from app.db.tables import businesses, clients, refunds
from app.db.tables.administration import administration
from app.db.tables.personal import client_erasures
from app.domain.nouns.administration import COMMAND
from app.encryption import SecretBox, SecretPlace
from app.errors import Problem
from app.messages import deliver, unsubscribe
from app.messages.sending import MessageContext, _claim, _record, _send
from app.messages.unsubscribe import WhoseMail
from app.privacy import erase
from app.privacy.erase import Eraser, run_due
from app.refunds.verify import verify

PATH = "/v1/clients/kim/erase"
UNREADABLE = "/problems/hashed-addresses-unreadable"


async def erased(studio):
    """Erase Kim, and have a worker bring it to its end; how it stands then."""
    answer = await studio.http.post(PATH)
    assert answer.status_code == 202, answer.text
    await work(studio)
    return await studio.get("/clients/kim/erasure")


async def work(studio):
    while await run_due(Eraser(studio.db, asyncio.Event())) is not None:
        pass


async def test_no_row_of_any_table_says_who_the_client_was(known):
    assert await known.marked()
    done = await erased(known.studio)
    assert await known.marked() == set()
    assert done["status"] == "done"
    assert done["erased"] == {
        "former_contacts": 1,
        "suppressed_addresses": 1,
        "texts": done["erased"]["texts"],
        "messages": 1,
        "events": 2,
    }
    assert done["erased"]["texts"] >= 3


async def test_the_record_goes_with_the_answer_and_a_worker_that_died_is_gone_on_after(known):
    studio = known.studio
    begun = (await studio.http.post(PATH)).json()
    assert (begun["status"], begun["finished_at"]) == ("under_way", None)
    assert not {"clients", "former_contacts", "suppressed_addresses"} & await known.marked()
    assert {one["client_name"] for one in await studio.audit(known.job_id)} == {"", "Lee"}
    stopping = asyncio.Event()
    stopping.set()
    assert await run_due(Eraser(studio.db, stopping)) is None
    assert (await studio.get("/clients/kim/erasure"))["status"] == "under_way"
    await work(studio)
    assert await known.marked() == set()


async def test_amounts_ids_and_states_stay_and_the_books_are_in_order(known):
    studio = known.studio
    kept = ("refund_id", "booking_id", "client_id", "amount", "credits", "status", "method")

    async def lines():
        audit = await studio.audit(known.job_id)
        return [tuple(line[name] for name in kept) for line in audit]

    before, sums = await lines(), (await studio.job(known.job_id))["refunds"]
    await erased(studio)
    assert await lines() == before
    assert (await studio.job(known.job_id))["refunds"] == sums
    assert await verify(studio.db, None, overdue_seconds=60) == []
    assert {one["client_name"] for one in await studio.audit(known.job_id)} == {"", "Lee"}


async def test_asked_again_nothing_is_done_twice(known):
    studio = known.studio
    first = (await studio.http.post(PATH)).json()
    assert (await studio.http.post(PATH)).json() == first
    async with studio.db.read() as conn:
        deeds = sa.select(sa.func.count()).where(administration.c.action == "client.erased")
        assert await conn.scalar(deeds) == 1
    await work(studio)
    done = await studio.get("/clients/kim/erasure")
    again = await erased(studio)
    assert again["erased"] == done["erased"]


async def test_it_is_in_the_log_of_administration_with_the_client_s_id_alone(known):
    await erased(known.studio)
    (deed,) = [
        one
        for one in (await known.studio.get("/administration"))["data"]
        if one["action"] == "client.erased"
    ]
    assert (deed["subject"], deed["before"], deed["after"]) == ("kim", None, None)
    assert deed["actor"]["name"] == "key:front desk"


async def test_no_process_logs_who_it_was(known, capfd):
    capfd.readouterr()
    await erased(known.studio)
    written = "".join(capfd.readouterr()).lower()
    assert "client.erased" in written
    assert "zebulon" not in written


async def test_an_address_that_took_nothing_goes_on_taking_nothing(known):
    studio = known.studio
    await erased(studio)
    assert (await studio.get("/suppressed-addresses"))["data"] == []
    await studio.load(
        client("ann", email="zebulon@Example.org"), booking("b9", "next", client_id="ann")
    )
    sender = await sending(studio)
    job = await studio.accepted(["next"], messages={"clients": "email"})
    await studio.work(job["id"])
    await sender()
    messages = await studio.get(f"/bulk-cancellations/{job['id']}/messages")
    stands = {one["client_id"]: (one["status"], one["because"]) for one in messages["data"]}
    assert stands["ann"] == ("suppressed", "unreachable")
    assert stands["kim"] == ("suppressed", "no_address")
    assert (await studio.http.delete("/v1/suppressed-addresses/zebulon@example.org")).is_success
    assert (
        await studio.http.delete("/v1/suppressed-addresses/zebulon@example.org")
    ).status_code == 404


async def sending(studio):
    """What claims messages as a process that sends does, and records what is not sent."""
    office = deliver.office_of(studio.runtime.settings)
    context = MessageContext(studio.db, None, office, 5.0, lambda: 0.0, asyncio.Semaphore(1))

    async def send():
        claimed = await _claim(context, "studio", 50)
        rows = [(await _send(context, "studio", one)).row for one in claimed]
        await _record(studio.db, "studio", rows)

    return send


async def test_where_no_key_opens_what_addresses_are_hashed_with_nobody_is_written_to(known):
    studio = known.studio
    await erased(studio)
    sealed = SecretBox([SECRETS_KEY]).encrypt(
        "00" * 32, SecretPlace("businesses", "address_key_sealed", "studio")
    )
    async with studio.db.write() as conn:
        await conn.execute(sa.update(businesses).values(address_key_sealed=sealed))
    answer = await studio.http.delete("/v1/suppressed-addresses/zebulon@example.org")
    assert (answer.status_code, answer.json()["type"]) == (409, UNREADABLE)
    await studio.load(
        client("ann", email="zebulon@example.org"), booking("b9", "next", client_id="ann")
    )
    sender = await sending(studio)
    job = await studio.accepted(["next"], messages={"clients": "email"})
    await studio.work(job["id"])
    with pytest.raises(Problem, match="hashed-addresses-unreadable"):
        await sender()
    messages = await studio.get(f"/bulk-cancellations/{job['id']}/messages")
    assert {one["status"] for one in messages["data"]} == {"pending"}


async def test_an_address_that_is_another_client_s_too_stays_readable(known):
    await known.studio.load(client("ann", email="zebulon@example.org"))
    await erased(known.studio)
    (left,) = (await known.studio.get("/suppressed-addresses"))["data"]
    assert left["address"] == "zebulon@example.org"


async def test_no_import_and_no_put_brings_the_client_back_and_bookings_are_taken(known):
    studio = known.studio
    await erased(studio)
    lines = [client("kim", name="Kim Zebulon"), booking("b9", "next", ("CAD", 500))]
    for _ in range(2):
        report = await imported(studio, *lines)
    assert report["clients"] | {"frozen": 1} == report["clients"]
    assert report["errors"] == 0
    assert [one["code"] for one in report["first_frozen"]] == ["client-erased"]
    put = await studio.http.put("/v1/clients/kim", json={"name": "Kim Zebulon"})
    assert (put.status_code, put.json()["type"]) == (409, "/problems/client-erased")
    bare = await studio.http.put("/v1/clients/kim", json={})
    assert bare.status_code == 200, bare.text
    assert await known.marked() == set()
    assert (await studio.get("/bookings/b9"))["client_id"] == "kim"
    assert (await studio.get("/clients/kim"))["name"] is None


async def imported(studio, *records):
    lines = "\n".join(map(json.dumps, records))
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await studio.http.post("/v1/schedule/import", content=lines, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_deleted_client_is_erased_too_and_not_brought_back(studio):
    await studio.load(client("zoe", name="Zebulon"))
    assert (await studio.http.delete("/v1/clients/zoe")).status_code == 204
    assert (await studio.http.post("/v1/clients/zoe/erase")).status_code == 202
    await imported(studio, client("zoe", name="Zebulon"))
    await studio.load(session("s1"), booking("b1", "s1", client_id="zoe"))
    assert (await studio.get("/clients/zoe"))["name"] is None


async def test_under_imports_of_the_same_client_the_erasure_wins(known):
    """Whichever comes first: what is written before is erased, what comes after is refused."""
    studio = known.studio

    async def imports():
        for number in range(12):
            await imported(studio, client("kim", name=f"Kim Zebulon {number}"))

    loading = [asyncio.create_task(imports()) for _ in range(3)]
    await asyncio.sleep(0)
    answer = await studio.http.post(PATH)
    assert answer.status_code == 202, answer.text
    await asyncio.gather(*loading)
    await work(studio)
    assert await known.marked() == set()


IN_THE_WAY = {
    "a refund under way": "refunds",
    "one that waits for a person": "for_a_person",
    "a message to be sent": "messages",
}


@pytest.mark.parametrize("what", IN_THE_WAY)
async def test_what_could_not_be_ended_without_them_is_ended_first(studio, what):
    await studio.load(session("s1"), booking("b1", "s1", ("CAD", 500)))
    told = {"messages": {"clients": "email"}} if what == "a message to be sent" else {}
    if what == "one that waits for a person":
        await studio.faults(refuse_ids={"b1-payment-1": "refund_window_expired"})
    job = await studio.accepted(["s1"], **told)
    if what != "a refund under way":
        await studio.work(job["id"])
    before = await studio.everything()
    answer = await studio.http.post(PATH)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/client-in-process")
    counts = {name: answer.json()[name] for name in ("refunds", "for_a_person", "messages")}
    assert counts == dict.fromkeys(counts, 0) | {IN_THE_WAY[what]: 1}
    assert await studio.everything() == before
    match what:
        case "a refund under way":
            await studio.work(job["id"])
        case "one that waits for a person":
            (refused,) = await studio.refunds(job["id"])
            path = f"/bulk-cancellations/{job['id']}/refunds/{refused['id']}/resolve"
            assert (
                await studio.post(path, resolution="waived", reference="-", note="Given up.")
            ).is_success
        case _:
            await send_all(studio.db)
    assert (await erased(studio))["status"] == "done"


async def test_refunds_of_others_go_on_while_a_client_is_erased(known):
    studio = known.studio
    await studio.load(
        session("s9"), *(booking(f"n{n}", "s9", ("CAD", 500), client_id="lee") for n in range(30))
    )
    job = await studio.accepted(["s9"])
    assert (await studio.http.post(PATH)).status_code == 202
    await asyncio.gather(studio.work(job["id"]), work(studio))
    assert (await studio.job(job["id"]))["status"] == "completed"
    assert not (await studio.books())["twice"]
    assert await known.marked() == set()


async def test_their_links_lead_nowhere_any_more(known):
    studio = known.studio
    box = studio.runtime.settings.secret_box()
    own = links.token_of(box, known.job_id, "kim")
    mail = unsubscribe.token_of(box, WhoseMail("studio", "kim"))
    paths = (f"/v1/client-pages/{own}", f"/v1/mail-preferences/{mail}")
    for path in paths:
        assert (await studio.http.get(path)).status_code == 200, path
    await erased(studio)
    for path in (*paths, f"/v1/choices/{own}"):
        assert (await studio.http.get(path)).status_code == 404, path
    others = links.token_of(box, known.job_id, "lee")
    assert (await studio.http.get(f"/v1/client-pages/{others}")).status_code == 200


async def test_nobody_who_is_unknown_and_nobody_of_another_business(known, stranger):
    for desk, client_id in ((known.studio, "nobody"), (stranger, "kim")):
        for method, path in (("POST", "erase"), ("GET", "erasure")):
            answer = await desk.http.request(method, f"/v1/clients/{client_id}/{path}")
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert await known.marked()


async def test_without_a_key_an_address_that_takes_nothing_is_not_lost(known):
    studio = known.studio
    before = await studio.everything()
    with pytest.raises(Problem, match="SECRETS_KEY"):
        await erase.erase(studio.db, "studio", "kim", None, by=COMMAND)
    assert await studio.everything() == before


@pytest.mark.parametrize("count", [1201])
async def test_of_many_refunds_each_loses_its_text(studio, count):
    await studio.load(session("s1"), *(booking(f"b{n}", "s1", ("CAD", 1)) for n in range(count)))
    job = await studio.accepted(["s1"])
    await studio.work(job["id"])
    async with studio.db.write() as conn:
        await conn.execute(sa.update(refunds).values(failure_detail="Zebulon"))
    done = await erased(studio)
    assert done["erased"]["texts"] == count
    async with studio.db.read() as conn:
        left = sa.select(sa.func.count()).where(refunds.c.failure_detail.is_not(None))
        assert await conn.scalar(left) == 0
        assert await conn.scalar(sa.select(clients.c.erased_at).where(clients.c.id == "kim"))
        assert await conn.scalar(sa.select(client_erasures.c.due_at)) is None
