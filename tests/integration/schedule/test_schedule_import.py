import asyncio
import datetime as dt
import gzip
from pathlib import Path

import httpx
import orjson
import pytest
import sqlalchemy as sa

from app.db import tables
from app.schedule.load import import_file
from app.schedule.sample import sample_lines
from app.schedule.spool import lines_of
from app.serving import served

TORONTO = Path(__file__).parents[4] / "shared" / "data" / "toronto-drop-in-2026-01-05.ndjson.gz"
NONE = {"created": 0, "updated": 0, "unchanged": 0}


async def rows_of(studio):
    """Every row of the schedule, and on PostgreSQL the version of each: a row written anew is not the same."""
    kept = (tables.clients, tables.sessions, tables.bookings, tables.payment_lines)
    version = [sa.literal_column("xmin::text")] if studio.db.is_postgresql else []
    async with studio.db.read() as conn:
        return [sorted(map(repr, await conn.execute(sa.select(table, *version)))) for table in kept]


async def test_a_real_schedule_comes_in_whole_and_again_changes_nothing_even_when_cancelled(studio):
    if not TORONTO.exists():
        pytest.skip(f"{TORONTO.name} is not here")
    lines = gzip.decompress(TORONTO.read_bytes()).splitlines()
    first = await import_file(studio.db, "studio", lines)
    assert (first.lines, first.errors) == (11386, 0)
    assert (first.clients.created, first.sessions.created, first.bookings.created) == (2110, 1055, 8221)
    chosen = [orjson.loads(line)["id"] for line in lines if b'"session",' in line][:40]
    await studio.cancel(*chosen)
    before = await rows_of(studio)
    again = await import_file(studio.db, "studio", lines)
    assert (again.lines, again.errors) == (11386, 0)
    assert (again.clients.unchanged, again.sessions.unchanged, again.bookings.unchanged) == (2110, 1055, 8221)
    if studio.db.is_postgresql:  # locks are kept in xmax
        assert await rows_of(studio) == before


async def test_good_lines_are_kept_and_bad_ones_named(studio, a_client, a_session, a_booking):
    line = orjson.dumps
    answer = await studio.load(
        b"\xef\xbb\xbf" + line(a_client()),  # 1: a byte order mark is no fault
        b"",  # 2: blank
        line(a_session()),
        b"{",  # 4
        b'{"type": "client", "id": "c9", "name": "\xff"}',  # 5
        b'{"type": "client", "id": "c9", "name": "nul\\u0000"}',  # 6
        b'{"type": "client", "id": "c9", "name": "' + b"x" * 70_000 + b'"}',  # 7
        line({"type": "room", "id": "r1"}),  # 8
        line({"id": "r1"}),  # 9
        b"[]",  # 10
        b"[" * 50_000,  # 11
        line(a_booking(colour="red")),  # 12
        line(a_booking(payments=[a_booking()["payments"][0] | {"amount_minor": 1.5}])),  # 13
        line(a_booking(session_id="s2")),  # 14: comes later in the file
        line(a_booking(client_id="nobody")),  # 15
        line(a_session("s2")),
        b"   ",
        line(a_booking()) + b"\r",
    )
    assert answer["clients"] == NONE | {"created": 1}
    assert answer["sessions"] == NONE | {"created": 2}
    assert answer["bookings"] == NONE | {"created": 1}
    assert answer["lines"] == 16
    assert answer["errors"] == 12
    assert [(e["line"], e["pointer"], e["code"]) for e in answer["first_errors"]] == [
        (4, "", "json_invalid"),
        (5, "", "not_utf8"),
        (6, "/name", "string_pattern_mismatch"),
        (7, "", "line_too_long"),
        (8, "/type", "unknown_type"),
        (9, "/type", "unknown_type"),
        (10, "", "dict_type"),
        (11, "", "json_invalid"),
        (12, "/colour", "extra_forbidden"),
        (13, "/payments/0/amount_minor", "int_type"),
        (14, "/session_id", "unknown_session"),
        (15, "/client_id", "unknown_client"),
    ]


async def test_only_the_first_hundred_errors_are_listed_and_all_are_counted(studio):
    answer = await studio.load(*[b"?"] * 250)
    assert (answer["lines"], answer["errors"], len(answer["first_errors"])) == (250, 250, 100)


async def test_of_one_id_twice_the_later_line_wins(studio, a_client, a_session, a_booking):
    answer = await studio.load(
        a_client(), a_client(name="Mei"), a_session(), a_session(), a_booking(), a_booking(payments=[])
    )
    assert answer["clients"] == {"created": 1, "updated": 1, "unchanged": 0}
    assert answer["sessions"] == {"created": 1, "updated": 0, "unchanged": 1}
    assert answer["bookings"] == {"created": 1, "updated": 1, "unchanged": 0}
    (left,) = (await studio.get("/sessions/s1/bookings"))["data"]
    assert left["payments"] == []


async def test_a_cancelled_sessions_bookings_are_frozen_for_an_import_too(studio, a_client, a_session, a_booking):
    await studio.load(a_client(), a_session(), a_session("s2"), a_booking("b1"), a_booking("b2", session_id="s2"))
    await studio.cancel("s1")
    before = await studio.get("/sessions/s1/bookings")
    answer = await studio.load(
        a_session(name="Renamed"),
        a_booking("b1"),
        a_booking("b1", payments=[]),
        a_booking("b1", session_id="s2"),
        a_booking("b2"),
        a_booking("new"),
    )
    assert answer["sessions"] == NONE | {"updated": 1}
    assert answer["bookings"] == NONE | {"unchanged": 1}
    assert [(e["line"], e["code"]) for e in answer["first_errors"]] == [(n, "session-cancelled") for n in (3, 4, 5, 6)]
    assert await studio.get("/sessions/s1/bookings") == before


async def test_a_gzip_comes_in_as_it_would_unpacked(studio, a_client, a_session):
    text = b"\n".join(map(orjson.dumps, (a_client(), a_session())))
    answer = await studio.send(gzip.compress(text[:20]) + gzip.compress(text[20:]), **{"Content-Encoding": "gzip"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["clients"]["created"], answer.json()["sessions"]["created"]) == (1, 1)


@pytest.mark.parametrize("broken", ["truncated", "damaged", "plain", "empty", "trailing"])
async def test_a_broken_gzip_is_refused_and_nothing_changes(studio, a_client, broken):
    text = b"\n".join(orjson.dumps(a_client(f"c{n}")) for n in range(5000))
    packed = gzip.compress(text)
    body = {
        "truncated": packed[:-5],
        "damaged": packed[:-8] + b"\0\0\0\0" + packed[-4:],
        "plain": text,
        "empty": b"",
        "trailing": packed + b"garbage",
    }[broken]
    refused = await studio.send(body, **{"Content-Encoding": "gzip"})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/broken-gzip")
    assert (await studio.http.get("/v1/clients/c0/bookings")).status_code == 404


async def test_an_import_over_the_limit_is_refused_and_nothing_changes(studio, a_client):
    refused = await studio.send(a_client(), b" " * (1024 * 1024))
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/body-too-large")
    bomb = gzip.compress(orjson.dumps(a_client()) + b"\n" + b" " * (65 * 1024 * 1024))
    refused = await studio.send(bomb, **{"Content-Encoding": "gzip"})
    assert refused.status_code == 413
    assert (await studio.http.get("/v1/clients/c1/bookings")).status_code == 404


@pytest.mark.parametrize("headers", [{"Content-Type": "application/json"}, {"Content-Encoding": "br"}])
async def test_an_import_of_another_type_or_encoding_is_refused(studio, a_client, headers):
    refused = await studio.send(a_client(), **headers)
    assert (refused.status_code, refused.json()["type"]) == (415, "/problems/unsupported-media-type")


async def test_an_import_that_breaks_off_half_way_changes_nothing(studio, a_client):
    async with served(studio.app) as url:
        address = httpx.URL(url)
        _, writer = await asyncio.open_connection(address.host, address.port)
        head = [
            "POST /v1/schedule/import HTTP/1.1",
            "Host: test",
            f"Authorization: {studio.http.headers['Authorization']}",
            "Content-Type: application/x-ndjson",
            "Content-Length: 100000",
        ]
        writer.write("\r\n".join([*head, "", ""]).encode() + orjson.dumps(a_client()) + b"\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    # The server has ended, and with it every request that it had begun.
    assert (await studio.http.get("/v1/clients/c1/bookings")).status_code == 404


async def test_the_same_file_from_two_sides_at_once_is_stored_once(studio):
    lines = sample_lines(dt.date(2026, 11, 25))
    one, other = await asyncio.gather(*(import_file(studio.db, "studio", lines) for _ in range(2)))
    for counts in ("clients", "sessions", "bookings"):
        first, second = getattr(one, counts), getattr(other, counts)
        in_file = first.created + first.unchanged
        assert (first.updated, second.updated) == (0, 0)
        assert first.created + second.created == in_file
    again = await import_file(studio.db, "studio", lines)
    assert (again.errors, again.lines) == (
        0,
        again.clients.unchanged + again.sessions.unchanged + again.bookings.unchanged,
    )


def test_lines_are_cut_beyond_their_limit_and_never_held_whole(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"a\n" + b"x" * 65536 + b"\n" + b"y" * 300_000 + b"\nb\r\n\n" + b"z" * 65537)
    with path.open("rb") as file:
        assert [len(line) for line in lines_of(file)] == [1, 65536, 65538, 1, 0, 65537]
