"""Text for display is mended at the door, and never a reason to lose a booking."""

import asyncio

import orjson
import pytest
import sqlalchemy as sa

from app.db import tables

WEEK = {"date_from": "2026-11-23", "date_to": "2026-11-29"}
NONE = dict.fromkeys(("created", "updated", "unchanged", "frozen", "errors", "mended"), 0)


async def clients_of(studio):
    async with studio.db.read() as conn:
        query = sa.select(tables.clients.c.id, tables.clients.c.name, tables.clients.c.email)
        return {id_: (name, email) for id_, name, email in await conn.execute(query)}


def notes(answer):
    listed = [(note["line"], note["pointer"], note["code"]) for note in answer["first_mended"]]
    assert [line for line, _, _ in listed] == sorted(line for line, _, _ in listed)
    return sorted(listed)


async def test_a_clients_text_is_mended_and_said_to_be(studio, a_client):
    nameless = a_client("c5")
    del nameless["name"], nameless["email"]
    lines = [
        a_client("c1", name="Ana\tLee", email=" ana@example.org\n"),
        a_client("c2", name="", email=""),
        a_client("c3", name="x" * 201, email="no address"),
        a_client("c4", name=None, email=f"{'a' * 320}@example.org"),
        nameless,
        a_client("c6", name="Zoe\u0308"),
    ]
    answer = await studio.load(*lines)
    assert answer["clients"] == NONE | {"created": 6, "mended": 5}
    assert answer["errors"] == 0
    assert notes(answer) == [
        (1, "/email", "text-tidied"),
        (1, "/name", "text-tidied"),
        (2, "/email", "text-empty"),
        (2, "/name", "text-empty"),
        (3, "/email", "email-malformed"),
        (3, "/name", "text-cut"),
        (4, "/email", "email-malformed"),
        (6, "/name", "text-tidied"),
    ]
    assert await clients_of(studio) == {
        "c1": ("Ana Lee", "ana@example.org"),
        "c2": (None, None),
        "c3": ("x" * 200, None),
        "c4": (None, None),
        "c5": (None, None),
        "c6": ("Zoë", "noor@example.org"),
    }
    again = await studio.load(*lines)
    assert again["clients"] == NONE | {"unchanged": 6, "mended": 5}
    lost = await studio.load(a_client("c1", name="", email=None))  # a name may go, too
    assert lost["clients"] == NONE | {"updated": 1, "mended": 1}
    assert (await clients_of(studio))["c1"] == (None, None)


async def test_a_sessions_text_is_mended_by_import_and_by_put_alike(studio, a_session):
    odd = {"name": "Lane\u00a0 Swim ", "location": "Studio\u2009 1\0", "instructor": " "}
    answer = await studio.load(a_session("s1", **odd), a_session("s2", name=""))
    assert answer["sessions"] == NONE | {"created": 2, "mended": 2}
    assert (await studio.put_session("s3", **odd)).status_code == 201
    for id_ in ("s1", "s3"):
        shown = await studio.get(f"/sessions/{id_}")
        assert (shown["name"], shown["location"], shown["instructor"]) == (
            "Lane Swim",
            "Studio 1",
            None,
        )
    assert (await studio.get("/sessions/s2"))["name"] == "s2"


async def test_half_an_emoji_costs_no_session_no_booking_and_no_name(studio, a_session, a_booking):
    half = b'"Ana \\ud83d", "email": "ana@example.org\\udc00"'  # as JavaScript cuts and writes it
    lines = (
        orjson.dumps(a_session("s1", location="Hall")).replace(b'"Hall"', b'"Hall \\uD83D"'),
        a_booking("b1", session_id="s1", client_id="c1"),
        b'{"type": "client", "id": "c1", "name": ' + half + b"}",
    )
    answer = await studio.load(*lines)
    assert answer["errors"] == 0
    assert (1, "/location", "text-tidied") in notes(answer)
    put = await studio.http.put(
        "/v1/clients/c2",
        content=b'{"name": ' + half + b"}",
        headers={"Content-Type": "application/json"},
    )
    assert put.status_code == 201, put.text
    assert (await studio.get("/sessions/s1"))["location"] == "Hall"
    assert await clients_of(studio) == dict.fromkeys(("c1", "c2"), ("Ana", "ana@example.org"))
    assert [one["id"] for one in (await studio.get("/sessions/s1/bookings"))["data"]] == ["b1"]


async def test_only_half_pairs_are_taken_out_of_a_line_and_never_of_an_id(studio):
    whole = rb'{"type": "client", "id": "c1", "name": "\ud83d\ud83d\ude00 \\ud83d"}'
    answer = await studio.load(
        whole, b'{"type": "client", "id": "c\\ud83d"}', b'{"type": "client", "id": "c3", \\ud83d}'
    )
    assert [(one["line"], one["pointer"], one["code"]) for one in answer["first_errors"]] == [
        (2, "/id", "string-pattern-mismatch"),
        (3, "", "json-invalid"),
    ]
    assert await clients_of(studio) == {"c1": ("😀 \\ud83d", None)}


async def test_equal_places_are_one_filter_however_they_were_written(studio, a_session):
    written = ["Studio 1", "Studio 1 ", "Studio\u00a01", "Studio\t1", "\u200eStudio 1\u200f"]
    await studio.load(
        *(a_session(f"s{n}", location=text, instructor=text) for n, text in enumerate(written))
    )
    for text in written:
        for by in ("location", "instructor"):
            found = await studio.get("/sessions", **WEEK, **{by: text})
            assert [one["id"] for one in found["data"]] == ["s0", "s1", "s2", "s3", "s4"], (
                by,
                text,
            )
    assert (await studio.get("/sessions", **WEEK, location="studio 1"))["data"] == []


@pytest.mark.parametrize(
    "q", ["étirement", "ÉTIREMENT", "etirement", "E\u0301tirement", " tirement "]
)
async def test_a_search_finds_a_name_in_any_case_with_or_without_accents(studio, a_session, q):
    await studio.load(a_session("s1", name="Étirement doux"), a_session("s2", name="Chess"))
    assert [one["id"] for one in (await studio.get("/sessions", **WEEK, q=q))["data"]] == ["s1"]
    await studio.put_session("s1", name="Yoga")
    assert (await studio.get("/sessions", **WEEK, q=q))["data"] == []


async def test_a_booking_whose_client_was_refused_or_never_named_is_kept(
    studio, a_client, a_session, a_booking
):
    answer = await studio.load(
        a_session(),
        a_client("c1", name=7),
        a_booking("b1"),
        a_booking("b2", client_id="later"),
        a_booking("b3", client_id="later"),
        a_client("later"),
    )
    assert answer["clients"] == NONE | {"updated": 1, "errors": 1}
    assert answer["bookings"] == NONE | {"created": 3, "mended": 2}
    assert notes(answer) == [
        (3, "/client_id", "unknown-client"),
        (4, "/client_id", "unknown-client"),
    ]
    assert await clients_of(studio) == {
        "c1": (None, None),
        "later": ("Noor Li", "noor@example.org"),
    }
    plan = await studio.http.post("/v1/bulk-cancellations/plan", json=WEEK | {"session_ids": "all"})
    assert (plan.json()["totals"]["clients"], plan.json()["totals"]["refunds"]) == (2, 3)


async def test_a_booking_put_for_an_unknown_client_makes_a_bare_one(studio, a_client):
    await studio.put_session()
    assert (await studio.put_booking()).status_code == 201
    assert await clients_of(studio) == {"c1": (None, None)}
    assert len((await studio.get("/clients/c1/bookings"))["data"]) == 1
    await studio.load(a_client())
    assert (await studio.put_booking("b2")).status_code == 201
    assert (await clients_of(studio))["c1"] == ("Noor Li", "noor@example.org")


async def test_bookings_of_one_new_client_put_at_once_are_all_kept_beside_its_name(
    studio, a_client
):
    await studio.put_session()
    answers = await asyncio.gather(
        studio.send(a_client()), *(studio.put_booking(f"b{n}") for n in range(6))
    )
    assert [answer.status_code for answer in answers] == [200, *[201] * 6]
    assert await clients_of(studio) == {"c1": ("Noor Li", "noor@example.org")}
