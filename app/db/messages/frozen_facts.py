"""What a message says, frozen by its first claim.

Every try says the same, whatever changes meanwhile: that is told by a next edition. One that would
say what its addressee was told before is dropped instead.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import clock, in_list
from app.db.messages import approval_facts, staff_facts, told_facts
from app.db.tables.messages import messages
from app.domain.statuses import MessageKind, MessageStatus

_M: Final = messages.c
_Rows = Sequence[dict[str, Any]]
# Of these it is known, or not excluded, that they were read.
_WENT_OUT: Final = (MessageStatus.PENDING, MessageStatus.SENT)


async def freeze(conn: AsyncConnection, rows: _Rows) -> list[dict[str, Any]]:
    """Give facts to those claimed rows that have none.

    Those with nothing new to say are deleted, and left out of the answer.
    """
    bare: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["facts"] is None:
            bare[row["job_id"]].append(row)
    needless: set[str] = set()
    for job_id, its in bare.items():
        facts = await _facts(conn, job_id, its)
        before = await told_before(conn, its)
        for row in its:
            row["facts"] = facts.get(row["id"])
            if row["facts"] is None or row["facts"] == before.get(row["id"]):
                needless.add(row["id"])
    if needless:
        await conn.execute(sa.delete(messages).where(in_list(_M.id, needless)))
    kept = [row for row in rows if row["id"] not in needless]
    await _write(conn, [row for row in kept if row["composed_at"] is None])
    return kept


async def _write(conn: AsyncConnection, rows: _Rows) -> None:
    if not rows:
        return
    at = await clock(conn)
    for row in rows:
        row["composed_at"] = at
    frozen = sa.update(messages).where(_M.id == sa.bindparam("of_id", type_=_M.id.type))
    await conn.execute(
        frozen.values(facts=sa.bindparam("its_facts", type_=_M.facts.type), composed_at=at),
        [{"of_id": row["id"], "its_facts": row["facts"]} for row in rows],
    )


async def _facts(conn: AsyncConnection, job_id: str, rows: _Rows) -> dict[str, dict[str, Any]]:
    """By message: what it is to say; without, where nothing concerns its addressee."""
    of_clients = [row for row in rows if row["kind"] == MessageKind.CLIENT]
    facts = await told_facts.of_clients(conn, job_id, {row["addressee"] for row in of_clients})
    found = {
        row["id"]: facts[row["addressee"]].document()
        for row in of_clients
        if row["addressee"] in facts
    }
    kinds = {row["kind"] for row in rows}
    if MessageKind.STAFF in kinds:
        summary = (await staff_facts.of_job(conn, job_id)).document()
        found |= {row["id"]: summary for row in rows if row["kind"] == MessageKind.STAFF}
    asked = await approval_facts.of_job(conn, job_id) if MessageKind.APPROVAL in kinds else None
    if asked is not None:
        document = asked.document()
        found |= {row["id"]: document for row in rows if row["kind"] == MessageKind.APPROVAL}
    return found


async def told_before(conn: AsyncConnection, rows: _Rows) -> dict[str, dict[str, Any]]:
    """By message: the facts of the last edition before it that may have been read."""
    later_ones = [row["id"] for row in rows if row["edition"] > 1]
    if not later_ones:
        return {}
    this = messages.alias("this")
    before = sa.and_(
        *(_M[name] == this.c[name] for name in ("job_id", "kind", "addressee")),
        _M.edition < this.c.edition,
        _M.facts.is_not(None),
        _M.status.in_(_WENT_OUT),
    )
    query = (
        sa.select(this.c.id, _M.facts)
        .select_from(this.join(messages, before))
        .where(in_list(this.c.id, later_ones))
        .order_by(_M.edition)
    )
    return dict(map(tuple, (await conn.execute(query)).all()))
