"""A business's terms: every version that was ever set, the last in force."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.driver import Connection, fetch
from app.db.tables import businesses, terms_history
from app.db.tables.approvals import approval_limits
from app.db.tables.messages import message_settings
from app.domain.nouns.terms import TermsVersion

_COLUMNS: Final = tuple(
    terms_history.c[name] for name in ("version", "document", "set_by", "set_at")
)
_VERSIONS: Final = (
    sa.select(*_COLUMNS)
    .where(terms_history.c.business_id == sa.bindparam("of_business"))
    .order_by(terms_history.c.version.desc())
)
_IN_FORCE: Final = _VERSIONS.limit(1)
_NEWEST: Final = _IN_FORCE.subquery("newest")
_BUSINESS: Final = sa.select(sa.bindparam("of_business", type_=sa.String).label("id")).subquery()
_LIMITS: Final = (
    sa.select(approval_limits.c.document.label("limits"))
    .where(approval_limits.c.business_id == sa.bindparam("of_business"))
    .order_by(approval_limits.c.version.desc())
    .limit(1)
    .subquery("limits_in_force")
)
# One row, whatever has been set.
_WITH_MESSAGES: Final = (
    sa.select(
        *_NEWEST.c,
        message_settings.c.document.label("messages"),
        businesses.c.suspended_at,
        _LIMITS.c.limits,
    )
    .select_from(_BUSINESS)
    .outerjoin(_NEWEST, sa.true())
    .outerjoin(_LIMITS, sa.true())
    .outerjoin(message_settings, message_settings.c.business_id == _BUSINESS.c.id)
    .outerjoin(businesses, businesses.c.id == _BUSINESS.c.id)
)


class OwnSettings(NamedTuple):
    """What a cancellation is settled and told by unless it says otherwise; None: never set.

    `limits`: above which it needs an approval, whatever it says.
    """

    terms: TermsVersion | None
    messages: Mapping[str, Any] | None
    is_suspended: bool
    limits: Mapping[str, Any] | None


async def in_force(conn: Connection, business_id: str) -> TermsVersion | None:
    """The business's terms as they are now; None: it has never set any."""
    rows = await fetch(conn, _IN_FORCE, {"of_business": business_id})
    return TermsVersion(*rows[0].values()) if rows else None


async def with_messages(conn: Connection, business_id: str) -> OwnSettings:
    """What the business has set as it is now, and whether it may press."""
    (row,) = await fetch(conn, _WITH_MESSAGES, {"of_business": business_id})
    *newest, messages, suspended_at, limits = row.values()
    terms = None if newest[0] is None else TermsVersion(*newest)
    return OwnSettings(terms, messages, suspended_at is not None, limits)


async def page(
    conn: AsyncConnection, business_id: str, *, before: int | None, limit: int
) -> list[TermsVersion]:
    """Versions, the newest first, from the one after `before`."""
    query = _VERSIONS if before is None else _VERSIONS.where(terms_history.c.version < before)
    rows = await conn.execute(query.limit(limit), {"of_business": business_id})
    return [TermsVersion(*row) for row in rows]


async def lock(conn: AsyncConnection, business_id: str) -> None:
    """Keep everybody else from setting this business's terms until the transaction ends."""
    query = sa.select(businesses.c.id).where(businesses.c.id == business_id)
    await conn.execute(query.with_for_update(key_share=True))


async def add(conn: AsyncConnection, business_id: str, new: TermsVersion) -> None:
    """Set the terms anew, as the next version of those that are locked."""
    row = {name: getattr(new, name) for name in ("version", "document", "set_by", "set_at")}
    await conn.execute(sa.insert(terms_history).values(business_id=business_id, **row))
