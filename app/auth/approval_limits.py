"""A business's limits: above them a cancellation needs somebody else's approval."""

from app.db.access import administration, businesses
from app.db.approvals.limits import limits
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.domain.approval import ApprovalLimits
from app.domain.nouns.administration import Action, Actor, change_of
from app.domain.nouns.versions import SetVersion


async def in_force(db: Database, business_id: str) -> SetVersion | None:
    """The business's limits; None: it has set none."""
    async with db.read() as conn:
        return await limits.in_force(conn, business_id)


async def put(db: Database, business_id: str, new: ApprovalLimits, *, by: Actor) -> SetVersion:
    """Set the business's limits from now on; what awaits an approval goes on awaiting it.

    The same limits again make no new version.
    """
    async with db.write() as conn:
        await businesses.hold(conn, business_id)
        own = await limits.in_force(conn, business_id)
        if own is not None and ApprovalLimits.of(own.document) == new:
            return own
        version = 1 if own is None else own.version + 1
        made = SetVersion(version, new.document(), by.name, await clock(conn))
        await limits.add(conn, business_id, made)
        before = ApprovalLimits() if own is None else ApprovalLimits.of(own.document)
        facts = before.document(), new.document()
        deed = change_of(Action.LIMITS_SET, business_id, business_id, *facts)
        await administration.record(conn, by, deed)
        return made


async def history(
    db: Database, business_id: str, *, before: int | None, limit: int
) -> list[SetVersion]:
    """The versions of the business's limits, the newest first."""
    async with db.read() as conn:
        return await limits.page(conn, business_id, before=before, limit=limit)
