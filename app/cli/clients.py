"""Commands about single clients: `export`, all that is held of one, and `erase`."""

import asyncio
import sys
from typing import Annotated

import typer

from app.cli.terminal import configured, known_business, opened, result, run, say
from app.config.settings import Settings
from app.domain.nouns.administration import COMMAND
from app.domain.nouns.privacy import Erased, Erasure
from app.privacy import erase, export

Client = Annotated[str, typer.Argument(metavar="CLIENT", help="The client's id.")]
Business = Annotated[str, typer.Option(help="The business's id.")]


def export_client(client: Client, business: Business) -> None:
    """Print all that is held of a client, as one JSON document."""
    run(_export(configured(), business, client))
    sys.stdout.write("\n")
    sys.stdout.flush()


async def _export(config: Settings, business_id: str, client_id: str) -> None:
    async with opened(config) as db:
        await known_business(db, business_id)
        async for part in export.stream(db, business_id, client_id):
            sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def erase_client(client: Client, business: Business) -> None:
    """Erase a client: nothing says any more who they were. It can't be undone.

    Prints how many rows were changed, by what they are.
    """
    done = run(_erase(configured(), business, client))
    for what in Erased:
        result(f"{what}\t{done.counts.get(what, 0)}")
    if done.due_at is not None:
        say("A worker goes through the rest.")


async def _erase(config: Settings, business_id: str, client_id: str) -> Erasure:
    async with opened(config) as db:
        await known_business(db, business_id)
        await erase.erase(db, business_id, client_id, config.secret_box(), by=COMMAND)
        eraser = erase.Eraser(db, asyncio.Event())
        while await erase.run_due(eraser) is not None:
            pass
        return await erase.status(db, business_id, client_id)
