import asyncio
import datetime as dt
import gzip
from collections import Counter
from pathlib import Path

import httpx
import orjson
import pytest
import sqlalchemy as sa
from worlds.records import NOTHING_DONE

from app.db import tables
from app.main import create_app
from app.schedule.load import import_file
from app.schedule.sample import sample_lines
from app.schedule.spool import lines_of
from app.serving import served

TORONTO = Path(__file__).parents[4] / "shared" / "data" / "toronto-drop-in-2026-01-05.ndjson.gz"
NDJSON = {"Content-Type": "application/x-ndjson"}


async def rows_of(studio):
    """Every row of the schedule, and on PostgreSQL its version: a row written anew differs."""
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
    assert (first.clients.created, first.sessions.created, first.bookings.created) == (
        2110,
        1055,
        8221,
    )
    chosen = [orjson.loads(line)["id"] for line in lines if b'"session",' in line][:40]
    await studio.cancel(*chosen)
    before = await rows_of(studio)
    again = await import_file(studio.db, "studio", lines)
    assert (again.lines, again.errors) == (11386, 0)
    assert (again.clients.unchanged, again.sessions.unchanged, again.bookings.unchanged) == (
        2110,
        1055,
        8221,
    )
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
        b'{"type": "client", "id": "c9", "name": 9}',  # 6
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
    assert answer["clients"] == NOTHING_DONE | {"created": 1, "errors": 1}
    assert answer["sessions"] == NOTHING_DONE | {"created": 2}
    assert answer["bookings"] == NOTHING_DONE | {
        "created": 1,
        "errors": 3,
        "updated": 1,
        "mended": 1,
    }
    assert answer["lines"] == 16
    assert answer["errors"] == 11
    assert [(e["line"], e["pointer"], e["code"]) for e in answer["first_errors"]] == [
        (4, "", "json-invalid"),
        (5, "", "not-utf8"),
        (6, "/name", "string-type"),
        (7, "", "line-too-long"),
        (8, "/type", "unknown-type"),
        (9, "/type", "missing"),
        (10, "", "dict-type"),
        (11, "", "json-invalid"),
        (12, "/colour", "extra-forbidden"),
        (13, "/payments/0/amount_minor", "int-type"),
        (14, "/session_id", "unknown-session"),
    ]


async def test_only_the_first_hundred_errors_are_listed_and_all_are_counted(studio):
    answer = await studio.load(*[b"?"] * 250)
    assert (answer["lines"], answer["errors"], len(answer["first_errors"])) == (250, 250, 100)


async def test_no_code_hides_another_among_the_hundred_that_are_listed(studio, a_client, a_booking):
    answer = await studio.load(
        *[b"?"] * 250,
        *(a_booking(f"b{n}") for n in range(150)),
        *[a_client(colour="red")] * 20,
        a_client(email=5),
    )
    assert answer["errors"] == 421
    listed = answer["first_errors"]
    assert Counter(one["code"] for one in listed) == {
        "json-invalid": 40, "unknown-session": 39, "extra-forbidden": 20, "string-type": 1,
    }  # fmt: skip
    assert [one["line"] for one in listed] == sorted(one["line"] for one in listed)


async def test_an_echo_of_our_own_cancellation_changes_nothing_and_hides_no_error(
    studio, a_client, a_session, a_booking
):
    bookings = [a_booking(f"b{n}") for n in range(120)]
    await studio.load(a_client(), a_session(), a_session("s2"), *bookings)
    await studio.cancel("s1")
    before = await rows_of(studio)
    echo = [one | {"status": "cancelled", "payments": []} for one in bookings]
    answer = await studio.load(
        a_session(status="cancelled"),
        a_session(),
        *echo,
        a_booking("late", status="cancelled"),
        b"bad",
    )
    assert answer["sessions"] == NOTHING_DONE | {"unchanged": 2}
    assert answer["bookings"] == NOTHING_DONE | {"unchanged": 120, "frozen": 1}
    assert (answer["errors"], [e["code"] for e in answer["first_errors"]]) == (1, ["json-invalid"])
    if studio.db.is_postgresql:
        assert await rows_of(studio) == before
    assert {
        one["status"] for one in (await studio.get("/sessions/s1/bookings", limit=200))["data"]
    } == {"booked"}


async def test_of_one_id_twice_the_later_line_wins(studio, a_client, a_session, a_booking):
    answer = await studio.load(
        a_client(),
        a_client(name="Mei"),
        a_session(),
        a_session(),
        a_booking(),
        a_booking(payments=[]),
    )
    assert answer["clients"] == NOTHING_DONE | {"created": 1, "updated": 1}
    assert answer["sessions"] == NOTHING_DONE | {"created": 1, "unchanged": 1}
    assert answer["bookings"] == NOTHING_DONE | {"created": 1, "updated": 1}
    (left,) = (await studio.get("/sessions/s1/bookings"))["data"]
    assert left["payments"] == []


async def test_a_cancelled_sessions_bookings_are_frozen_for_an_import_too(
    studio, a_client, a_session, a_booking
):
    await studio.load(
        a_client(), a_session(), a_session("s2"), a_booking("b1"), a_booking("b2", session_id="s2")
    )
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
    assert answer["sessions"] == NOTHING_DONE | {"updated": 1}
    assert answer["bookings"] == NOTHING_DONE | {"unchanged": 1, "frozen": 4}
    assert (answer["lines"], answer["errors"]) == (6, 0)
    assert [(e["line"], e["code"]) for e in answer["first_frozen"]] == [
        (n, "session-cancelled") for n in (3, 4, 5, 6)
    ]
    assert await studio.get("/sessions/s1/bookings") == before


async def test_a_gzip_comes_in_as_it_would_unpacked(studio, a_client, a_session):
    text = b"\n".join(map(orjson.dumps, (a_client(), a_session())))
    answer = await studio.send(
        gzip.compress(text[:20]) + gzip.compress(text[20:]), **{"Content-Encoding": "gzip"}
    )
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


async def test_a_gzip_may_hold_sixty_four_times_its_own_size_and_a_small_one_anything(
    studio, a_client
):
    def padded(mebibytes):
        return gzip.compress(orjson.dumps(a_client()) + b"\n" + b" " * (mebibytes * 1024 * 1024))

    refused = await studio.send(padded(17), **{"Content-Encoding": "gzip"})
    assert (refused.status_code, refused.json()["limit_bytes"]) == (413, 16 * 1024 * 1024)
    taken = await studio.send(padded(15), **{"Content-Encoding": "gzip"})
    assert (taken.status_code, taken.json()["clients"]["created"]) == (200, 1)


MANY = 8_000


async def test_an_import_ends_when_its_sender_leaves_and_the_file_can_be_sent_again(
    studio, a_client
):
    lines = b"\n".join(orjson.dumps(a_client(f"c{number}")) for number in range(MANY))
    came = [{"type": "http.request", "body": lines[: 512 * 1024], "more_body": True}]
    came += [{"type": "http.request", "body": lines[512 * 1024 :]}, {"type": "http.disconnect"}]
    answered = []

    async def receive():
        return came.pop(0)

    async def send(message):
        answered.append(message)

    headers = [
        (b"authorization", studio.http.headers["authorization"].encode()),
        (b"content-length", b"1"),
    ]
    headers.append((b"content-type", NDJSON["Content-Type"].encode()))
    where = {"path": "/v1/schedule/import", "method": "POST", "query_string": b""}
    await studio.app({"type": "http", "headers": headers, **where}, receive, send)
    async with studio.db.read() as conn:
        count = (
            await conn.execute(sa.select(sa.func.count()).select_from(tables.clients))
        ).scalar_one()
    assert (answered, came) == ([], [])
    assert count < MANY
    again = await studio.send(lines)
    assert again.json()["clients"]["created"] == MANY - count


async def test_an_import_that_takes_too_long_ends_and_says_that_what_was_read_stays(
    studio, a_client
):
    settings = studio.app.state.service.settings.model_copy(update={"import_seconds": 0.05})
    studio.http._transport.app = create_app(
        settings, database=studio.db, queue=studio.app.state.service.queue
    )
    late = await studio.send(*(a_client(f"c{number}") for number in range(4_000)))
    assert (late.status_code, late.json()["type"]) == (408, "/problems/request-timeout")
    assert "What was read in stays" in late.json()["detail"]


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "application/json"}, {"Content-Encoding": "br"}]
)
async def test_an_import_of_another_type_or_encoding_is_refused(studio, a_client, headers):
    refused = await studio.send(a_client(), **headers)
    assert (refused.status_code, refused.json()["type"]) == (
        415,
        "/problems/unsupported-media-type",
    )


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
