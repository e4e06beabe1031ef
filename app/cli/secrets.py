"""The command `reseal`, after which the first key of `SECRETS_KEY` opens everything.

The others may be taken away then.
"""

import sqlalchemy as sa

from app.cli.terminal import CommandError, configured, opened, run, say
from app.config.settings import Settings
from app.db.access import encrypted
from app.db.core.engine import Database
from app.db.tables import businesses
from app.encryption import SecretBox, Undecryptable

_AT_ONCE = 200
_NIL = "00000000-0000-0000-0000-000000000000"


def reseal() -> None:
    """Seal every secret in the database anew, with the first key of SECRETS_KEY.

    The others may go afterwards.
    """
    count, unreadable = run(_reseal(configured()))
    told = f"Sealed {count} secrets with the first key"
    if unreadable:
        raise CommandError(
            f"{told}; no key that is given opens these, which are as they were: "
            f"{', '.join(unreadable)}."
        )
    say(f"{told}.")


async def _reseal(config: Settings) -> tuple[int, list[str]]:
    seals = config.seals()
    if seals is None:
        raise CommandError("BULK_CANCEL_SECRETS_KEY is not set: there is nothing to seal with.")
    count, unreadable = 0, []
    async with opened(config) as db:
        for table, column in encrypted.places():
            done, not_done = await _column(db, seals, table, column)
            count += done
            unreadable += not_done
    return count, unreadable


async def _column(
    db: Database, seals: SecretBox, table: sa.Table, column: sa.Column[str]
) -> tuple[int, list[str]]:
    """How many seals of a column were made anew, and where unopenable ones are."""
    count, unreadable, after = 0, [], "" if table is businesses else _NIL
    while True:
        async with db.write() as conn:
            rows = await encrypted.page(conn, table, column, after=after, limit=_AT_ONCE)
            for row_id, before in rows:
                try:
                    renewed = seals.renew(before, encrypted.place_in(table, column, row_id))
                    await encrypted.replace(conn, table, column, row_id, before, renewed)
                    count += 1
                except Undecryptable:
                    unreadable.append(f"{table.name} {row_id} {column.name}")
        if not rows:
            return count, unreadable
        after = rows[-1][0]
