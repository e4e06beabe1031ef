"""Who checks a plan of a business: one at a time over all processes, for the time of a lease.

A lease is by the database's clock. Who has died blocks nobody for longer than that.
"""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import insert, later, now
from app.db.tables import plan_checks


async def claim(
    conn: AsyncConnection, business_id: str, checker: str, *, lease_seconds: float
) -> bool:
    """Have the business's next check; False: another has it, and its lease is not over."""
    # Reckoned anew where there is a row: a statement that has waited for it is older than that.
    taken = {"checker": checker, "leased_until": later(lease_seconds)}
    statement = (
        insert(conn, plan_checks)
        .values(business_id=business_id, **taken)
        .on_conflict_do_update(
            index_elements=["business_id"], set_=taken, where=plan_checks.c.leased_until <= now()
        )
        .returning(plan_checks.c.checker)
    )
    return (await conn.execute(statement)).one_or_none() is not None


async def renew(
    conn: AsyncConnection, business_id: str, checker: str, *, lease_seconds: float
) -> bool:
    """Have it for as long again; False: another has taken it since."""
    statement = (
        sa.update(plan_checks)
        .where(*_of(business_id, checker))
        .values(leased_until=later(lease_seconds))
    )
    return (await conn.execute(statement)).rowcount == 1


async def release(conn: AsyncConnection, business_id: str, checker: str) -> None:
    """Let the next begin at once; nothing where another has taken it since."""
    await conn.execute(sa.delete(plan_checks).where(*_of(business_id, checker)))


def _of(business_id: str, checker: str) -> tuple[sa.ColumnElement[bool], ...]:
    return plan_checks.c.business_id == business_id, plan_checks.c.checker == checker
