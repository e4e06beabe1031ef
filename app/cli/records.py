"""Commands that change, list or check what the database holds: the schema, businesses, keys and the books."""

import re
from typing import Annotated, Final

import typer

from app import auth
from app.auth import Scope
from app.cancellation import verify as books
from app.cancellation.verify import Violation
from app.cli.terminal import Trouble, configured, known_business, opened, result, run, say
from app.config import Settings
from app.days import zone_named
from app.db import businesses, schema
from app.db.dialect import instant_text
from app.db.keys import Key

_ID: Final = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_MOST_NAME: Final = 200


def _id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise typer.BadParameter("1 to 128 of A-Z a-z 0-9 . _ : ~ -")
    return value


def _zone(value: str) -> str:
    if zone_named(value) is None:
        raise typer.BadParameter("an IANA time zone is needed, such as America/Toronto")
    return value


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise typer.BadParameter("an ISO 4217 code is needed, such as CAD")
    return value


def _name(value: str) -> str:
    if not 1 <= len(value) <= _MOST_NAME or not value.isprintable():
        raise typer.BadParameter(f"1 to {_MOST_NAME} printable characters are needed")
    return value


BusinessId = Annotated[str, typer.Argument(metavar="BUSINESS", help="The business's id.", callback=_id)]


def migrate() -> None:
    """Bring the schema to the newest version; safe to run from several places at once."""
    version = schema.migrate(configured().database_url)
    say(f"The schema is at version {version}.")


def create_business(
    id: Annotated[str, typer.Argument(metavar="ID", help="The new business's id.", callback=_id)],  # noqa: A002
    name: Annotated[str, typer.Option(help="Its name.", callback=_name)],
    timezone: Annotated[str, typer.Option(help="IANA time zone that its days are counted in.", callback=_zone)],
    currency: Annotated[str, typer.Option(help="ISO 4217 code of its usual currency.", callback=_currency)],
) -> None:
    """Create a business."""
    run(_create_business(configured(), id, name, timezone, currency))
    say(f"Created business {id}. Give it a key: bulk-cancel keys create {id}")


async def _create_business(config: Settings, business_id: str, name: str, timezone: str, currency: str) -> None:
    async with opened(config) as db, db.write() as conn:
        await businesses.create(conn, business_id, name, timezone, currency)


def create_key(
    business: BusinessId,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What the key may do; repeat it for several. All, unless named.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the audit calls its holder.", callback=_name)] = "default",
) -> None:
    """Print a new API key, alone, on standard output; it is not shown again."""
    result(run(_create_key(configured(), business, name, scope or list(Scope))))


async def _create_key(config: Settings, business_id: str, name: str, scopes: list[Scope]) -> str:
    async with opened(config) as db:
        await known_business(db, business_id)
        return await auth.create_key(db, business_id, name, scopes)


def list_keys(
    business: Annotated[str | None, typer.Argument(metavar="[BUSINESS]", help="Only this business's keys.")] = None,
) -> None:
    """List keys, oldest first: prefix, business, name, scopes, when created, and whether revoked; tab-separated."""
    for key in run(_list_keys(configured(), business)):
        state = "in force" if key.revoked_at is None else f"revoked {instant_text(key.revoked_at)}"
        columns = (key.prefix, key.business_id, key.name, key.scopes, instant_text(key.created_at), state)
        result("\t".join(columns))


async def _list_keys(config: Settings, business_id: str | None) -> list[Key]:
    async with opened(config) as db:
        return list(await auth.list_keys(db, business_id))


def revoke_key(
    prefix: Annotated[str, typer.Argument(help="The key's prefix, as `keys list` prints it (or the whole key).")],
) -> None:
    """Put a key out of force, from now on."""
    public_part = prefix.split("_")[1] if prefix.startswith("bck_") else prefix
    if not run(_revoke_key(configured(), public_part)):
        raise Trouble(f"There is no key in force with the prefix {public_part}.")
    say(f"Revoked {public_part}.")


async def _revoke_key(config: Settings, prefix: str) -> bool:
    async with opened(config) as db:
        return await auth.revoke_key(db, prefix)


def verify(
    business: Annotated[str | None, typer.Option(help="Only this business's books.")] = None,
) -> None:
    """Check the books; prints each row that breaks an invariant (rule, job, row; tab-separated) and exits 1."""
    found = run(_verify(configured(), business))
    for violation in found:
        result(f"{violation.code}\t{violation.job_id}\t{violation.row_id}")
    if found:
        rules = "; ".join(sorted({f"{violation.code}: {violation.rule}" for violation in found}))
        raise Trouble(f"{len(found)} rows break an invariant. {rules}")
    say("The books are in order.")


async def _verify(config: Settings, business_id: str | None) -> list[Violation]:
    async with opened(config) as db:
        if business_id is not None:
            await known_business(db, business_id)
        return await books.verify(db, business_id, overdue_seconds=2 * config.sweep_seconds)
