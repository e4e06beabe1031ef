"""Commands that change or check what the database holds: the schema and the books."""

from typing import Annotated

import typer

from app.cli.terminal import CommandError, configured, known_business, opened, result, run, say
from app.config.settings import Settings
from app.db import schema
from app.refunds import verify as books
from app.refunds.verify import Violation


def migrate() -> None:
    """Bring the schema to the newest version.

    Safe to run from several places at once, and before newer processes.
    """
    say(schema.migrate(configured().database_url).sentence)


def verify(
    business: Annotated[str | None, typer.Option(help="Only this business's books.")] = None,
) -> None:
    """Check the books.

    Prints each row that breaks an invariant (rule, job, row; tab-separated) and exits 1.
    """
    found = run(_verify(configured(), business))
    for violation in found:
        result(f"{violation.code}\t{violation.job_id}\t{violation.row_id}")
    if found:
        rules = "; ".join(sorted({f"{violation.code}: {violation.rule}" for violation in found}))
        raise CommandError(f"{len(found)} rows break an invariant. {rules}")
    say("The books are in order.")


async def _verify(config: Settings, business_id: str | None) -> list[Violation]:
    async with opened(config) as db:
        if business_id is not None:
            await known_business(db, business_id)
        return await books.verify(db, business_id, overdue_seconds=2 * config.sweep_seconds)
