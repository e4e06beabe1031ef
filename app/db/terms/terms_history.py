"""A business's terms: every version that was ever set, the last in force."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.approvals.limits import limits
from app.db.core.driver import Connection, fetch
from app.db.core.versions import Versions
from app.db.jobs.job import AWAITS_APPROVAL
from app.db.tables import businesses, jobs, terms_history
from app.db.tables.messages import message_settings
from app.domain.nouns.versions import SetVersion

versions: Final = Versions(terms_history)
_NEWEST: Final = versions.newest.subquery("newest")
_BUSINESS: Final = sa.select(sa.bindparam("of_business", type_=sa.String).label("id")).subquery()
_LIMITS: Final = limits.newest.subquery("limits_in_force")
# One row, whatever has been set.
_WITH_MESSAGES: Final = (
    sa.select(
        *_NEWEST.c,
        message_settings.c.document.label("messages"),
        businesses.c.suspended_at,
        _LIMITS.c.document.label("limits"),
        sa.exists()
        .where(jobs.c.business_id == _BUSINESS.c.id, AWAITS_APPROVAL)
        .label("awaits_approval"),
    )
    .select_from(_BUSINESS)
    .outerjoin(_NEWEST, sa.true())
    .outerjoin(_LIMITS, sa.true())
    .outerjoin(message_settings, message_settings.c.business_id == _BUSINESS.c.id)
    .outerjoin(businesses, businesses.c.id == _BUSINESS.c.id)
)


class OwnSettings(NamedTuple):
    """What a cancellation is settled and told by unless it says otherwise; None: never set.

    `limits`: above which it needs an approval, whatever it says. `awaits_approval`: whether some
    job of the business does.
    """

    terms: SetVersion | None
    messages: Mapping[str, Any] | None
    is_suspended: bool
    limits: Mapping[str, Any] | None
    awaits_approval: bool


async def with_messages(conn: Connection, business_id: str) -> OwnSettings:
    """What the business has set as it is now, and whether it may press."""
    (row,) = await fetch(conn, _WITH_MESSAGES, {"of_business": business_id})
    *newest, messages, suspended_at, own_limits, awaits_approval = row.values()
    terms = None if newest[0] is None else SetVersion(*newest)
    return OwnSettings(terms, messages, suspended_at is not None, own_limits, bool(awaits_approval))


async def lock(conn: AsyncConnection, business_id: str) -> None:
    """Keep everybody else from setting this business's terms until the transaction ends."""
    query = sa.select(businesses.c.id).where(businesses.c.id == business_id)
    await conn.execute(query.with_for_update(key_share=True))
