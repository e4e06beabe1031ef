"""Tells an outage of the database, which the caller should wait out, from a fault of ours, which waiting won't mend."""

import socket
from typing import Final

import sqlalchemy as sa

# PostgreSQL's error classes (appendix A): connection, sign-in, no such database, transaction rollback, insufficient
# resources, operator intervention (shutting down, starting up, a statement's time is over).
_PASSING: Final = frozenset({"08", "28", "3D", "40", "53", "57"})
_LOCK_NOT_AVAILABLE: Final = "55P03"

DATABASE_ERRORS: Final = (sa.exc.SQLAlchemyError, OSError)
"""All that a statement may raise; `is_outage` tells which of them will pass."""


def is_outage(error: BaseException) -> bool:
    """True when the database can't be reached, is overloaded or is going down; the same request may succeed later."""
    if isinstance(error, sa.exc.DBAPIError):
        sqlstate = getattr(error.orig, "sqlstate", None)
        return (
            error.connection_invalidated
            or isinstance(error, sa.exc.OperationalError)  # SQLite: locked, full, unreadable
            or (isinstance(sqlstate, str) and (sqlstate[:2] in _PASSING or sqlstate == _LOCK_NOT_AVAILABLE))
            # asyncpg's word for a closed connection, and, when it is a ValueError too, for a parameter it can't send.
            or (isinstance(error, sa.exc.InterfaceError) and not isinstance(_driver(error), ValueError))
        )
    # Connecting fails with the socket's own errors; the pool with SQLAlchemy's.
    return isinstance(error, sa.exc.TimeoutError | ConnectionError | TimeoutError | socket.gaierror)


def _driver(error: sa.exc.DBAPIError) -> BaseException | None:
    return error.orig.__cause__ if error.orig is not None else None
