"""Commands for the database itself: whose rows the role of the processes may see."""

from typing import Annotated

import typer

from app.cli.terminal import CommandError, configured, opened, result, run, say
from app.config.settings import Settings
from app.db import isolate
from app.db.isolate import WrongRole
from app.db.isolated import Isolation, isolation_of


def isolate_database(
    role: Annotated[
        str | None,
        typer.Option(
            help=(
                "The role of the API and its workers, which owns nothing. Unset: they go on with "
                "that of DATABASE_URL."
            )
        ),
    ] = None,
) -> None:
    """Have PostgreSQL keep businesses apart, whatever a statement has forgotten.

    To be run with the DATABASE_URL of the role that owns the tables, as `migrate` is. It may be run
    again. Then set DATABASE_ISOLATION=true.
    """
    filled = run(_isolate(configured(), role))
    if filled:
        say(f"Wrote whose they are to {filled} rows of older builds.")
    say("Each business is on its own. Start the processes with BULK_CANCEL_DATABASE_ISOLATION=true")


async def _isolate(config: Settings, role: str | None) -> int:
    plain = config.model_copy(update={"database_isolation": False})
    async with opened(plain, as_it_is=True) as db:
        if not db.is_postgresql:
            raise CommandError("Only PostgreSQL keeps businesses apart, and this is SQLite.")
        try:
            return await isolate.isolate(db, role)
        except WrongRole as wrong:
            raise CommandError(f"{wrong}.") from wrong


def show_database() -> None:
    """Print whether the role of DATABASE_URL is held; tab-separated.

    Exits with 1 where the processes would have it otherwise than DATABASE_ISOLATION says.
    """
    config = configured()
    found = run(_look(config))
    result(f"isolated\t{'yes' if found.is_whole else 'no' if not found.held else 'in part'}")
    result(f"owns its tables\t{'yes' if found.owns else 'no'}")
    for table in found.open if found.held else ():
        result(f"open\t{table}")
    if not found.fits(wanted=config.database_isolation):
        raise CommandError(found.sentence(wanted=config.database_isolation))


async def _look(config: Settings) -> Isolation:
    async with opened(config, as_it_is=True) as db:
        return await isolation_of(db)
