"""How commands speak: messages to standard error, results to standard output, and one line for what can be mended."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn, TypeVar

import sqlalchemy as sa
import uvloop
from pydantic import ValidationError
from rich.console import Console

from app.config import Settings, settings
from app.db import businesses
from app.db.engine import Database
from app.db.outage import DATABASE_ERRORS, is_outage
from app.db.schema import newest_version, version_of
from app.errors import NotFound
from app.telemetry import configure_logging

T = TypeVar("T")
stderr: Final = Console(stderr=True, highlight=False, soft_wrap=True)


class Trouble(Exception):  # noqa: N818 - what the operator is told, in one line
    """Something that the operator can mend; the command ends with exit code 1."""


def say(message: str) -> None:
    """One message for a person, as it is."""
    stderr.print(message, markup=False)


def result(text: str) -> None:
    """One line of what the command was asked for."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def configured() -> Settings:
    """The process's settings, with logging set up by them.

    Raises:
        Trouble: a variable holds what its setting can't take; its value is not repeated, it may be a secret.
    """
    try:
        config = settings()
    except ValidationError as error:
        told = [f"BULK_CANCEL_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()]
        raise Trouble("; ".join(told)) from error
    configure_logging(json_lines=config.log_json, level=config.log_level)
    return config


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` in a loop of the kind the servers use."""
    return uvloop.run(_last_words(main))


async def _last_words(main: Coroutine[Any, Any, T]) -> T:
    try:
        return await main
    except DATABASE_ERRORS:
        # The thread of an SQLite connection that failed to open still reports to this loop, after it was told why.
        await asyncio.sleep(0.05)
        raise


@asynccontextmanager
async def opened(config: Settings) -> AsyncIterator[Database]:
    """The database of the settings, seen to have this build's schema.

    Raises:
        Trouble: it hasn't.
    """
    db = Database(config.database_url, pool_size=config.database_pool)
    try:
        version = await version_of(db)
        if version is None:
            raise Trouble("The database has no schema yet. Run: bulk-cancel migrate")
        if version != newest_version():
            raise Trouble(
                f"The database's schema is version {version}, this build needs {newest_version()}. "
                "Run: bulk-cancel migrate"
            )
        yield db
    finally:
        await db.close()


async def known_business(db: Database, business_id: str) -> None:
    """Makes sure that there is such a business.

    Raises:
        Trouble: there is none.
    """
    try:
        async with db.read() as conn:
            await businesses.get(conn, business_id)
    except NotFound as error:
        raise Trouble(f"There is no business {business_id}.") from error


def explain(error: BaseException) -> str | None:
    """One line about an error from outside that an operator can mend; None for a fault of ours."""
    if isinstance(error, DATABASE_ERRORS) and is_outage(error):
        return f"The database can't be reached: {_first_line(error)}"
    if isinstance(error, sa.exc.ArgumentError | sa.exc.NoSuchModuleError):
        return "BULK_CANCEL_DATABASE_URL is not an address this service knows: postgresql+asyncpg://… or sqlite+aiosqlite:///…"
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}: {error.filename}" if error.filename else _first_line(error)
    return None


def fail(message: str) -> NoReturn:
    """Ends the process with one line and exit code 1."""
    say(f"bulk-cancel: {message}")
    raise SystemExit(1)


def _first_line(error: BaseException) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
