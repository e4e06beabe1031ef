"""Commands that change or check what the database holds: the schema and the books."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.cli.evidence import KeyFile, handed_out_in
from app.cli.terminal import CommandError, configured, known_business, opened, result, run, say
from app.config.settings import Settings
from app.db import schema
from app.refunds import verify as books
from app.refunds import verify_chains as chains
from app.refunds.verify import Violation
from app.refunds.verify_chains import HandedOut


def migrate() -> None:
    """Bring the schema to the newest version.

    Safe to run from several places at once, and before newer processes.
    """
    say(schema.migrate(configured().database_url).sentence)


def verify(
    business: Annotated[str | None, typer.Option(help="Only this business's books.")] = None,
    proof: Annotated[
        list[Path] | None,
        typer.Option(
            help=(
                "A proof of an audit that was handed out, or an event of an ended bulk "
                "cancellation: the chain of its job must go on from there. May be repeated."
            ),
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    key: KeyFile = None,
) -> None:
    """Check the books, and the chain of each job.

    Prints each row that breaks an invariant (rule, job, row; tab-separated) and exits 1.
    """
    config = configured()
    handed_out = [handed_out_in(file, key) for file in proof or ()]
    found = run(_verify(config, business, handed_out))
    for violation in found:
        result(f"{violation.code}\t{violation.job_id}\t{violation.row_id}")
    if found:
        rules = "; ".join(sorted({f"{violation.code}: {violation.rule}" for violation in found}))
        raise CommandError(f"{len(found)} rows break an invariant. {rules}")
    say("The books are in order.")


async def _verify(
    config: Settings, business_id: str | None, handed_out: Sequence[HandedOut]
) -> list[Violation]:
    async with opened(config) as db:
        if business_id is not None:
            await known_business(db, business_id)
        found = await books.verify(db, business_id, overdue_seconds=2 * config.sweep_seconds)
        found += await chains.verify(db, business_id)
        return found + await chains.compare(db, handed_out)
