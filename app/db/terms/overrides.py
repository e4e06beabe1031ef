"""What a request says of single bookings or lines.

It is read as it came, and as it is kept with the job. Line 0 is the whole booking.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_bound_list
from app.db.tables import bookings, job_overrides, payment_lines
from app.domain.nouns.terms import Override
from app.domain.owed.terms import OverrideAction
from app.domain.statuses import RefundForm

GIVEN: Final = "overrides"  # the parameter of `of_request`

_COLUMNS: Final = (
    sa.column("booking_id", sa.Text),
    sa.column("line_no", sa.Integer),
    sa.column("action", sa.Text),
    sa.column("amount_minor", sa.BigInteger),
    sa.column("return_as", sa.Text),
)
_POSTGRESQL: Final = """
SELECT * FROM json_to_recordset(CAST(:overrides AS json))
 AS o(booking_id text, line_no integer, action text, amount_minor bigint, return_as text)
"""
_SQLITE: Final = """
SELECT value ->> 'booking_id' AS booking_id, value ->> 'line_no' AS line_no,
 value ->> 'action' AS action, value ->> 'amount_minor' AS amount_minor,
 value ->> 'return_as' AS return_as
FROM json_each(:overrides)
"""


class NamedLine(NamedTuple):
    """A booking that overrides name, with one of its paid lines, or none."""

    booking_id: str
    session_id: str
    status: str
    line_no: int | None
    amount_minor: int | None


def of_request(dialect: str) -> sa.CTE:
    """Overrides as a request has them: the parameter `GIVEN`, made by `as_given`."""
    text = sa.text(_POSTGRESQL if dialect == "postgresql" else _SQLITE)
    given = text.bindparams(sa.bindparam(GIVEN, type_=sa.Text)).columns(*_COLUMNS)
    return given.cte("overrides").prefix_with("MATERIALIZED")


def as_given(overrides: Sequence[Override]) -> str:
    """The one parameter that `of_request` takes."""
    return orjson.dumps([asdict(one) for one in overrides]).decode()


def of_job() -> sa.Subquery:
    """Overrides as a job keeps them; its id is the parameter `of_job`."""
    of_job = sa.bindparam("of_job", type_=job_overrides.c.job_id.type)
    columns = (job_overrides.c[column.name] for column in _COLUMNS)
    return sa.select(*columns).where(job_overrides.c.job_id == of_job).subquery("overrides")


async def of_one_job(conn: AsyncConnection, job_id: str) -> tuple[Override, ...]:
    """A job's overrides, as they were kept."""
    o = job_overrides.c
    query = sa.select(o.booking_id, o.line_no, o.action, o.amount_minor, o.note, o.return_as)
    rows = await conn.execute(query.where(o.job_id == job_id).order_by(o.booking_id, o.line_no))
    return tuple(
        Override(
            booking_id,
            line_no,
            OverrideAction(action),
            amount_minor,
            note,
            None if return_as is None else RefundForm(return_as),
        )
        for booking_id, line_no, action, amount_minor, note, return_as in rows
    )


async def insert(
    conn: AsyncConnection, business_id: str, job_id: str, overrides: Sequence[Override]
) -> None:
    """Keep a job's overrides, as they were accepted."""
    rows = [{**asdict(one), "job_id": job_id, "business_id": business_id} for one in overrides]
    await conn.execute(sa.insert(job_overrides), rows)


_NAMED: Final = (
    sa.select(
        bookings.c.id,
        bookings.c.session_id,
        bookings.c.status,
        payment_lines.c.line_no,
        payment_lines.c.amount_minor,
    )
    .select_from(
        bookings.outerjoin(
            payment_lines,
            sa.and_(
                payment_lines.c.business_id == bookings.c.business_id,
                payment_lines.c.booking_id == bookings.c.id,
                sa.or_(payment_lines.c.amount_minor > 0, payment_lines.c.credits > 0),
            ),
        )
    )
    .where(
        bookings.c.business_id == sa.bindparam("of_business"),
        in_bound_list(bookings.c.id, "booking_ids"),
    )
)


async def named_lines(conn: AsyncConnection, business_id: str, booking_ids: str) -> list[NamedLine]:
    """The bookings of these ids (`dialect.bound_list`), a row a line."""
    given = {"of_business": business_id, "booking_ids": booking_ids}
    return [NamedLine(*row) for row in await conn.execute(_NAMED, given)]
