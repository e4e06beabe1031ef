"""Commands that change, list or check what the database holds.

That is the schema, businesses, keys and the books.
"""

import re
from typing import Annotated, Final

import typer

from app.auth import keys
from app.auth.keys import Scope
from app.cli.terminal import CommandError, configured, known_business, opened, result, run, say
from app.config.settings import Settings
from app.db import schema
from app.db.access import businesses
from app.db.access.keys import KeyRow
from app.domain.days import instant_text
from app.domain.money import CURRENCIES
from app.domain.zones import region_named
from app.refunds import verify as books
from app.refunds.verify import Violation

_ID: Final = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
_MAX_NAME: Final = 200


def _id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise typer.BadParameter("1 to 128 of A-Z a-z 0-9 . _ : ~ -")
    return value


def _zone(value: str) -> str:
    if region_named(value) is None:
        raise typer.BadParameter(
            "an IANA time zone of a region is needed, such as America/Toronto, or UTC"
        )
    return value


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise typer.BadParameter("a currency of ISO 4217 is needed, such as CAD")
    return value


def _name(value: str) -> str:
    if not 1 <= len(value) <= _MAX_NAME or not value.isprintable():
        raise typer.BadParameter(f"1 to {_MAX_NAME} printable characters are needed")
    return value


BusinessId = Annotated[
    str, typer.Argument(metavar="BUSINESS", help="The business's id.", callback=_id)
]


def migrate() -> None:
    """Bring the schema to the newest version.

    Safe to run from several places at once, and before newer processes.
    """
    say(schema.migrate(configured().database_url).sentence)


def create_business(
    id: Annotated[str, typer.Argument(metavar="ID", help="The new business's id.", callback=_id)],  # noqa: A002
    name: Annotated[str, typer.Option(help="Its name.", callback=_name)],
    timezone: Annotated[
        str, typer.Option(help="IANA time zone that its days are counted in.", callback=_zone)
    ],
    currency: Annotated[
        str, typer.Option(help="ISO 4217 code of its usual currency.", callback=_currency)
    ],
) -> None:
    """Create a business."""
    run(_create_business(configured(), id, name, timezone, currency))
    say(f"Created business {id}. Give it a key: bulk-cancel keys create {id}")


async def _create_business(
    config: Settings, business_id: str, name: str, timezone: str, currency: str
) -> None:
    async with opened(config) as db, db.write() as conn:
        await businesses.create(conn, business_id, name, timezone, currency)


def limits(
    business: BusinessId,
    credits_per_line: Annotated[
        int | None,
        typer.Option(
            min=1, max=10**9, help="The most credits that one payment line of a booking may have."
        ),
    ] = None,
) -> None:
    """Print a business's limits, tab-separated; set those that are named before."""
    limit = run(_limits(configured(), business, credits_per_line))
    result(f"credits-per-line\t{limit}")


async def _limits(config: Settings, business_id: str, credits_per_line: int | None) -> int:
    async with opened(config) as db:
        await known_business(db, business_id)
        async with db.write() as conn:
            if credits_per_line is not None:
                await businesses.limit_credits_per_line(conn, business_id, credits_per_line)
            return await businesses.credits_per_line(conn, business_id)


def create_key(
    business: BusinessId,
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What the key may do; repeat it for several. All, unless named."),
    ] = None,
    name: Annotated[
        str, typer.Option(help="What the audit calls its holder.", callback=_name)
    ] = "default",
) -> None:
    """Print a new API key, alone, on standard output; it is not shown again."""
    result(run(_create_key(configured(), business, name, scope or list(Scope))))


async def _create_key(config: Settings, business_id: str, name: str, scopes: list[Scope]) -> str:
    async with opened(config) as db:
        await known_business(db, business_id)
        return await keys.create_key(db, business_id, name, scopes)


def list_keys(
    business: Annotated[
        str | None, typer.Argument(metavar="[BUSINESS]", help="Only this business's keys.")
    ] = None,
) -> None:
    """List keys, oldest first.

    Prefix, business, name, scopes, when created, and whether revoked; tab-separated.
    """
    for key in run(_list_keys(configured(), business)):
        state = "in force" if key.revoked_at is None else f"revoked {instant_text(key.revoked_at)}"
        columns = (
            key.prefix,
            key.business_id,
            key.name,
            key.scopes,
            instant_text(key.created_at),
            state,
        )
        result("\t".join(columns))


async def _list_keys(config: Settings, business_id: str | None) -> list[KeyRow]:
    async with opened(config) as db:
        return list(await keys.list_keys(db, business_id))


def revoke_key(
    prefix: Annotated[
        str, typer.Argument(help="The key's prefix, as `keys list` prints it (or the whole key).")
    ],
) -> None:
    """Put a key out of force, from now on."""
    public_part = prefix.split("_")[1] if prefix.startswith("bck_") else prefix
    if not run(_revoke_key(configured(), public_part)):
        raise CommandError(f"There is no key in force with the prefix {public_part}.")
    say(f"Revoked {public_part}.")


async def _revoke_key(config: Settings, prefix: str) -> bool:
    async with opened(config) as db:
        return await keys.revoke_key(db, prefix)


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
