"""Messages of one job, as they are listed, and one of them."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import clients
from app.db.tables.messages import messages
from app.domain.nouns.messages import MessageRow
from app.domain.statuses import MessageKind, MessageStatus

_M: Final = messages.c


_COLUMNS: Final = tuple(_M[name] for name in MessageRow._fields[:-1])


def _query(job_id: str) -> sa.Select[Any]:
    of_client = sa.and_(
        _M.kind == MessageKind.CLIENT,
        clients.c.business_id == _M.business_id,
        clients.c.id == _M.addressee,
    )
    return (
        sa.select(*_COLUMNS, clients.c.name)
        .select_from(messages.outerjoin(clients, of_client))
        .where(_M.job_id == job_id)
    )


def newest_status(job_id: str, client_id: sa.ColumnElement[str]) -> sa.ScalarSelect[str]:
    """The status of the newest message of the job to a client of the enclosing query.

    It is looked up line by line: of a job of just now the planner knows too little for a join.
    """
    of_client = (_M.job_id == job_id, _M.kind == MessageKind.CLIENT, _M.addressee == client_id)
    newest = sa.select(_M.status).where(*of_client).order_by(_M.edition.desc()).limit(1)
    return newest.scalar_subquery()


def newest_status_at_once(job_id: str, client_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """As `newest_status`, of PostgreSQL, from a map of all the job's clients that is made once.

    It takes a fifth of a look-up a line, and a look-up for each client of the job.
    """
    jsonb = postgresql.JSONB(none_as_null=True)
    in_order = postgresql.aggregate_order_by(_M.status, _M.edition)

    def mapped(status: sa.ColumnElement[Any], which: sa.ColumnElement[bool]) -> Any:
        statuses = sa.func.jsonb_object_agg(_M.addressee, status, type_=jsonb).filter(which)
        return sa.func.coalesce(statuses, sa.literal_column("'{}'::jsonb", jsonb))

    # Nearly all have one edition, which needs no order. Of two equal keys the later one counts.
    by_client = mapped(_M.status, _M.edition == 1).concat(mapped(in_order, _M.edition > 1))
    told = (
        sa.select(by_client.label("by_client"))
        .where(_M.job_id == job_id, _M.kind == MessageKind.CLIENT)
        .cte("told")
        .prefix_with("MATERIALIZED")
    )
    return sa.select(told.c.by_client).scalar_subquery().op("->>", return_type=sa.Text())(client_id)


async def page(
    conn: AsyncConnection,
    job_id: str,
    *,
    status: str | None,
    client_id: str | None,
    after: str | None,
    limit: int,
) -> list[MessageRow]:
    """Messages of the job in the order in which they were made, from the one after `after`."""
    query = _query(job_id)
    if status is not None:
        query = query.where(_M.status == status)
    if client_id is not None:
        query = query.where(_M.kind == MessageKind.CLIENT, _M.addressee == client_id)
    if after is not None:
        query = query.where(_M.id > after)
    rows = await conn.execute(query.order_by(_M.id).limit(limit))
    return [_row(row) for row in rows]


async def one(conn: AsyncConnection, job_id: str, message_id: str) -> MessageRow | None:
    """One message of the job."""
    row = (await conn.execute(_query(job_id).where(_M.id == message_id))).one_or_none()
    return None if row is None else _row(row)


async def counts(conn: AsyncConnection, job_id: str) -> dict[MessageStatus, int]:
    """How many addressees' newest messages are in each status."""
    later = messages.alias("later")
    newest = ~sa.exists().where(
        *(later.c[name] == _M[name] for name in ("job_id", "kind", "addressee")),
        later.c.edition > _M.edition,
    )
    query = sa.select(_M.status, sa.func.count()).where(_M.job_id == job_id, newest)
    rows = (await conn.execute(query.group_by(_M.status))).all()
    return {MessageStatus(status): count for status, count in rows}


def _row(row: sa.Row[Any]) -> MessageRow:
    made = MessageRow._make(row)
    return made._replace(kind=MessageKind(made.kind), status=MessageStatus(made.status))
