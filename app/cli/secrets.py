"""The command `reencrypt`: then the first key of `SECRETS_KEY` decrypts everything.

The others may be taken away then.
"""

from itertools import product

import sqlalchemy as sa

from app.auth.platform.businesses import page as businesses_of
from app.cli.terminal import CommandError, configured, opened, run, say
from app.config.settings import Settings
from app.db.access import encrypted
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.tables import businesses
from app.encryption import SecretBox, Undecryptable

_AT_ONCE = 200
_NIL = "00000000-0000-0000-0000-000000000000"


def reencrypt() -> None:
    """Encrypt every secret in the database anew, with the first key of SECRETS_KEY.

    The others may go afterwards.
    """
    count, unreadable = run(_reencrypt(configured()))
    done = f"Encrypted {count} secrets with the first key"
    if unreadable:
        raise CommandError(
            f"{done}; no key that is given opens these, which are as they were: "
            f"{', '.join(unreadable)}."
        )
    say(f"{done}.")


async def _reencrypt(config: Settings) -> tuple[int, list[str]]:
    secret_box = config.secret_box()
    if secret_box is None:
        raise CommandError("BULK_CANCEL_SECRETS_KEY is not set: there is nothing to encrypt with.")
    count, unreadable = 0, []
    async with opened(config) as db:
        # Where none is seen but of one business at a time, of one after the other.
        ids = [one.id for one in await businesses_of(db)] if db.is_isolated else [""]
        for business_id, (table, column) in product(ids, encrypted.places()):
            with of_business(business_id):
                done, not_done = await _column(db, secret_box, table, column)
            count += done
            unreadable += not_done
    return count, unreadable


async def _column(
    db: Database, secret_box: SecretBox, table: sa.Table, column: sa.Column[str]
) -> tuple[int, list[str]]:
    """How many ciphertexts of a column were made anew, and where undecryptable ones are."""
    count, unreadable, after = 0, [], "" if table is businesses else _NIL
    while True:
        async with db.write() as conn:
            rows = await encrypted.page(conn, table, column, after=after, limit=_AT_ONCE)
            for row_id, before in rows:
                try:
                    renewed = secret_box.reencrypt(
                        before, encrypted.place_in(table, column, row_id)
                    )
                    await encrypted.replace(conn, table, column, row_id, before, renewed)
                    count += 1
                except Undecryptable:
                    unreadable.append(f"{table.name} {row_id} {column.name}")
        if not rows:
            return count, unreadable
        after = rows[-1][0]
