"""How addressees are reached, as it is now: by which address, in which language, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list, insert, now
from app.db.tables import clients
from app.db.tables.messages import suppressed_addresses
from app.domain.statuses import MessageKind, SuppressedBecause

# As the business has it, or the client's own link.
_WANTS_NONE: Final = sa.or_(clients.c.wants_no_mail, clients.c.mail_stopped_at.is_not(None))
_S: Final = suppressed_addresses.c


@dataclass(frozen=True, slots=True)
class Contact:
    """An addressee; `suppressed` says why nothing is sent, and there is an `address` else."""

    address: str | None
    name: str | None = None
    language: str | None = None
    suppressed: SuppressedBecause | None = None


_NOBODY: Final = Contact(None, suppressed=SuppressedBecause.NO_ADDRESS)


async def of_messages(
    conn: AsyncConnection, business_id: str, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Contact]:
    """By message of the business: how its addressee is reached."""
    ids = {row["addressee"] for row in rows if row["kind"] == MessageKind.CLIENT}
    known = await _clients(conn, business_id, ids)
    found = {
        row["id"]: known.get(row["addressee"], _NOBODY)
        if row["kind"] == MessageKind.CLIENT
        else Contact(row["addressee"])
        for row in rows
    }
    addresses = {one.address.lower() for one in found.values() if one.address is not None}
    left_alone = await suppressed(conn, business_id, addresses)
    return {
        id_: replace(one, suppressed=left_alone[one.address.lower()])
        if one.suppressed is None and one.address and one.address.lower() in left_alone
        else one
        for id_, one in found.items()
    }


async def _clients(
    conn: AsyncConnection, business_id: str, client_ids: set[str]
) -> dict[str, Contact]:
    if not client_ids:
        return {}
    c = clients.c
    is_gone = c.deleted_at.is_not(None).label("is_gone")
    wants_none = _WANTS_NONE.label("wants_none")
    query = sa.select(c.id, c.email, c.name, c.language, wants_none, is_gone).where(
        c.business_id == business_id, in_list(c.id, client_ids)
    )
    return {
        row.id: Contact(
            row.email,
            row.name,
            row.language,
            _suppressed(row.email, wants_none=row.wants_none, is_gone=row.is_gone),
        )
        for row in (await conn.execute(query)).all()
    }


def _suppressed(email: str | None, *, wants_none: bool, is_gone: bool) -> SuppressedBecause | None:
    if is_gone:
        return SuppressedBecause.DELETED  # the row stays, for audits, and its address with it
    if wants_none:
        return SuppressedBecause.OPTED_OUT
    return None if email else SuppressedBecause.NO_ADDRESS


class Reach(NamedTuple):
    """How many of some clients are written to, and how many are not, by why.

    `first` is the first of them by id, `following` the one after it, or after a given one.
    """

    email: int
    suppressed: Mapping[SuppressedBecause, int]
    first: str | None
    following: str | None


_WHYS: Final = tuple(SuppressedBecause)


@cache
def _reaching(told: sa.Subquery) -> sa.Select[Any]:
    c = clients.c
    business = sa.bindparam("of_business", type_=sa.Text)
    reached = (
        sa.select(told.c.client_id, _because().label("because"))
        .select_from(
            told.outerjoin(
                clients, sa.and_(c.business_id == business, c.id == told.c.client_id)
            ).outerjoin(
                suppressed_addresses,
                sa.and_(_S.business_id == business, _S.address == sa.func.lower(c.email)),
            )
        )
        .cte("reached")
    )
    first = sa.select(sa.func.min(reached.c.client_id)).scalar_subquery()
    after = sa.cast(sa.bindparam("after_client", type_=sa.Text), sa.Text)
    is_later = reached.c.client_id > sa.func.coalesce(after, first)
    columns: list[sa.ColumnElement[Any]] = [
        sa.func.min(reached.c.client_id),
        sa.func.min(sa.case((is_later, reached.c.client_id))),
        sa.func.count().filter(reached.c.because.is_(None)),
        *(sa.func.count().filter(reached.c.because == one.value) for one in _WHYS),
    ]
    return sa.select(*columns)


def _because() -> sa.ColumnElement[str | None]:
    """Why a client is not written to, as `of_messages` has it; NULL: they are."""
    c = clients.c
    return sa.case(
        (c.deleted_at.is_not(None), SuppressedBecause.DELETED.value),
        (_WANTS_NONE, SuppressedBecause.OPTED_OUT.value),
        (sa.func.coalesce(c.email, "") == "", SuppressedBecause.NO_ADDRESS.value),
        (_S.because == SuppressedBecause.COMPLAINED.value, SuppressedBecause.COMPLAINED.value),
        (_S.because.is_not(None), SuppressedBecause.UNREACHABLE.value),
    )


async def reach(
    conn: AsyncConnection,
    told: sa.Subquery,
    parameters: Mapping[str, Any],
    *,
    after: str | None,
) -> Reach:
    """How the clients of `told` are reached now.

    Args:
        conn: only read from.
        told: each client once, as `client_id`, of the business that `parameters` names.
        parameters: those of `told`, with `of_business`.
        after: whom `following` comes after; None: the first.
    """
    given = {**parameters, "after_client": after}
    first, following, email, *counts = (await conn.execute(_reaching(told), given)).one()
    return Reach(email, dict(zip(_WHYS, counts, strict=True)), first, following)


async def names(
    conn: AsyncConnection, business_id: str, client_ids: set[str]
) -> dict[str, str | None]:
    """What these clients of the business are called, where it is known."""
    return {id_: one.name for id_, one in (await _clients(conn, business_id, client_ids)).items()}


async def suppressed(
    conn: AsyncConnection, business_id: str, addresses: set[str]
) -> dict[str, SuppressedBecause]:
    """Those of these addresses (in lower case) that get nothing of this business, and why."""
    if not addresses:
        return {}
    query = sa.select(_S.address, _S.because).where(
        _S.business_id == business_id, in_list(_S.address, addresses)
    )
    complained = SuppressedBecause.COMPLAINED
    return {
        address: complained if because == complained else SuppressedBecause.UNREACHABLE
        for address, because in (await conn.execute(query)).all()
    }


async def suppress(
    conn: AsyncConnection, business_id: str, address: str, *, because: str, message_id: str | None
) -> None:
    """Send nothing more of this business to an address."""
    row = {
        "business_id": business_id,
        "address": address.lower(),
        "because": because[:64],
        "message_id": message_id,
    }
    statement = insert(conn, suppressed_addresses).values(**row, since=now())
    await conn.execute(statement.on_conflict_do_nothing())
