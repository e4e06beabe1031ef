"""Whom a job names stays as it was accepted, whatever becomes of the client's record."""

import asyncio
import io

import openpyxl
import pytest
from worlds.records import client, session

NEW = {"name": "Kim Li-Berg", "email": "berg@example.org"}


def named(lines):
    return {(one["client_id"], one["client_name"], one["client_email"]) for one in lines}


@pytest.fixture
async def ended(week):
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    return week, job["id"]


WAYS = {
    "import": lambda studio: studio.load(client("kim", **NEW)),
    "put": lambda studio: studio.http.put("/v1/clients/kim", json=NEW),
    "put without either": lambda studio: studio.http.put("/v1/clients/kim", json={}),
}


@pytest.mark.parametrize("way", WAYS)
async def test_an_ended_job_s_audit_stays_byte_by_byte_when_a_client_is_called_otherwise(
    ended, way
):
    studio, job_id = ended
    before = await studio.audit(job_id)
    assert ("kim", "Kim", "kim@example.org") in named(before)
    await WAYS[way](studio)
    assert (await studio.get("/clients/kim"))["name"] != "Kim"
    assert (await studio.audit(job_id)).content == before.content
    again = await studio.http.get(
        f"/v1/bulk-cancellations/{job_id}/audit.csv", params={"follow": True}
    )
    assert b"Kim" in again.content
    assert b"Berg" not in again.content


async def test_the_workbook_a_refund_and_the_list_of_what_is_outstanding_name_whom_the_audit_does(
    week, refused
):
    studio, job_id = week, refused["id"]
    await studio.load(client("kim", **NEW))
    book = await studio.http.get(f"/v1/bulk-cancellations/{job_id}/audit.xlsx")
    rows = list(openpyxl.load_workbook(io.BytesIO(book.content)).active.values)
    column = rows[0].index("client_name")
    assert {row[column] for row in rows[1:]} >= {"Kim"}
    assert "Kim Li-Berg" not in {row[column] for row in rows[1:]}
    outstanding = await studio.get(f"/bulk-cancellations/{job_id}/outstanding")
    assert {one["client"]["name"] for one in outstanding["data"]} == {"Kim", "Lee"}
    for refund in await studio.refunds(job_id, client_id="kim"):
        one = await studio.get(f"/bulk-cancellations/{job_id}/refunds/{refund['id']}")
        assert (one["client"]["name"], one["client"]["email"]) == ("Kim", "kim@example.org")


async def test_each_job_names_clients_as_they_were_when_it_was_accepted(week):
    names = ["Kim", "Kim B", "Kim C"]
    jobs = []
    for name, session_id in zip(names, ("yoga", "spin", "over"), strict=True):
        await week.load(client("kim", name=name, email=f"{name[-1]}@example.org"))
        jobs.append((await week.accepted([session_id]))["id"])
    for job_id in jobs:
        await week.work(job_id)
    await week.load(client("kim", name="Kim D"))
    for name, job_id in zip(names, jobs, strict=True):
        assert {one["client_name"] for one in await week.audit(job_id)} - {"Lee"} == {name}


async def test_a_job_whose_rows_are_not_written_names_clients_as_it_will(week):
    job = await week.accepted(["yoga"])
    await week.load(client("kim", **NEW))
    before = named(await week.audit(job["id"]))
    assert ("kim", "Kim", "kim@example.org") in before
    await week.work(job["id"])
    assert named(await week.audit(job["id"])) == before


async def test_a_name_that_came_later_is_not_in_the_audit_and_one_of_before_the_job_is(studio):
    await studio.load(session("s1"), studio.record("booking", "b1", "s1", client_id="new"))
    first = await studio.accepted(["s1"])
    await studio.load(client("new", name="Nia"))
    await studio.load(session("s2"), studio.record("booking", "b2", "s2", client_id="new"))
    second = await studio.accepted(["s2"])
    assert [one["client_name"] for one in await studio.audit(first["id"])] == [""]
    assert [one["client_name"] for one in await studio.audit(second["id"])] == ["Nia"]


async def test_imports_of_one_client_at_once_leave_an_ended_job_as_it_was(ended):
    studio, job_id = ended
    before = await studio.audit(job_id)
    await asyncio.gather(*(studio.load(client("kim", name=f"Kim {number}")) for number in range(8)))
    assert (await studio.audit(job_id)).content == before.content
