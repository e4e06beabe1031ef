"""The bytes of the audit CSV: the same in every way that it is made.

Typed readers get numbers, NULLs and ids.
"""

import csv
import io
import uuid

import asyncpg
import pytest
import sqlalchemy as sa

from app.db import tables

NUMBERS = {"amount", "credits", "attempts", "paid_amount", "kept_amount", "leg"}
INSTANTS = {"session_starts_at", "requested_at", "settled_at", "session_starts_local"}
IDS = ["-5", "-1:2", "00123", "1e5", "12345678901234567890", "-", "~-.:_"]


def written_again(content):
    """The CSV as the rule says: text quoted, numbers and instants bare, empty cells empty."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    bare = [name in NUMBERS | INSTANTS for name in rows[0]]
    lines = [",".join(rows[0])]
    for row in rows[1:]:
        quoted = [
            cell if plain or not cell else '"' + cell.replace('"', '""') + '"'
            for cell, plain in zip(row, bare, strict=True)
        ]
        lines.append(",".join(quoted))
    return "".join(f"{line}\r\n" for line in lines).encode()


def bytes_by_line(content):
    """The lines in whatever order, without their hashes: in another order these are others."""
    return sorted(line.rpartition(b",")[0] for line in content.splitlines())


async def test_each_way_of_making_the_csv_gives_the_same_bytes(week):
    await week.load({"type": "client", "id": "kim", "name": 'Kim "K", Lee', "email": None})
    answer = await week.cancel(accept="text/csv", reason='said "no", and left')
    job_id = answer.headers["Location"].rsplit("/", 1)[1]
    waiting = (await week.audit(job_id)).content
    assert answer.content == waiting == written_again(waiting)
    await week.work(job_id)
    whole = (await week.audit(job_id)).content
    followed = (
        await week.http.get(f"/v1/bulk-cancellations/{job_id}/audit.csv?follow=true")
    ).content
    assert whole == written_again(whole)
    assert bytes_by_line(followed) == bytes_by_line(whole)


async def test_no_empty_cell_is_quoted_and_no_number_either(week):
    job = await week.accepted()
    waiting = (await week.audit(job["id"])).content
    await week.work(job["id"])
    for content in (waiting, (await week.audit(job["id"])).content):
        assert b',"",' not in content
        assert b',20.00,"CAD",,' in content  # the card's amount, and no credits
        assert b',,,2,"' in content  # the credits, and no amount


@pytest.fixture
async def warehouse(empty_postgresql_url):
    """A table with a type for each column, in a database of somebody who keeps our audits."""
    conn = await asyncpg.connect(
        sa.make_url(empty_postgresql_url).set(drivername="postgresql").render_as_string(False)
    )
    yield conn
    await conn.close()


async def test_postgresqls_copy_takes_it_into_typed_columns(week, warehouse):
    await week.session("-5", starts_in_hours=30)
    job = await week.accepted()
    await week.work(job["id"])
    audit = await week.audit(job["id"])
    kind = (
        dict.fromkeys(NUMBERS, "numeric")
        | dict.fromkeys(INSTANTS, "timestamptz")
        | {"refund_id": "uuid"}
    )
    columns = ", ".join(f"{name} {kind.get(name, 'text')}" for name in audit.columns)
    await warehouse.execute(f"CREATE TABLE audit ({columns})")
    await warehouse.copy_to_table(
        "audit", source=io.BytesIO(audit.content), format="csv", header=True
    )
    assert await warehouse.fetchval("SELECT count(*) FROM audit") == len(audit)
    paid = await warehouse.fetch(
        "SELECT currency, sum(amount) FROM audit WHERE status = 'succeeded' GROUP BY 1"
    )
    decimals = {"CAD": 2, "JPY": 0, "KWD": 3}
    sums = {row[0]: int(row[1].scaleb(decimals[row[0]])) for row in paid if row[0]}
    assert sums == {
        name: sum_ for name, sum_ in audit.sums("succeeded").items() if name != "credits"
    }
    assert (
        await warehouse.fetchval(
            "SELECT count(*) FROM audit WHERE session_id = '-5' AND booking_id IS NULL"
        )
        == 1
    )


async def test_ids_are_left_as_they_are(studio, db):
    await studio.load(
        *(studio.record("client", id_) for id_ in IDS),
        *(studio.record("session", id_) for id_ in IDS),
        *(studio.record("booking", id_, id_, ("CAD", 100), client_id=id_) for id_ in IDS),
    )
    job = await studio.accepted()
    waiting = await studio.audit(job["id"])
    await studio.work(job["id"])
    async with db.write() as conn:
        same = sa.update(tables.refunds).values(upstream_reference=tables.refunds.c.booking_id)
        await conn.execute(same)
    final = await studio.audit(job["id"])
    for audit in (waiting, final):
        for line in audit:
            assert line["session_id"] == line["booking_id"] == line["client_id"]
        assert sorted(line["session_id"] for line in audit) == sorted(IDS)
    assert sorted(line["upstream_reference"] for line in final) == sorted(IDS)


@pytest.mark.parametrize("reference", ["-1+1", "=A1", "-cmd|x", "+1", "@a"])
async def test_a_reference_that_is_no_id_is_escaped_like_any_text(studio, db, reference):
    await studio.session("s")
    await studio.booking("b", "s", ("CAD", 100))
    job = await studio.accepted()
    await studio.work(job["id"])
    async with db.write() as conn:
        await conn.execute(sa.update(tables.refunds).values(upstream_reference=reference))
    (line,) = await studio.audit(job["id"])
    assert line["upstream_reference"] == f"'{reference}"


async def test_a_line_break_within_a_text_is_a_blank_so_that_lines_can_be_counted(week, db):
    job = await week.accepted()
    await week.work(job["id"])
    async with db.write() as conn:
        await conn.execute(
            sa.update(tables.jobs).values(reason="Snow\nday\r\n=1", requested_by=uuid.uuid4().hex)
        )
    audit = await week.audit(job["id"])
    assert {line["reason"] for line in audit} == {"Snow day  =1"}
    assert audit.content.count(b"\n") == audit.content.count(b"\r\n") == len(audit) + 1
