"""A job's chain: a link for each thing done to it, and each lie behind it in the database found."""

import asyncio
import json

import pytest
import sqlalchemy as sa
from integration.evidence.conftest import Ended
from sqlalchemy.exc import DBAPIError

from app.db import tables
from app.db.core.engine import Database
from app.db.tables.evidence import evidence_heads, evidence_links
from app.db.tables.webhooks import webhook_endpoints, webhook_events
from app.domain.chain import link_hash
from app.refunds import verify_chains
from app.refunds.verify_chains import HandedOut


async def links_of(db, job_id):
    query = sa.select(evidence_links).where(evidence_links.c.job_id == job_id)
    async with db.read() as conn:
        rows = (await conn.execute(query.order_by(evidence_links.c.number))).mappings()
        return [dict(row) | {"facts": json.loads(row["facts"])} for row in rows]


async def kinds(db, job_id):
    return [link["facts"]["kind"] for link in await links_of(db, job_id)]


async def found_in(db, business_id=None):
    return {(one.code, one.row_id) for one in await verify_chains.verify(db, business_id)}


async def test_each_thing_that_is_done_is_a_link_with_who_did_it_and_by_which_request(ended, db):
    studio, job_id = ended.studio, ended.job_id
    links = await links_of(db, job_id)
    assert [links[0]["facts"]["kind"], links[-1]["facts"]["kind"]] == ["accepted", "ended"]
    assert {link["facts"]["kind"] for link in links[1:-1]} == {"outcomes"}
    first = links[0]["facts"]
    assert (first["actor"], first["actor_id"][:4]) == ("key:front desk", "key:")
    assert first["address"] == "127.0.0.1"
    assert first["request_id"]
    assert first["totals"]["refunds"] == 4
    await studio.faults()
    await studio.post(f"/bulk-cancellations/{job_id}/retry")
    await studio.faults(refuse_ids={"closed-payment-1": "refund_window_expired"})
    before = len(await links_of(db, job_id))
    await studio.work(job_id)
    (rejected,) = await studio.refunds(job_id, status="rejected")
    answer = await studio.http.post(
        f"/v1/bulk-cancellations/{job_id}/refunds/{rejected['id']}/resolve",
        json={"resolution": "waived", "reference": "till", "note": "As Kim said."},
        headers={"X-Request-Id": "who-asked"},
    )
    assert answer.status_code == 200, answer.text
    assert await kinds(db, job_id) == [
        *(link["facts"]["kind"] for link in links),
        "retried",
        "outcomes",
        "ended",
        "resolved",
        "ended",
    ]
    assert before == len(links) + 1
    resolved = (await links_of(db, job_id))[-2]
    assert resolved["facts"]["request_id"] == answer.headers["X-Request-Id"]
    assert len(json.loads(resolved["history"])) == 1
    assert "Kim" not in json.dumps(resolved)
    assert await found_in(db) == set()


async def test_a_job_on_hold_that_is_withdrawn_says_so(studio, ended, db):
    await studio.session("later", starts_in_hours=200)
    job = await studio.accepted(["later"], hold_seconds=600)
    await studio.post(f"/bulk-cancellations/{job['id']}/withdraw")
    assert await kinds(db, job["id"]) == ["accepted", "withdrawn"]
    assert await found_in(db) == set()


async def test_outcomes_that_are_recorded_at_once_are_links_one_after_the_other(studio, db):
    await studio.load(
        *(studio.record("session", f"s{n}") for n in range(4)),
        *(
            studio.record("booking", f"b{n}-{of}", f"s{n}", ("CAD", 100 + of))
            for n in range(4)
            for of in range(60)
        ),
    )
    job = await studio.accepted()
    await asyncio.gather(*(studio.work(job["id"]) for _ in range(4)))
    links = await links_of(db, job["id"])
    assert [link["number"] for link in links] == [*range(1, len(links) + 1)]
    named = [id_ for link in links for id_ in json.loads(link["history"])]
    assert len(named) == len(set(named)) == 240
    assert await found_in(db) == set()


async def test_a_link_s_hash_is_what_the_documents_say(ended, db):
    links, before = await links_of(db, ended.job_id), ""
    for link in links:
        if not json.loads(link["history"]):
            facts = json.dumps(link["facts"], sort_keys=True, separators=(",", ":"))
            assert link_hash(before, facts, ()) == link["hash"]
        before = link["hash"]
    proven = await ended.proven()
    assert (proven.links, proven.link) == (len(links), before)


def _of(table):
    return lambda column, value, where: sa.update(table).where(where).values({column: value})


change_refund, change_history = _of(tables.refunds), _of(tables.refund_history)
change_link, change_head = _of(evidence_links), _of(evidence_heads)
R, H, L = tables.refunds.c, tables.refund_history.c, evidence_links.c
LAST = sa.select(sa.func.max(L.number)).scalar_subquery()
OF_HERS = H.refund_id == sa.select(R.id).where(R.booking_id == "hers").scalar_subquery()
LIES = {
    "a changed amount": [change_refund("amount_minor", 90_000, R.booking_id == "hers")],
    "another client": [change_refund("client_id", "kim", R.booking_id == "hers")],
    "another reference in the history": [
        change_history("upstream_reference", "rf_x", OF_HERS & (H.status == "succeeded"))
    ],
    "another outcome in the history": [
        change_history("status", "rejected", OF_HERS & (H.status == "succeeded"))
    ],
    "another who in the history": [
        change_history("actor", "key:owner", OF_HERS & (H.status == "succeeded"))
    ],
    "a dropped row of the history": [
        sa.delete(tables.refund_history).where(OF_HERS, H.status == "succeeded")
    ],
    "an outcome put in": [
        sa.insert(tables.refund_history).from_select(
            [c.name for c in tables.refund_history.c if c.name != "id"],
            sa.select(*(c for c in tables.refund_history.c if c.name != "id")).where(
                OF_HERS, H.status == "succeeded"
            ),
        )
    ],
    "a dropped line": [
        sa.delete(tables.refunds).where(R.booking_id == "hers"),
    ],
    "another who asked": [
        sa.update(tables.jobs).values(requested_by="key:owner"),
    ],
    "another who asked, in the chain too": [
        sa.update(tables.jobs).values(requested_by="key:owner"),
        sa.update(evidence_links)
        .where(L.number == 1)
        .values(facts=sa.func.replace(L.facts, "key:front desk", "key:owner")),
    ],
    "other sums": [sa.update(tables.jobs).values(totals={"refunds": 1})],
    "another end": [sa.update(tables.jobs).values(status="completed")],
    "a dropped link": [sa.delete(evidence_links).where(L.number == 2)],
    "a dropped last link": [sa.delete(evidence_links).where(L.number == LAST)],
    "a dropped first link": [sa.delete(evidence_links).where(L.number == 1)],
    "a chain without its end": [sa.delete(evidence_heads)],
    "a chain of its end alone": [sa.delete(evidence_links)],
    "swapped links": [
        change_link("number", 1_000, L.number == 1),
        change_link("number", 1, L.number == 2),
        change_link("number", 2, L.number == 1_000),
    ],
    "another hash": [change_link("hash", "0" * 64, L.number == 2)],
    "another end of the chain": [sa.update(evidence_heads).values(head="0" * 64)],
    "another address": [
        sa.update(evidence_links)
        .where(L.number == 1)
        .values(facts=sa.func.replace(L.facts, "127.0.0.1", "10.0.0.1"))
    ],
}


@pytest.mark.parametrize(
    "change",
    [
        sa.update(evidence_links).values(facts="{}"),
        sa.update(evidence_links).values(number=L.number + 1_000),
        sa.delete(evidence_links),
        sa.delete(evidence_heads),
    ],
)
async def test_links_are_only_ever_added_and_a_chain_s_end_stays(ended, db, change):
    before = await links_of(db, ended.job_id)

    async def changes():
        async with db.write() as conn:
            await conn.execute(change)

    with pytest.raises(DBAPIError, match="append-only"):
        await changes()
    assert await links_of(db, ended.job_id) == before
    assert await found_in(db) == set()


@pytest.mark.parametrize("table", ["evidence_links", "evidence_heads"])
async def test_chains_on_postgresql_are_not_emptied_by_truncate(postgresql_url, table):
    db = Database(postgresql_url)
    try:
        with pytest.raises(DBAPIError, match="append-only"):
            async with db.write() as conn:
                await conn.execute(sa.text(f"TRUNCATE {table}"))
    finally:
        await db.close()


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_in_the_database_is_found(ended, db, without_guards, lie):
    assert await found_in(db) == set()
    async with db.write() as conn:
        for statement in LIES[lie]:
            done = await conn.execute(statement)
            assert done.rowcount > 0
    found = await found_in(db)
    assert found, lie
    assert {code for code, _ in found} <= {"chain", "chain-end", "chain-left-out", "chain-job"}
    assert await found_in(db, "another") == set()


async def test_a_lie_that_is_hashed_anew_is_found_by_what_was_handed_out(ended, db, without_guards):
    """Who can write can hash: then only what is outside of the database tells."""
    proven = await ended.proven()
    handed_out = [HandedOut(ended.job_id, proven.links, proven.link)]
    assert await verify_chains.compare(db, handed_out) == []
    before = ""
    for link in await links_of(db, ended.job_id):
        facts = link["facts"] | ({"address": "10.0.0.1"} if link["number"] == 1 else {})
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        async with db.write() as conn:
            rows = await verify_chains.reading.rows_of(
                conn, [verify_chains.Link(1, text, link["history"], "")]
            )
            before = link_hash(before, text, (rows[id_] for id_ in json.loads(link["history"])))
            which = (L.job_id == ended.job_id) & (L.number == link["number"])
            link_now = sa.update(evidence_links).where(which)
            await conn.execute(link_now.values(facts=text, hash=before))
            await conn.execute(sa.update(evidence_heads).values(head=before))
    assert await found_in(db) == set()
    (found,) = await verify_chains.compare(db, handed_out)
    assert (found.code, found.job_id, found.row_id) == (
        "chain-handed-out",
        ended.job_id,
        str(proven.links),
    )


async def test_a_database_that_was_set_back_is_found_by_what_was_handed_out(
    ended, db, without_guards
):
    """The backup of before a retry: whole, at one with itself, and not what happened."""
    backup = await _rows(db)
    await ended.studio.faults()
    await ended.studio.post(f"/bulk-cancellations/{ended.job_id}/retry")
    await ended.studio.work(ended.job_id)
    proven = await ended.proven()
    handed_out = [HandedOut(ended.job_id, proven.links, proven.link)]
    assert await verify_chains.compare(db, handed_out) == []
    async with db.write() as conn:
        await conn.execute(sa.delete(evidence_links))
        await conn.execute(sa.insert(evidence_links), backup)
        last = {"links": backup[-1]["number"], "head": backup[-1]["hash"]}
        await conn.execute(sa.update(evidence_heads).values(last))
    (found,) = await verify_chains.compare(db, handed_out)
    assert found.code == "chain-handed-out"


async def _rows(db):
    async with db.read() as conn:
        rows = await conn.execute(sa.select(evidence_links).order_by(L.number))
        return [dict(row) for row in rows.mappings()]


async def test_a_job_of_a_build_without_chains_is_left_without_and_is_well(
    ended, db, without_guards
):
    async with db.write() as conn:
        await conn.execute(sa.delete(evidence_links))
        await conn.execute(sa.delete(evidence_heads))
    await ended.studio.faults()
    await ended.studio.post(f"/bulk-cancellations/{ended.job_id}/retry")
    await ended.studio.work(ended.job_id)
    assert await links_of(db, ended.job_id) == []
    assert await found_in(db) == set()
    assert (await ended.proven()).link is None


async def test_the_event_of_the_end_has_the_end_of_the_chain(studio, db):
    async with db.write() as conn:
        endpoint = {"url": "https://example.com/hook", "status": "enabled"}
        key = {"id": "019aab00-0000-7000-8000-000000000003", "business_id": "studio"}
        await conn.execute(sa.insert(webhook_endpoints).values(key | endpoint))
    await studio.session("yoga")
    await studio.booking("b", "yoga", ("CAD", 9))
    job = await studio.accepted()
    await studio.work(job["id"])
    async with db.read() as conn:
        payloads = (await conn.execute(sa.select(webhook_events.c.payload))).scalars().all()
    (ended,) = [json.loads(one) for one in payloads if "bulk_cancellation.completed" in str(one)]
    proven = await Ended(studio, job["id"]).proven()
    assert ended["data"]["evidence"] == {"links": proven.links, "link": proven.link}
    evidence = ended["data"]["evidence"]
    handed_out = HandedOut(job["id"], evidence["links"], evidence["link"])
    assert await verify_chains.compare(db, [handed_out]) == []
