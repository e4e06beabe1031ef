"""Looking after businesses: making, naming, and putting them out of service and in again.

Nothing that was accepted depends on a business's name, zone or currency: its job has what it needs
in its own rows. So these may change at any time. A suspended business's callers are refused, and
what it has accepted goes on: the money is owed to its clients.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import structlog

from app.auth.belief import doubt
from app.auth.callers import Caller
from app.db.access import administration, businesses
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.domain.nouns.administration import COMMAND, Action, Actor, Deed, Facts, change_of
from app.domain.nouns.businesses import NewBusiness, RegisteredBusiness

log = structlog.get_logger()
_SUSPENSION = "suspended_because"


async def create(db: Database, new: NewBusiness, *, by: Actor = COMMAND) -> RegisteredBusiness:
    """Make a business.

    Raises:
        Problem: 409 `business-exists`.
    """
    with of_business(new.id):
        async with db.write() as conn:
            await businesses.create(conn, new.id, new.name, new.timezone, new.currency)
            made = await businesses.registered(conn, new.id)
            deed = Deed(Action.BUSINESS_CREATED, new.id, new.id, after=_facts(made))
            await administration.record(conn, by, deed)
    log.info("business.created", business_id=new.id)
    return made


async def get(db: Database, business_id: str) -> RegisteredBusiness:
    """One business, in service or not.

    Raises:
        NotFound: there is none of this id.
    """
    with of_business(business_id):
        async with db.read() as conn:
            return await businesses.registered(conn, business_id)


async def page(
    db: Database, *, after: str | None = None, limit: int | None = None
) -> list[RegisteredBusiness]:
    """Businesses in the order of their ids, from the one after `after`; `limit` of None: all."""
    async with db.read(across=True) as conn:
        return await businesses.page(conn, after=after, limit=limit)


async def change(
    db: Database, business_id: str, changes: Mapping[str, Any], *, by: Actor = COMMAND
) -> RegisteredBusiness:
    """Change its `name`, `timezone` or `currency`, or whether it is in service.

    `suspended_because` puts it out of service, and None in again. That is from this commit on in
    this process; others refuse its callers within `BELIEVED_SECONDS`, and accept no cancellation
    of it from the commit on.

    Raises:
        NotFound: there is none of this id.
    """
    facts = {name: value for name, value in changes.items() if name != _SUSPENSION}
    with of_business(business_id):
        async with db.write() as conn:
            before = await businesses.registered(conn, business_id, lock=True)
            if facts:
                await businesses.update(conn, business_id, facts)
            if _SUSPENSION in changes:
                await businesses.suspend(conn, business_id, changes[_SUSPENSION])
            changed = await businesses.registered(conn, business_id)
            for deed in _deeds(before, changed):
                await administration.record(conn, by, deed)
    doubt(db, lambda one: isinstance(one, Caller) and one.business_id == business_id)
    log.info("business.changed", business_id=business_id, members=sorted(changes))
    return changed


def _facts(one: RegisteredBusiness) -> Facts:
    return {"name": one.name, "timezone": one.timezone, "currency": one.currency}


def _deeds(before: RegisteredBusiness, after: RegisteredBusiness) -> Iterator[Deed]:
    """What was done to a business: nothing where all is as it was."""
    if _facts(before) != _facts(after):
        yield change_of(Action.BUSINESS_CHANGED, after.id, after.id, _facts(before), _facts(after))
    if before.suspension == after.suspension:
        return
    was, is_ = (
        None if out is None else {"reason": out.because}
        for out in (before.suspension, after.suspension)
    )
    action = Action.BUSINESS_UNSUSPENDED if is_ is None else Action.BUSINESS_SUSPENDED
    yield Deed(action, after.id, after.id, was, is_)
