"""Readers who do not read keep nothing from others.

They hold no connection to the database, and no place for ever.
"""

import asyncio
import json
import socket

import httpx
import pytest
from worlds.queue import Unheard

from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.db.core.engine import Database
from app.main import create_app
from app.schedule.load import import_file
from app.serving import listen, served

POOL = 4
SMALL = 4096  # of a socket's buffers, so that a silent reader's answer has nowhere to go
BOOKINGS = 8_000
DAY = "2026-11-23"


def schedule():
    """A class with very many bookings, and a week of classes that anybody may see."""
    times = {"timezone": "UTC", "ends_at": f"{DAY}T10:00:00Z", "starts_at": f"{DAY}T09:00:00Z"}
    for number in range(200):
        yield {"type": "session", "id": f"s{number}", "name": f"Yoga {number}", **times}
    yield {"type": "client", "id": "kim", "name": "Kim Li"}
    for number in range(BOOKINGS):
        line = {
            "method": "payment",
            "payment_id": f"p{number}",
            "amount_minor": 100,
            "currency": "EUR",
        }
        booked = {"session_id": "s0", "client_id": "kim", "status": "booked"}
        yield {"type": "booking", "id": f"b{number}", **booked, "payments": [line]}


@pytest.fixture
def settings():
    return Settings()


@pytest.fixture
async def world(database_url, settings):
    """The app on a socket, its database with four connections, a key, and a job on hold.

    The job has a long audit.
    """
    db = Database(database_url, pool_size=POOL)
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="EUR")
        await create_business(conn, "other", name="Other", timezone="UTC", currency="EUR")
    await import_file(db, "studio", [json.dumps(record).encode() for record in schedule()])
    keys = {
        business: await create_key(db, business, "desk", Scope) for business in ("studio", "other")
    }
    app = create_app(settings, database=db, queue=Unheard())
    listener = listen("127.0.0.1", 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    async with served(app, listener, silence_seconds=settings.silence_seconds) as address:
        async with httpx.AsyncClient(
            base_url=address, headers=bearer(keys["studio"]), timeout=30
        ) as desk:
            body = {"date_from": DAY, "date_to": DAY, "session_ids": ["s0"], "hold_seconds": 3600}
            answer = await desk.post(
                "/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": "one"}
            )
            assert answer.status_code == 202, answer.text
        yield World(app, db, address, keys, answer.json()["id"], body)
        app.state.stopping.set()
    await db.close()


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


class World:
    def __init__(self, app, db, address, keys, job_id, body):
        self.app, self.db, self.address, self.keys, self.job_id, self.body = (
            app,
            db,
            address,
            keys,
            job_id,
            body,
        )

    @property
    def checked_out(self):
        return self.db.engine.pool.checkedout()

    async def silent(self, method, path, body=b"", *headers):
        """Asks on a real socket, reads how the answer begins, and nothing after that."""
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        own.setblocking(False)
        loop = asyncio.get_running_loop()
        host, port = self.address.removeprefix("http://").split(":")
        await loop.sock_connect(own, (host, int(port)))
        head = [
            f"{method} {path} HTTP/1.1",
            "Host: test",
            f"Authorization: Bearer {self.keys['studio']}",
            *headers,
        ]
        if body:
            head += [
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
                "Idempotency-Key: one",
            ]
        await loop.sock_sendall(own, ("\r\n".join(head) + "\r\n\r\n").encode() + body)
        begun = await loop.sock_recv(own, 12)
        assert begun in {b"HTTP/1.1 200", b"HTTP/1.1 202"}, begun
        return own


KINDS = ("audit", "followed", "events", "accepted", "public")


async def silent_readers(world, times):
    job = f"/v1/bulk-cancellations/{world.job_id}"
    asked = {
        "audit": ("GET", f"{job}/audit.csv"),
        "followed": ("GET", f"{job}/audit.csv?follow=true&after=0"),
        "events": ("GET", f"{job}/events"),
        "accepted": (
            "POST",
            "/v1/bulk-cancellations",
            json.dumps(world.body).encode(),
            "Accept: text/csv",
        ),
        "public": ("GET", f"/v1/public/studio/schedule?date_from={DAY}&date_to={DAY}&limit=200"),
    }
    assert asked.keys() == set(KINDS)
    return [await world.silent(*asked[kind]) for kind in KINDS for _ in range(times)]


async def test_twenty_silent_readers_hold_no_connection_and_keep_nobody_waiting(world):
    readers = await silent_readers(world, 4)
    async with httpx.AsyncClient(
        base_url=world.address, headers=bearer(world.keys["other"]), timeout=30
    ) as other:
        for _ in range(10):
            answers = await asyncio.gather(
                *(other.get("/v1/sessions?date_from=2026-11-23") for _ in range(8))
            )
            assert {answer.status_code for answer in answers} == {200}
    await until(lambda: not world.checked_out)  # those that follow look in now and then; none stays
    # The streams are all still there, of one key and one business.
    assert len(world.app.state.governor._streams) == 2
    assert sum(world.app.state.governor._streams.values()) == 2 * 4 * 4
    for reader in readers:
        reader.close()


async def test_a_silent_reader_who_reads_on_gets_every_line(world):
    reader = await world.silent("GET", f"/v1/bulk-cancellations/{world.job_id}/audit.csv")
    await until(lambda: not world.checked_out)
    loop = asyncio.get_running_loop()
    read = b""
    while not read.endswith(b"0\r\n\r\n"):
        read += await asyncio.wait_for(loop.sock_recv(reader, 1024 * 1024), 30)
    assert sum(f'"b{number}"'.encode() in read for number in range(0, BOOKINGS, 97)) == len(
        range(0, BOOKINGS, 97)
    )
    reader.close()


async def until(is_so):
    while not is_so():  # noqa: ASYNC110 - neither a pool nor a socket has an event for it
        await asyncio.sleep(0.01)


def is_reset(reader):
    """Whether the other side has given the connection up, as the system knows it without a read.

    See tcp(7), TCP_INFO.
    """
    established = 1
    return reader.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != established


@pytest.mark.parametrize("settings", [Settings(silence_seconds=0.5)])
async def test_readers_who_stay_silent_are_cut_off_and_their_places_are_free(world, settings):
    readers = await silent_readers(world, 1)
    # Those that follow have taken all that there is.
    long_ones = [
        reader
        for kind, reader in zip(KINDS, readers, strict=True)
        if kind not in {"followed", "events"}
    ]
    await until(lambda: all(map(is_reset, long_ones)))
    for reader in readers:
        reader.close()
    await until(lambda: not world.app.state.governor._streams)
