import asyncio
import errno
import socket
import ssl

import asyncpg
import pytest
import sqlalchemy as sa

from app.db.core.engine import Database
from app.db.core.outage import is_outage


async def what_is_raised(db, statement, **values):
    with pytest.raises((sa.exc.SQLAlchemyError, OSError)) as raised:
        async with db.read() as conn:
            await conn.execute(sa.text(statement), values)
    return raised.value


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://postgres@127.0.0.1:1/none",
        "postgresql+asyncpg://postgres@no-such-host.invalid/none",
        "sqlite+aiosqlite:////dev",
    ],
)
async def test_a_database_that_cannot_be_reached_is_an_outage(url):
    db = Database(url)
    assert is_outage(await what_is_raised(db, "SELECT 1"))
    await db.close()
    # The thread that aiosqlite had for a connection that failed to open still reports to this loop.
    await asyncio.sleep(0.1)


async def test_what_the_server_ends_is_an_outage_and_what_we_do_wrong_is_not(postgresql_url):
    db = Database(postgresql_url)
    assert is_outage(await what_is_raised(db, "SELECT pg_terminate_backend(pg_backend_pid())"))
    assert is_outage(
        await what_is_raised(db, "DO $$ BEGIN RAISE 'busy' USING ERRCODE = '53300'; END $$")
    )
    assert not is_outage(await what_is_raised(db, "SELECT 1 / 0"))
    assert not is_outage(await what_is_raised(db, "SELECT no_such_column"))
    assert not is_outage(await what_is_raised(db, "SELECT CAST(:n AS bigint)", n=2**70))
    await db.close()


async def test_a_database_that_does_not_exist_is_an_outage(postgresql_url):
    db = Database(postgresql_url + "_not")
    assert is_outage(await what_is_raised(db, "SELECT 1"))
    await db.close()


@pytest.mark.parametrize("error", [FileNotFoundError(), PermissionError(), ValueError()])
def test_other_errors_are_no_outage(error):
    assert not is_outage(error)


def test_a_name_that_is_not_known_is_an_outage():
    assert is_outage(socket.gaierror(-2, "Name or service not known"))


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        asyncpg.exceptions.ProtocolError("unexpected message"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.IdleInTransactionSessionTimeoutError("terminating connection"),
        OSError(errno.EHOSTUNREACH, "No route to host"),
        OSError("Multiple exceptions: [Errno 111] …, [Errno 101] …"),
        ssl.SSLError("handshake failure"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_the_driver_raises_by_itself_is_an_outage_whoever_wraps_it(error):
    assert is_outage(error)
    if not isinstance(error, OSError):
        assert is_outage(sa.exc.DBAPIError(None, None, error))


@pytest.mark.parametrize(
    "error", [asyncpg.UniqueViolationError("twice"), asyncpg.DataError("too long")]
)
def test_what_we_do_wrong_is_no_outage_whoever_wraps_it(error):
    assert not is_outage(error)
    assert not is_outage(sa.exc.DBAPIError(None, None, error))
