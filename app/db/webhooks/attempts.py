"""Attempts at deliveries: writing what came of claims, a group of them at a time.

A success counts whoever received it, everything else only from the claim that is still the row's
own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from app.db.core.dialect import Id, bound_list, in_bound_list, insert_in, later, now
from app.db.tables.webhooks import webhook_attempts, webhook_deliveries
from app.domain.statuses import DeliveryStatus

_DELIVERY: Final = webhook_deliveries.c
_Parameters = Mapping[str, sa.ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """What came of one claim.

    `due_in_seconds` is for the next attempt, None where there is none. `status_code` is None where
    no answer came, and `milliseconds` is None where nothing was sent at all: no attempt is kept
    then, and no try is counted.
    """

    endpoint_id: str
    event_id: str
    epoch: int
    tries: int  # before this one
    url: str  # where it went
    delivered: bool
    due_in_seconds: float | None
    status_code: int | None
    error: str | None
    response: str | None
    milliseconds: int | None


_PARAMETERS: Final[dict[str, TypeEngine[Any]]] = {
    "of_endpoint": Id(),
    "of_event": Id(),
    "of_epoch": sa.Integer(),
    "tries_before": sa.Integer(),
    "delivered": sa.Boolean(),
    "to_status": sa.Text(),
    "due_in": sa.Float(),
    "is_due_again": sa.Boolean(),
    "is_attempt": sa.Boolean(),
    "status_code": sa.Integer(),
    "error": sa.Text(),
    "response": sa.Text(),
    "milliseconds": sa.Integer(),
}


def _record(parameters: _Parameters) -> sa.Update:
    still_its_own = sa.and_(
        _DELIVERY.status == DeliveryStatus.PENDING,
        _DELIVERY.epoch == parameters["of_epoch"],
        _DELIVERY.tries == parameters["tries_before"],  # else it has been written before
    )
    late_success = sa.and_(_DELIVERY.status != DeliveryStatus.DELIVERED, parameters["delivered"])
    return (
        sa.update(webhook_deliveries)
        .where(
            _DELIVERY.endpoint_id == parameters["of_endpoint"],
            _DELIVERY.event_id == parameters["of_event"],
            sa.or_(still_its_own, late_success),
        )
        .values(
            status=parameters["to_status"],
            due_at=sa.case((parameters["is_due_again"], later(parameters["due_in"])), else_=None),
            tries=parameters["tries_before"] + sa.case((parameters["is_attempt"], 1), else_=0),
        )
    )


_KEPT: Final = (
    "endpoint_id",
    "event_id",
    "epoch",
    "ended_at",
    "status_code",
    "error",
    "response",
    "milliseconds",
)
_OF_ATTEMPT: Final = _KEPT[4:]


def _attempts(parameters: _Parameters) -> sa.Select[Any]:
    """Those at deliveries that are still there.

    The deliveries stay until the transaction ends: events are forgotten meanwhile.
    """
    return (
        sa.select(
            _DELIVERY.endpoint_id,
            _DELIVERY.event_id,
            parameters["of_epoch"],
            now(),
            *(parameters[name] for name in _OF_ATTEMPT),
            _DELIVERY.business_id,
        )
        .where(
            _DELIVERY.endpoint_id == parameters["of_endpoint"],
            _DELIVERY.event_id == parameters["of_event"],
            parameters["is_attempt"],
        )
        .order_by(_DELIVERY.event_id)
        .with_for_update(read=True, key_share=True, of=webhook_deliveries)
    )


def _keep_attempts(dialect: str, made: sa.Select[Any]) -> sa.Insert:
    return (
        insert_in(dialect, webhook_attempts)
        .from_select([*_KEPT, "business_id"], made)
        .on_conflict_do_nothing()
    )


# All as rows of one JSON text, or each for itself.
_ROWS: Final = (
    sa.func.json_to_recordset(sa.cast(sa.bindparam("attempts", type_=sa.Text), postgresql.JSON))
    .table_valued(*(sa.column(name, kind) for name, kind in _PARAMETERS.items()), name="given")
    .render_derived(with_types=True)
)
_ONE: Final = {name: sa.bindparam(name, type_=kind) for name, kind in _PARAMETERS.items()}
# Of rows out of JSON the planner supposes a hundred, and reads the whole table for them: it is told
# which by lists too.
_LISTED: Final = (
    in_bound_list(_DELIVERY.endpoint_id, "endpoint_ids"),
    in_bound_list(_DELIVERY.event_id, "event_ids"),
)
_TOGETHER: Final = (
    _record(dict(_ROWS.c)).where(*_LISTED),
    _keep_attempts("postgresql", _attempts(dict(_ROWS.c)).where(*_LISTED)),
)
_EACH: Final = (_record(_ONE), _keep_attempts("sqlite", _attempts(_ONE)))


async def record(conn: AsyncConnection, attempts: Sequence[AttemptRow]) -> None:
    """Write what came of claims; again changes nothing more.

    The transaction has locked their endpoints.
    """
    parameters = [_parameters(one) for one in attempts]
    if conn.dialect.name == "postgresql":
        together = {
            "attempts": orjson.dumps(parameters).decode(),
            "endpoint_ids": bound_list({one.endpoint_id for one in attempts}),
            "event_ids": bound_list({one.event_id for one in attempts}),
        }
        for statement in _TOGETHER:
            await conn.execute(statement, together)
    else:
        for statement in _EACH:
            await conn.execute(statement, parameters)


def _parameters(one: AttemptRow) -> dict[str, Any]:
    again = one.due_in_seconds is not None
    ended = DeliveryStatus.DELIVERED if one.delivered else DeliveryStatus.FAILED
    status = DeliveryStatus.PENDING if again else ended
    return {
        "of_endpoint": one.endpoint_id,
        "of_event": one.event_id,
        "of_epoch": one.epoch,
        "tries_before": one.tries,
        "delivered": one.delivered,
        "to_status": status,
        "due_in": one.due_in_seconds or 0.0,
        "is_due_again": again,
        "is_attempt": one.milliseconds is not None,
        "status_code": one.status_code,
        "error": one.error,
        "response": one.response,
        "milliseconds": one.milliseconds,
    }
