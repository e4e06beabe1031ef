"""How commands speak: messages to standard error, results to standard output.

What can be mended is told in one line.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import sqlalchemy as sa
import uvloop
from rich.console import Console

from app.config.environment import settings
from app.config.settings import Settings, WrongSettings
from app.db.access import businesses
from app.db.core.engine import Database, database_of
from app.db.core.isolation import stay_in
from app.db.core.outage import DATABASE_ERRORS, is_outage, is_unusable
from app.db.isolated import isolation_of
from app.db.schema import OthersMigrate, TooNew, WrongEncoding, found_in, require_utf8
from app.errors import NotFound
from app.telemetry import configure_logging

T = TypeVar("T")
stderr: Final = Console(stderr=True, highlight=False, soft_wrap=True)


class CommandError(Exception):  # what the operator is told, in one line
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
        WrongSettings: as `settings`.
    """
    config = settings()
    configure_logging(
        json_lines=config.log_json, level=config.log_level, more=config.log_processors()
    )
    return config


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` in a loop of the kind the servers use."""
    return uvloop.run(_last_words(main))


async def _last_words(main: Coroutine[Any, Any, T]) -> T:
    try:
        return await main
    except DATABASE_ERRORS:
        # The thread of an SQLite connection that failed to open reports to this loop once more,
        # after it was told why.
        await asyncio.sleep(0.05)
        raise


@asynccontextmanager
async def opened(config: Settings, *, as_it_is: bool = False) -> AsyncIterator[Database]:
    """The settings' database, seen to have a schema that this build can run on.

    Its role is seen to be held to one business or not, as the settings say; not with `as_it_is`.

    Raises:
        CommandError: it hasn't, or is not.
    """
    _refuse_absent_file(config.database_url)
    db = database_of(config)
    try:
        await require_utf8(db)
        found = await found_in(db)
        if not found.is_compatible:
            raise CommandError(found.sentence)
        if not as_it_is:
            isolation = await isolation_of(db)
            if not isolation.fits(wanted=db.is_isolated):
                raise CommandError(isolation.sentence(wanted=db.is_isolated))
        yield db
    finally:
        await db.close()


def _refuse_absent_file(database_url: str) -> None:
    """Refuse a file that isn't there, before a connection would make it.

    The path may be mistyped, and an empty file is no help to whoever looks.
    """
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}:
        path = Path(str(url.database)).absolute()
        if not path.exists():
            raise CommandError(
                f"There is no database at {path}, where BULK_CANCEL_DATABASE_URL says. Mend it, "
                "or make one with: bulk-cancel migrate"
            )


async def known_business(db: Database, business_id: str) -> None:
    """Makes sure that there is such a business; the command works for it from now on.

    Raises:
        Trouble: there is none.
    """
    try:
        stay_in(business_id)
        async with db.read() as conn:
            await businesses.get(conn, business_id)
    except NotFound as error:
        raise CommandError(f"There is no business {business_id}.") from error


def explain(error: BaseException) -> str | None:
    """One line about an error from outside that an operator can mend.

    None for a fault of ours.
    """
    if isinstance(error, WrongSettings | TooNew | OthersMigrate | WrongEncoding):
        return str(error)
    if isinstance(error, DATABASE_ERRORS) and is_outage(error):
        return (
            "The database that BULK_CANCEL_DATABASE_URL names can't be reached: "
            f"{_first_line(error)}"
        )
    if is_unusable(error):
        return (
            f"The database that BULK_CANCEL_DATABASE_URL names can't be used: {_first_line(error)}"
        )
    if isinstance(error, OSError):
        return (
            f"{error.strerror or type(error).__name__}: {error.filename}"
            if error.filename
            else _first_line(error)
        )
    return None


def fail(message: str) -> NoReturn:
    """Ends the process with one line and exit code 1."""
    say(f"bulk-cancel: {message}")
    raise SystemExit(1)


def _first_line(error: BaseException) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
