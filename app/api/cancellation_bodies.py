"""The bodies of bulk cancellations: what a request may say, and how plans, jobs and refunds are shown."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import sqlalchemy as sa
from pydantic import ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from app.api.shapes import Answer, Body, UtcInstant
from app.cancellation.amend import Resolution
from app.cancellation.plan import Plan as PlanValue
from app.cancellation.plan import Totals as TotalsValue
from app.cancellation.read import JobView
from app.cancellation.request import LONGEST_HOLD_SECONDS, MOST_SESSIONS_NAMED, Request
from app.db.tables import JobStatus, Method, RefundStatus, SessionOutcome
from app.fields import Date, PlatformId, Uuid, text

_EXAMPLE: JsonDict = {
    "date_from": "2026-11-23",
    "date_to": "2026-11-29",
    "session_ids": ["s1", "s2"],
    "reason": "Snow day",
    "plan_digest": None,
    "hold_seconds": 0,
    "include_attended": False,
}


class CancellationRequest(Body):
    """Which sessions to cancel, why and how."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    date_from: Date = Field(description="First local day of the business, inclusive.")
    date_to: Date = Field(description="Last local day, inclusive; at most 366 days.")
    session_ids: Annotated[list[PlatformId], Field(min_length=1, max_length=MOST_SESSIONS_NAMED)] | Literal["all"] = (
        Field(description="Sessions starting in the range, without repeats, or `all` of them.")
    )
    reason: Annotated[str, text(500)] | None = Field(
        None, description="Told to clients and upstreams, kept in the audit."
    )
    plan_digest: Annotated[str, text(4_000)] | None = Field(
        None, description="A plan's `digest`: refuse if the bookings differ from what that plan saw."
    )
    hold_seconds: Annotated[int, Field(ge=0, le=LONGEST_HOLD_SECONDS, strict=True)] = Field(
        0, description="Wait so long before returning anything; until then the job can be withdrawn."
    )
    include_attended: StrictBool = Field(False, description="Return attended bookings of started sessions, too.")

    def to_request(self) -> Request:
        """The step's own value."""
        chosen = self.session_ids
        return Request(
            date_from=self.date_from,
            date_to=self.date_to,
            session_ids="all" if chosen == "all" else tuple(chosen),
            reason=self.reason,
            plan_digest=self.plan_digest,
            hold_seconds=self.hold_seconds,
            include_attended=self.include_attended,
        )


class Money(Answer):
    """An amount in the currency's minor unit (ISO 4217)."""

    currency: str = Field(examples=["CAD"])
    amount_minor: int = Field(examples=[2000])


class Totals(Answer):
    """What is to be returned, counted and summed."""

    sessions: int
    bookings: int
    clients: int
    refunds: int = Field(description="Payment lines to return: a split purchase counts once per line.")
    amounts: list[Money]
    credits: int
    nothing_to_return: int = Field(description="Bookings with nothing to return: free, waitlisted or attended.")

    @classmethod
    def of(cls, totals: TotalsValue) -> Self:
        return cls(
            sessions=totals.sessions,
            bookings=totals.bookings,
            clients=totals.clients,
            refunds=totals.refunds,
            amounts=money(totals.amounts),
            credits=totals.credits,
            nothing_to_return=totals.nothing_to_return,
        )


class PlannedSession(Answer):
    """A chosen session and what its cancellation would return."""

    session_id: str
    name: str
    starts_at: UtcInstant
    outcome: SessionOutcome
    job_id: str | None = Field(description="The bulk cancellation that has it, unless it would be accepted.")
    bookings: int
    refunds: int
    amounts: list[Money]
    credits: int
    nothing_to_return: int


class PlanWarning(Answer):
    """Something to know before pressing."""

    code: str = Field(examples=["sessions-ended"])
    detail: str
    count: int


class Plan(Answer):
    """What a bulk cancellation would do now."""

    digest: str = Field(description="Send it back as `plan_digest` to be refused if anything has changed.")
    totals: Totals
    sessions: list[PlannedSession]
    warnings: list[PlanWarning]

    @classmethod
    def of(cls, plan: PlanValue) -> Self:
        return cls(
            digest=plan.digest,
            totals=Totals.of(plan.totals),
            sessions=[
                PlannedSession(
                    session_id=one.session_id,
                    name=one.name,
                    starts_at=one.starts_at,
                    outcome=one.outcome,
                    job_id=one.job_id,
                    bookings=one.bookings,
                    refunds=one.refunds,
                    amounts=money(one.amounts),
                    credits=one.credits,
                    nothing_to_return=one.nothing_to_return,
                )
                for one in plan.sessions
            ],
            warnings=[PlanWarning(code=one.code, detail=one.detail, count=one.count) for one in plan.warnings],
        )


class SessionCounts(Answer):
    """Chosen sessions by outcome."""

    accepted: int = 0
    already_in_process: int = 0
    already_cancelled: int = 0


class Sum(Answer):
    """Refunds of one status."""

    count: int
    amounts: list[Money]
    credits: int


class Job(Answer):
    """A bulk cancellation."""

    id: Uuid
    status: JobStatus
    date_from: dt.date
    date_to: dt.date
    reason: str | None
    include_attended: bool
    hold_until: UtcInstant | None
    requested_by: str
    requested_at: UtcInstant
    started_at: UtcInstant | None
    finished_at: UtcInstant | None
    session_counts: SessionCounts
    totals: Totals = Field(description="As frozen at acceptance.")


class JobDetail(Job):
    """A bulk cancellation with its refunds counted and summed by status."""

    refunds: dict[RefundStatus, Sum] = Field(description="Every status, also where it counts none.")


class ChosenSession(Answer):
    """What became of one chosen session."""

    session_id: str
    outcome: SessionOutcome
    job_id: Uuid = Field(description="The bulk cancellation that has it: this one where `accepted`.")


class AcceptedJob(JobDetail):
    """A bulk cancellation as it was accepted, with every chosen session's outcome."""

    sessions: list[ChosenSession]


class RetriedJob(JobDetail):
    """A bulk cancellation after a retry."""

    retried: int = Field(description="Refunds that are under way again.")


class JobSession(ChosenSession):
    """A chosen session as it was at acceptance."""

    name: str
    starts_at: UtcInstant
    timezone: str
    location: str | None
    instructor: str | None
    refunds: dict[RefundStatus, int] = Field(description="Refunds by status, once the worker has begun.")


class Refund(Answer):
    """One payment line's refund, or (method `none`) a booking with nothing to return."""

    id: Uuid
    session_id: str
    booking_id: str
    client_id: str
    method: Method
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None
    status: RefundStatus
    attempts: int
    next_attempt_at: UtcInstant | None = Field(description="When a machine will next touch it; null: it rests.")
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    settled_at: UtcInstant | None


class ResolveRequest(Body):
    """How a person closed a refund that no machine could."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"resolution": "refunded_elsewhere", "reference": "bank transfer 4711", "note": "By Ana"}]
        }
    )

    resolution: Resolution
    reference: Annotated[str, text(255, at_least=1)]
    note: Annotated[str, text(500)] | None = None


def money(amounts: Mapping[str, int]) -> list[Money]:
    """Sums by currency as a list."""
    return [Money(currency=currency, amount_minor=amount) for currency, amount in amounts.items()]


def job_fields(view: JobView, *, as_accepted: bool = False) -> dict[str, Any]:
    """The members of `Job`; `as_accepted`: as the 202 said, whatever has become of the job since."""
    row = view.row
    status = row["status"]
    if as_accepted:
        status = JobStatus.HELD if row["hold_until"] else JobStatus.QUEUED
    return {
        "id": row["id"],
        "status": status,
        "date_from": row["date_from"],
        "date_to": row["date_to"],
        "reason": row["reason"],
        "include_attended": row["include_attended"],
        "hold_until": row["hold_until"],
        "requested_by": row["requested_by"],
        "requested_at": row["requested_at"],
        "started_at": None if as_accepted else row["started_at"],
        "finished_at": None if as_accepted else row["finished_at"],
        "session_counts": SessionCounts(**view.session_counts),
        "totals": Totals.of(view.totals),
    }


def detail_fields(view: JobView, *, as_accepted: bool = False) -> dict[str, Any]:
    """The members of `JobDetail`."""
    sums = {
        status: Sum(count=one.count, amounts=money(one.amounts), credits=one.credits)
        for status, one in view.refunds.items()
    }
    return {**job_fields(view, as_accepted=as_accepted), "refunds": sums}


def refund(row: sa.RowMapping) -> Refund:
    """A refund row as shown."""
    shown = {name: row[name] for name in Refund.model_fields if name != "next_attempt_at"}
    return Refund(**shown, next_attempt_at=row["due_at"])
