"""Clients as a job names them: as they were when its sessions were cancelled.

Of each change since there is a row of what was before it, and the first of these is what was then.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list
from app.db.jobs.job import Job
from app.db.tables import clients, jobs
from app.db.tables.personal import former_contacts
from app.domain.nouns.cancellations import ClientContact

_F: Final = former_contacts.c


class NamedClients(NamedTuple):
    """Rows with their clients joined, and what those are called."""

    joined: sa.FromClause
    name: sa.ColumnElement[str | None]
    email: sa.ColumnElement[str | None]


async def have_changed(conn: AsyncConnection, job: Job) -> bool:
    """Whether any client of the business has changed since the job's sessions were cancelled."""
    changed = sa.exists().where(_F.business_id == job.business_id, _F.changed_at > job.accepted_at)
    return bool(await conn.scalar(sa.select(changed)))


def join(source: sa.FromClause, rows: sa.FromClause, *, changed: bool) -> NamedClients:
    """The clients of `rows`, as the job of each names them.

    Args:
        source: joins `rows` and `jobs`.
        rows: have a `business_id` and a `client_id`.
        changed: as `have_changed` says; without, no change is looked up.
    """
    of_rows = sa.and_(
        clients.c.business_id == rows.c.business_id,
        clients.c.id == rows.c.client_id,
        jobs.c.forgotten_at.is_(None),  # else it names nobody any more
    )
    joined: sa.FromClause = source.outerjoin(clients, of_rows)
    if not changed:
        return NamedClients(joined, clients.c.name, clients.c.email)
    of_client = sa.and_(
        _F.business_id == rows.c.business_id,
        _F.client_id == rows.c.client_id,
        jobs.c.forgotten_at.is_(None),
    )
    since = former_contacts.alias("since")
    accepted_at = sa.func.coalesce(jobs.c.approved_at, jobs.c.requested_at)
    first: Any = (
        sa.select(sa.func.min(since.c.changed_at))
        .where(
            since.c.business_id == rows.c.business_id,
            since.c.client_id == rows.c.client_id,
            since.c.changed_at > accepted_at,
        )
        .scalar_subquery()
    )
    joined = joined.outerjoin(former_contacts, sa.and_(of_client, _F.changed_at == first))
    was_otherwise = _F.client_id.is_not(None)
    return NamedClients(
        joined,
        sa.case((was_otherwise, _F.name), else_=clients.c.name),
        sa.case((was_otherwise, _F.email), else_=clients.c.email),
    )


async def contacts(
    conn: AsyncConnection, job: Job, client_ids: Collection[str]
) -> Mapping[str, ClientContact]:
    """Those of these clients that the business has ever had, as the job names them."""
    if not client_ids:
        return {}
    rows = (
        sa.select(clients.c.business_id, clients.c.id.label("client_id"))
        .where(clients.c.business_id == job.business_id, in_list(clients.c.id, client_ids))
        .subquery("named")
    )
    source = rows.join(jobs, jobs.c.id == job.id)
    named = join(source, rows, changed=True)
    query = sa.select(rows.c.client_id, named.name, named.email).select_from(named.joined)
    return {
        client_id: ClientContact(name, email)
        for client_id, name, email in (await conn.execute(query)).all()
    }
