"""Half an audit never looks whole: a stop or a database's failure resets the connection.

Over HTTP/1.0, too.
"""

import asyncio
import socket
from contextlib import suppress

import pytest
import sqlalchemy as sa
from benchmarks import refunds, schedule

from app.auth.keys import Scope, create_key
from app.serving import served

VERSIONS = ["1.0", "1.1"]
SESSIONS, BOOKINGS = 200, 200
SMALL_BUFFER = 4096  # so that most of the answer is still to be sent when the test looks


async def asked(address, path, key, *, version):
    """An open answer to GET of `path`: what reads it."""
    host, port = address.removeprefix("http://").split(":")
    ours = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    ours.setblocking(False)
    await asyncio.get_running_loop().sock_connect(ours, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=ours, limit=SMALL_BUFFER)
    writer.write(f"GET {path} HTTP/{version}\r\nHost: x\r\nConnection: close\r\n".encode())
    writer.write(f"Authorization: Bearer {key}\r\n\r\n".encode())
    return reader, writer


async def is_reset(reader, writer):
    """Reads to the end: whether that was a reset."""
    try:
        while await asyncio.wait_for(reader.read(65536), 30):
            pass
    except ConnectionResetError:
        return True
    finally:
        writer.close()
        with suppress(ConnectionResetError):
            await writer.wait_closed()
    return False


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_followed_audit_is_reset_when_the_server_stops(week, version):
    job = await week.accepted()
    path = f"/v1/bulk-cancellations/{job['id']}/audit.csv?follow=true"
    async with served(week.app, parser="h11") as address:
        reader, writer = await asked(address, path, week.key, version=version)
        await reader.readuntil(b'"no_bookings"')
        week.app.state.stopping.set()
        assert await is_reset(reader, writer)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_followed_audit_of_a_job_that_has_ended_ends_as_usual(week, version):
    job = await week.accepted()
    await week.work(job["id"])
    path = f"/v1/bulk-cancellations/{job['id']}/audit.csv?follow=true"
    async with served(week.app, parser="h11") as address:
        assert not await is_reset(*await asked(address, path, week.key, version=version))


# SQLite has no connection to cut
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("version", VERSIONS)
async def test_an_audit_whose_database_connection_is_cut_is_reset(studio, db, version):
    await schedule.business(db, "large")
    await schedule.sessions(db, "large", count=SESSIONS, bookings_each=BOOKINGS)
    key = await create_key(db, "large", "desk", Scope)
    path = f"/v1/bulk-cancellations/{await refunds.accepted(db, studio.queue, 'large')}/audit.csv"
    async with served(studio.app, parser="h11") as address:
        reader, writer = await asked(address, path, key, version=version)
        await reader.readuntil(b"job_id")
        async with db.read() as conn:
            cut = (
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert await conn.scalar(sa.text(cut))
        assert await is_reset(reader, writer)
