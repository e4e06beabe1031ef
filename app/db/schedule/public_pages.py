"""What anybody sees of a business beside its sessions: its page's settings, and its promises."""

from collections.abc import Collection
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core import changes
from app.db.core.dialect import bound_list, in_bound_list, insert, now
from app.db.core.driver import Connection, fetch
from app.db.tables import jobs, refunds
from app.db.tables.pages import public_pages
from app.domain.nouns.pages import KeptLogo, PageSettings
from app.domain.pages.promise import returns_all
from app.domain.statuses import JobStatus, RefundStatus

_P: Final = public_pages.c
_SETTINGS: Final = sa.select(sa.cast(_P.document, sa.Text).label("document"), _P.logo_tag).where(
    _P.business_id == sa.bindparam("of_business")
)
_LOGO: Final = sa.select(_P.logo_type, _P.logo, _P.logo_tag).where(
    _P.business_id == sa.bindparam("of_business"), _P.logo.is_not(None)
)
# Of these nobody may say in public that all comes back: a person has looked, or has to.
_IS_A_PERSONS: Final = (
    sa.select(sa.literal(1))
    .where(
        refunds.c.job_id == jobs.c.id,
        sa.or_(
            refunds.c.status == RefundStatus.REJECTED, refunds.c.status == RefundStatus.RESOLVED
        ),
    )
    .exists()
)
_PROMISES: Final[sa.Select[*tuple[Any, ...]]] = sa.select(
    sa.cast(jobs.c.id, sa.Text).label("id"),
    sa.cast(jobs.c.totals, sa.Text).label("totals"),
    sa.cast(jobs.c.terms, sa.Text).label("terms"),
).where(
    in_bound_list(jobs.c.id, "of_jobs"),
    jobs.c.status != JobStatus.COMPLETED_WITH_FAILURES,
    ~_IS_A_PERSONS,
)


async def settings(conn: Connection, business_id: str) -> PageSettings:
    """What the business says of its page; where it has said nothing, the service's own."""
    rows = await fetch(conn, _SETTINGS, {"of_business": business_id})
    if not rows:
        return PageSettings()
    document, logo_tag = rows[0].values()
    return PageSettings.of(orjson.loads(document), logo_tag)


async def logo(conn: Connection, business_id: str) -> KeptLogo | None:
    """The business's logo; None: it has none."""
    rows = await fetch(conn, _LOGO, {"of_business": business_id})
    return KeptLogo(*rows[0].values()) if rows else None


async def write(conn: AsyncConnection, business_id: str, new: PageSettings, *, set_by: str) -> None:
    """Set all that the business says of its page but the logo, from now on."""
    changes.note_schedule(business_id)
    row = {"document": new.document(), "set_by": set_by, "set_at": now()}
    statement = insert(conn, public_pages).values(business_id=business_id, **row)
    await conn.execute(statement.on_conflict_do_update(index_elements=["business_id"], set_=row))


async def write_logo(conn: AsyncConnection, business_id: str, new: KeptLogo | None) -> None:
    """Replace the logo of a business that has said something of its page; None: take it away."""
    changes.note_schedule(business_id)
    logo_type, content, tag = (None, None, None) if new is None else new
    row: dict[str, Any] = {"logo_type": logo_type, "logo": content, "logo_tag": tag}
    await conn.execute(sa.update(public_pages).where(_P.business_id == business_id).values(**row))


async def jobs_that_return_all(conn: Connection, job_ids: Collection[str]) -> frozenset[str]:
    """Those of these jobs of which all that was paid comes back, so far as anybody knows."""
    if not job_ids:
        return frozenset()
    rows = await fetch(conn, _PROMISES, {"of_jobs": bound_list(sorted(job_ids))})
    return frozenset(
        row["id"]
        for row in rows
        if returns_all(
            orjson.loads(row["totals"]),
            None if row["terms"] is None else orjson.loads(row["terms"]),
        )
    )
