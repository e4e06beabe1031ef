"""Tells an outage of the database from a fault of ours.

An outage the caller should wait out; a fault is not mended by waiting.
"""

import errno
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from typing import Final

import asyncpg
import sqlalchemy as sa

# PostgreSQL's error classes (appendix A): connection, sign-in, no such database, transaction
# rollback, insufficient resources, operator intervention (shutting down, starting up, a statement's
# time is over).
_PASSING: Final = frozenset({"08", "28", "3D", "40", "53", "57"})
_NO_RIGHT: Final = "42501"
_NO_DATABASE: Final = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
_READ_ONLY: Final = "25006"  # the address leads to a standby, or the database was made read-only
# Those of other classes: also a lock that was not had in time, and a transaction that was idle for
# too long.
_PASSING_STATES: Final = frozenset({_READ_ONLY, "55P03", "25P03"})
_UNREACHABLE: Final = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
)

DRIVER_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All that PostgreSQL's driver raises of its own.

SQLAlchemy lets the last of them through as it is.
"""

DATABASE_ERRORS: Final = (sa.exc.SQLAlchemyError, OSError, *DRIVER_ERRORS)
"""All that a statement may raise; `is_outage` tells which of them will pass."""


def is_outage(error: BaseException) -> bool:
    """True when the database can't be reached, written or trusted to answer now.

    The same request may succeed later.
    """
    if isinstance(error, sa.exc.DBAPIError) and (
        # The latter is SQLite's: locked, full, unreadable.
        error.connection_invalidated or isinstance(error, sa.exc.OperationalError)
    ):
        return True
    # The pool fails with SQLAlchemy's own.
    return isinstance(error, sa.exc.TimeoutError) or any(map(_passes, _causes(error)))


def is_unusable(error: BaseException) -> bool:
    """True when it is the operator's to mend.

    There is no right to do this there, or the file is no database.
    """
    states = {getattr(one, "sqlstate", None) for one in _causes(error)}
    return _NO_RIGHT in states or any(
        getattr(one, "sqlite_errorcode", None) in _NO_DATABASE for one in _causes(error)
    )


def is_read_only(error: BaseException) -> bool:
    """True when the server, or the session, takes no writes.

    Others of its pool are as useless.
    """
    return any(getattr(one, "sqlstate", None) == _READ_ONLY for one in _causes(error))


def is_broken(error: BaseException) -> bool:
    """True when the driver has lost its place in the conversation.

    Whatever it says next can't be believed.
    """
    return any(isinstance(one, asyncpg.InternalClientError) for one in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what SQLAlchemy wrapped in it, and what its dialect wrapped in that."""
    yield error
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        yield error.orig
        if error.orig.__cause__ is not None:
            yield error.orig.__cause__


def _passes(error: BaseException) -> bool:
    match error:
        case asyncpg.InternalClientError():
            return True
        # A closed connection, and, when it is a ValueError too, a wrong parameter.
        case asyncpg.InterfaceError():
            return not isinstance(error, ValueError)
        case ConnectionError() | TimeoutError() | socket.gaierror() | ssl.SSLError():  # connecting
            return True
        # Of several addresses that failed each in its own way, asyncio makes one without a number.
        case OSError():
            return error.errno in _UNREACHABLE or str(error).startswith("Multiple exceptions")
        case _:
            sqlstate = getattr(error, "sqlstate", None)
            return isinstance(sqlstate, str) and (
                sqlstate[:2] in _PASSING or sqlstate in _PASSING_STATES
            )
