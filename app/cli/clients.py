"""Commands about single clients: `export`, all that is held of one."""

import sys
from typing import Annotated

import typer

from app.cli.terminal import configured, known_business, opened, run
from app.config.settings import Settings
from app.privacy import export

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
