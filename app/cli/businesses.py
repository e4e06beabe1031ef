"""Commands for businesses: create, list, show, set; and limits of one."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from app.auth.platform import businesses as looking_after
from app.cli.terminal import CommandError, configured, known_business, opened, result, run, say
from app.config.settings import Settings
from app.db.access import administration, businesses
from app.domain.days import instant_text
from app.domain.money import CURRENCIES
from app.domain.nouns.administration import COMMAND, Action, change_of
from app.domain.nouns.businesses import NewBusiness, RegisteredBusiness
from app.domain.zones import region_named
from app.errors import NotFound

_ID: Final = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
_MAX_NAME: Final = 200
_MAX_REASON: Final = 500
_IN_SERVICE: Final = "in service"


def _id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise typer.BadParameter("1 to 128 of A-Z a-z 0-9 . _ : ~ -")
    return value


def _zone(value: str | None) -> str | None:
    if value is not None and region_named(value) is None:
        raise typer.BadParameter(
            "an IANA time zone of a region is needed, such as America/Toronto, or UTC"
        )
    return value


def _currency(value: str | None) -> str | None:
    if value is not None and value not in CURRENCIES:
        raise typer.BadParameter("a currency of ISO 4217 is needed, such as CAD")
    return value


def checked_name(value: str | None) -> str | None:
    """A name as columns have room for it, or the command's usage is wrong."""
    return _line(value, _MAX_NAME)


def _reason(value: str | None) -> str | None:
    return _line(value, _MAX_REASON)


def _line(value: str | None, most: int) -> str | None:
    if value is not None and not (len(value) <= most and value.isprintable() and value.strip()):
        raise typer.BadParameter(f"1 to {most} printable characters are needed")
    return value


BusinessId = Annotated[
    str, typer.Argument(metavar="BUSINESS", help="The business's id.", callback=_id)
]


def create_business(
    id: Annotated[str, typer.Argument(metavar="ID", help="The new business's id.", callback=_id)],  # noqa: A002
    name: Annotated[str, typer.Option(help="Its name.", callback=checked_name)],
    timezone: Annotated[
        str, typer.Option(help="IANA time zone that its days are counted in.", callback=_zone)
    ],
    currency: Annotated[
        str, typer.Option(help="ISO 4217 code of its usual currency.", callback=_currency)
    ],
) -> None:
    """Create a business."""
    run(_create_business(configured(), NewBusiness(id, name, timezone, currency)))
    say(f"Created business {id}. Give it a key: bulk-cancel keys create {id}")


async def _create_business(config: Settings, new: NewBusiness) -> None:
    async with opened(config) as db:
        await looking_after.create(db, new)


def list_businesses() -> None:
    """List businesses, in the order of their ids.

    Id, name, zone, currency, when created, and whether it is in service; tab-separated.
    """
    for one in run(_list_businesses(configured())):
        columns = (one.id, one.name, one.timezone, one.currency, instant_text(one.created_at))
        result("\t".join((*columns, _service(one))))


async def _list_businesses(config: Settings) -> list[RegisteredBusiness]:
    async with opened(config) as db:
        return await looking_after.page(db)


def show_business(business: BusinessId) -> None:
    """Print a business, a line for each thing that is known of it; tab-separated."""
    _show(run(_show_business(configured(), business)))


async def _show_business(config: Settings, business_id: str) -> RegisteredBusiness:
    async with opened(config) as db:
        await known_business(db, business_id)
        return await looking_after.get(db, business_id)


def set_business(
    business: BusinessId,
    name: Annotated[str | None, typer.Option(help="Its name.", callback=checked_name)] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="IANA time zone that its days are counted in.", callback=_zone),
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="ISO 4217 code of its usual currency.", callback=_currency)
    ] = None,
    suspend: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Put it out of service; its callers read why.",
            callback=_reason,
        ),
    ] = None,
    unsuspend: Annotated[
        bool, typer.Option("--unsuspend", help="Put it in service again.")
    ] = False,
) -> None:
    """Change a business, and print it as it is then.

    Suspended, its callers are refused within 12 seconds, and it accepts no cancellation. What it
    has accepted goes on, and hooks about it are heard.
    """
    given = {"name": name, "timezone": timezone, "currency": currency}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if suspend is not None and unsuspend:
        raise typer.BadParameter("give --suspend or --unsuspend, not both")
    if suspend is not None or unsuspend:
        changes["suspended_because"] = suspend
    if not changes:
        raise typer.BadParameter("name something to change")
    _show(run(_set_business(configured(), business, changes)))


async def _set_business(
    config: Settings, business_id: str, changes: Mapping[str, Any]
) -> RegisteredBusiness:
    async with opened(config) as db:
        try:
            return await looking_after.change(db, business_id, changes)
        except NotFound as error:
            raise CommandError(f"There is no business {business_id}.") from error


def _show(one: RegisteredBusiness) -> None:
    for name, value in (
        ("id", one.id),
        ("name", one.name),
        ("timezone", one.timezone),
        ("currency", one.currency),
        ("created", instant_text(one.created_at)),
        ("status", _service(one)),
    ):
        result(f"{name}\t{value}")


def _service(one: RegisteredBusiness) -> str:
    if one.suspension is None:
        return _IN_SERVICE
    return f"suspended {instant_text(one.suspension.since)}: {one.suspension.because}"


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
            before = await businesses.credits_per_line(conn, business_id)
            if credits_per_line is None:
                return before
            await businesses.limit_credits_per_line(conn, business_id, credits_per_line)
            facts = {"credits_per_line": before}, {"credits_per_line": credits_per_line}
            deed = change_of(Action.BUSINESS_LIMITED, business_id, business_id, *facts)
            await administration.record(conn, COMMAND, deed)
            return credits_per_line
