"""Commands for API keys: create, list, rotate, revoke."""

import datetime as dt
from typing import Annotated

import typer

from app.auth import keys, rotation
from app.auth.key_texts import public_part
from app.auth.locations import granted_within, locations_of, not_by_location
from app.auth.platform import keys as platform_keys
from app.auth.roles import Role, Scope
from app.cli.businesses import checked_name
from app.cli.terminal import CommandError, configured, known_business, opened, result, run, say
from app.config.settings import Settings
from app.domain.days import instant_text
from app.domain.nouns.administration import COMMAND
from app.domain.nouns.keys import KeyRow, PlatformKeyRow
from app.errors import NotFound

_HOUR_SECONDS = 3_600

Prefix = Annotated[
    str, typer.Argument(help="The key's prefix, as `keys list` prints it (or the whole key).")
]


_Platform = Annotated[
    bool,
    typer.Option("--platform", help="Of no business: it looks after them (platform:admin)."),
]


def create_key(
    business: Annotated[
        str | None, typer.Argument(metavar="[BUSINESS]", help="The business's id.")
    ] = None,
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What the key may do; repeat it for several. All, unless named."),
    ] = None,
    role: Annotated[
        Role | None, typer.Option(help="A role, instead of scopes: what it may do may grow.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="What the audit calls its holder.", callback=checked_name)
    ] = "default",
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=3_650, help="When it ends. Never, unless named.")
    ] = None,
    location: Annotated[
        list[str] | None,
        typer.Option(help="Limit it to a location of the schedule; repeat it for several."),
    ] = None,
    platform: _Platform = False,
) -> None:
    """Print a new API key, alone, on standard output; it is not shown again.

    It is of a business, or with --platform of none.
    """
    if scope and role:
        raise typer.BadParameter("give --scope or --role, not both")
    if platform and (business is not None or scope or role or location):
        raise typer.BadParameter("a key of the platform has no business, scopes, role or location")
    scopes = () if role else scope or tuple(Scope)
    if location and (more := not_by_location(role, scopes)):
        raise typer.BadParameter(f"a key limited to locations can't have {', '.join(more)}")
    expires_at = None
    if expires_in_days is not None:
        expires_at = dt.datetime.now(dt.UTC) + dt.timedelta(days=expires_in_days)
    if platform:
        result(run(_create_platform_key(configured(), name, expires_at)))
        return
    if business is None:
        raise typer.BadParameter("name a business, or give --platform")
    within = frozenset(location) if location else None
    new = keys.NewKey(business, name, frozenset(scopes), role, expires_at, within)
    result(run(_create_key(configured(), new)))


async def _create_platform_key(config: Settings, name: str, expires_at: dt.datetime | None) -> str:
    async with opened(config) as db:
        return await platform_keys.create(db, name, expires_at)


async def _create_key(config: Settings, new: keys.NewKey) -> str:
    async with opened(config) as db:
        await known_business(db, new.business_id)
        async with db.write() as conn:
            return (await keys.write_key(conn, new, by=COMMAND))[1]


def list_keys(
    business: Annotated[
        str | None, typer.Argument(metavar="[BUSINESS]", help="Only this business's keys.")
    ] = None,
    platform: _Platform = False,
) -> None:
    """List keys of businesses, or with --platform those of none, oldest first.

    Prefix, business, name, scopes, when created, and whether it is in force; then its role, when it
    expires, when it was last used, and which locations it is limited to, or -; tab-separated. Of
    the platform's: prefix, name, when created, whether it is in force, and when it expires.
    """
    if platform:
        for one in run(_list_platform_keys(configured())):
            end = "-" if one.expires_at is None else instant_text(one.expires_at)
            result(
                "\t".join((one.prefix, one.name, instant_text(one.created_at), _state(one), end))
            )
        return
    for key in run(_list_keys(configured(), business)):
        locations = locations_of(key.locations)
        columns = (
            key.prefix,
            key.business_id,
            key.name,
            " ".join(sorted(granted_within(key.role, key.scopes, locations))),
            instant_text(key.created_at),
            _state(key),
            key.role or "-",
            *("-" if at is None else instant_text(at) for at in (key.expires_at, key.last_used_at)),
            ", ".join(sorted(locations or ())) or "-",
        )
        result("\t".join(columns))


async def _list_platform_keys(config: Settings) -> list[PlatformKeyRow]:
    async with opened(config) as db:
        return list(await platform_keys.oldest(db))


def _state(key: KeyRow | PlatformKeyRow) -> str:
    if key.revoked_at is not None:
        return f"revoked {instant_text(key.revoked_at)}"
    return "expired" if key.is_expired else "in force"


async def _list_keys(config: Settings, business_id: str | None) -> list[KeyRow]:
    async with opened(config) as db:
        return list(await keys.list_keys(db, business_id))


def rotate_key(
    prefix: Prefix,
    overlap_hours: Annotated[
        int,
        typer.Option(
            min=0,
            max=rotation.MAX_OVERLAP_SECONDS // _HOUR_SECONDS,
            help="How long the key of before works too; 0: not at all, nor do any others.",
        ),
    ] = rotation.DEFAULT_OVERLAP_SECONDS // _HOUR_SECONDS,
) -> None:
    """Print a key anew, with another secret, alone, on standard output."""
    public = public_part(prefix)
    try:
        result(run(_rotate_key(configured(), public, overlap_hours * _HOUR_SECONDS)))
    except NotFound as error:
        raise _none(public) from error


async def _rotate_key(config: Settings, prefix: str, overlap_seconds: int) -> str:
    async with opened(config) as db:
        return await rotation.rotate(db, prefix, overlap_seconds=overlap_seconds)


def revoke_key(prefix: Prefix) -> None:
    """Put a key out of force, from now on."""
    public = public_part(prefix)
    if not run(_revoke_key(configured(), public)):
        raise _none(public)
    say(f"Revoked {public}.")


async def _revoke_key(config: Settings, prefix: str) -> bool:
    async with opened(config) as db:
        return await keys.revoke_key(db, prefix) or await platform_keys.revoke(db, prefix)


def _none(prefix: str) -> CommandError:
    return CommandError(f"There is no key in force with the prefix {prefix}.")
