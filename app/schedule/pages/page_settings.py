"""What a business says of its page: read and changed; each change is written down for good."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.db.access import administration, businesses
from app.db.core import isolation
from app.db.core.engine import Database
from app.db.schedule import public_pages
from app.domain.nouns.administration import Action, Actor, Facts, change_of
from app.domain.nouns.pages import KeptLogo, PageSettings
from app.domain.pages.logo import Logo
from app.errors import NotFound, Suspended


async def of_business(db: Database, business_id: str) -> PageSettings:
    """The business's own; where it has said nothing, the service's."""
    with isolation.of_business(business_id):
        async with db.single() as conn:
            return await public_pages.settings(conn, business_id)


async def origins(db: Database, business_id: str) -> tuple[str, ...]:
    """The sites that may show the business's schedule; none where it is not in service."""
    return (await _in_service(db, business_id)).origins


async def api_origins(db: Database, business_id: str) -> tuple[str, ...]:
    """The sites whose scripts may read what its callers are answered; none as of `origins`."""
    return (await _in_service(db, business_id)).api_origins


async def _in_service(db: Database, business_id: str) -> PageSettings:
    """What a business says of its page; nothing, where it is not in service."""
    with isolation.of_business(business_id):
        async with db.single() as conn:
            try:
                await businesses.in_service(conn, business_id)
            except (NotFound, Suspended):
                return PageSettings()
            return await public_pages.settings(conn, business_id)


async def logo(db: Database, business_id: str, tag: str) -> KeptLogo:
    """The business's logo of this tag, for anybody.

    Raises:
        NotFound: there is no such business, or that is not its logo now.
        Suspended: it is out of service.
    """
    with isolation.of_business(business_id):
        async with db.single() as conn:
            await businesses.in_service(conn, business_id)
            kept = await public_pages.logo(conn, business_id)
    if kept is None or kept.tag != tag:
        raise NotFound("logo")
    return kept


async def change(
    db: Database, business_id: str, changed: Mapping[str, Any], *, by: Actor
) -> PageSettings:
    """Change those members of its page that are named.

    They are `colour`, `origins`, `api_origins` and `logo`.

    A logo of None takes it away. Other pages of this process show it at once, those of others
    within what a page is kept for.
    """
    async with db.write() as conn:
        await businesses.hold(conn, business_id)
        before = await public_pages.settings(conn, business_id)
        names = ("colour", "origins", "api_origins")
        said = {name: changed[name] for name in names if name in changed}
        after = replace(before, **said)
        await public_pages.write(conn, business_id, after, set_by=by.name)
        if "logo" in changed:
            kept = _kept(changed["logo"])
            await public_pages.write_logo(conn, business_id, kept)
            after = replace(after, logo_tag=None if kept is None else kept.tag)
        if after != before:
            deed = change_of(
                Action.PAGE_SET, business_id, business_id, _facts(before), _facts(after)
            )
            await administration.record(conn, by, deed)
    return after


def _kept(new: Logo | None) -> KeptLogo | None:
    if new is None:
        return None
    tag = hashlib.sha256(new.content).hexdigest()[:32]
    return KeptLogo(new.media_type, new.content, tag)


def _facts(settings: PageSettings) -> Facts:
    return settings.document() | {"logo": settings.logo_tag}
