"""What clients choose, and the refunds that wait for it: those with `choose_until`.

A client has one choice a job. It is made while the job's row and all these refunds are locked, and
only if no machine has touched any of them.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import now
from app.db.evidence import links
from app.db.refunds import history
from app.db.tables import businesses, choices, clients, job_sessions, refunds
from app.db.tables.messages import message_settings
from app.domain.messages.settings import Sender
from app.domain.nouns.choices import AskedRefund, AskingBusiness, ChosenForm, ClientOfJob
from app.domain.nouns.deeds import DeedKind, JobDeed
from app.domain.statuses import Method, RefundForm, RefundStatus, upstream_of

ACTOR: Final = "client"


async def business_of(conn: AsyncConnection, business_id: str, client_id: str) -> AskingBusiness:
    """The business, as this client of it sees it."""
    is_theirs = sa.and_(clients.c.business_id == businesses.c.id, clients.c.id == client_id)
    query = (
        sa.select(
            businesses.c.name,
            businesses.c.timezone,
            clients.c.language,
            message_settings.c.document,
        )
        .select_from(businesses.outerjoin(clients, is_theirs))
        .outerjoin(message_settings, message_settings.c.business_id == businesses.c.id)
        .where(businesses.c.id == business_id)
    )
    name, timezone, language, document = (await conn.execute(query)).one()
    return AskingBusiness(name, timezone, language, Sender.of(document or {}))


async def of_client(conn: AsyncConnection, job_id: str, client_id: str) -> ChosenForm | None:
    """What this client has chosen for the job."""
    query = sa.select(choices.c.form, choices.c.chosen_at).where(
        choices.c.job_id == job_id, choices.c.client_id == client_id
    )
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else ChosenForm(RefundForm(row[0]), row[1])


async def asked_refunds(
    conn: AsyncConnection, job_id: str, client_id: str, *, lock: bool = False
) -> list[AskedRefund]:
    """The client's refunds of the job that wait, or waited, for a choice.

    `lock`: whoever claims some of them is waited for, and claims none after that.
    """
    query = (
        sa.select(
            *(refunds.c[name] for name in AskedRefund._fields[:9]),
            *(job_sessions.c[name] for name in AskedRefund._fields[9:]),
        )
        .join(
            job_sessions,
            sa.and_(
                job_sessions.c.job_id == refunds.c.job_id,
                job_sessions.c.session_id == refunds.c.session_id,
            ),
        )
        .where(
            refunds.c.job_id == job_id,
            refunds.c.client_id == client_id,
            refunds.c.choose_until.is_not(None),
        )
        .order_by(refunds.c.id)
    )
    if lock:
        query = query.with_for_update(of=refunds)
    return [AskedRefund(*row) for row in await conn.execute(query)]


async def write(
    conn: AsyncConnection,
    business_id: str,
    job_id: str,
    client_id: str,
    form: RefundForm,
    bonuses: Sequence[tuple[str, int]],
) -> None:
    """Write the choice, and have these refunds come back so at once.

    They are locked and untouched, each with what is given on top.
    """
    made = {"job_id": job_id, "client_id": client_id, "form": form.value, "chosen_at": now()}
    await conn.execute(sa.insert(choices).values(made | {"business_id": business_id}))
    statement = (
        sa.update(refunds)
        .where(refunds.c.id == sa.bindparam("refund_id"))
        .values(
            returned_as=form.value,
            upstream=upstream_of(Method.PAYMENT, form).value,
            bonus_minor=sa.bindparam("bonus"),
            due_at=now(),
            first_due_at=now(),
        )
    )
    for refund_id, bonus in bonuses:
        await conn.execute(statement, {"refund_id": refund_id, "bonus": bonus})
    written = await history.append(conn, [refund_id for refund_id, _ in bonuses], actor=ACTOR)
    facts = {"client_id": client_id, "form": form.value}
    await links.add(conn, job_id, JobDeed(DeedKind.CHOSEN, ACTOR, facts=facts), written)


async def page(
    conn: AsyncConnection, job_id: str, *, after: str | None, limit: int
) -> list[ClientOfJob]:
    """Clients of the job who were asked, from the one after `after`."""
    is_untouched = sa.and_(
        refunds.c.status == RefundStatus.PENDING.value,
        refunds.c.epoch == 0,
        refunds.c.choose_until > now(),
    )
    touched = sa.func.sum(sa.case((is_untouched, 0), else_=1))
    query = sa.select(
        refunds.c.client_id,
        sa.func.max(refunds.c.choose_until, type_=refunds.c.choose_until.type).label("until"),
        sa.func.max(refunds.c.returned_as).label("stands"),
        (touched == 0).label("is_open"),
    ).where(refunds.c.job_id == job_id, refunds.c.choose_until.is_not(None))
    if after is not None:
        query = query.where(refunds.c.client_id > after)
    asked = (
        query.group_by(refunds.c.client_id)
        .order_by(refunds.c.client_id)
        .limit(limit)
        .subquery("asked")
    )
    chosen = sa.and_(choices.c.job_id == job_id, choices.c.client_id == asked.c.client_id)
    rows = await conn.execute(
        sa.select(*asked.c, choices.c.form, choices.c.chosen_at)
        .select_from(asked.outerjoin(choices, chosen))
        .order_by(asked.c.client_id)
    )
    return [ClientOfJob._make(row) for row in rows.all()]
