"""The bodies of bulk cancellations.

What a request may say, and how plans, jobs and refunds are shown.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, StrictBool, Tag
from pydantic.config import JsonDict

from app.api.approvals.asked_bodies import (
    ApprovalOfJob,
    ExceededLimit,
    JobActionAnswer,
    approval_fields,
    exceeded_fields,
)
from app.api.bodies import RESOLVED_AMOUNT, Answer, Body, UtcInstant
from app.api.cancellations.check_bodies import PlanCheck
from app.api.messages.message_bodies import MessagesAnswer, MessagesBody
from app.api.schedule.local_times import Times
from app.api.terms.terms_bodies import OverrideBody, TermsBody, TermsDocument
from app.cancellation.digests import MAX_DIGEST
from app.cancellation.owed.overrides import MAX_OVERRIDES
from app.cancellation.plan import MAX_NAMED
from app.cancellation.plan import CancellationPlan as PlanValue
from app.cancellation.read import JobView
from app.cancellation.request import MAX_HOLD_SECONDS, MAX_SESSIONS_NAMED, Request
from app.domain.days import session_times
from app.domain.fields import Date, PlatformId, Uuid, prose, text
from app.domain.nouns.cancellations import Refund, SessionOfJob
from app.domain.nouns.keys import Locations
from app.domain.plan_totals import PlanTotals, money_fields, sums_fields, totals_fields
from app.domain.statuses import JobStatus, Method, RefundForm, RefundStatus, SessionOutcome

_EXAMPLE: JsonDict = {
    "date_from": "2026-11-23",
    "date_to": "2026-11-29",
    "session_ids": ["s1", "s2"],
    "reason": "Snow day",
    "plan_digest": None,
    "hold_seconds": 0,
    "include_attended": False,
}


_TERMS: Final = "What it is settled by, frozen at acceptance; null: all comes back whole."
_TERMS_VERSION: Final = "Of the business's terms that it began from; null: it had set none."


def _form_of(session_ids: Any) -> str | None:
    return "list" if isinstance(session_ids, list) else "all" if session_ids == "all" else None


def _as_any_of(schema: JsonDict) -> None:
    schema["anyOf"] = schema.pop("oneOf")  # which more generators of clients read


_Named = Annotated[
    list[PlatformId], Field(min_length=1, max_length=MAX_SESSIONS_NAMED), Tag("list")
]
_All = Annotated[Literal["all"], Tag("all")]
# What is wrong is told of the form that was sent, and not of the other one too.
_LIST_OR_ALL: Final = Discriminator(
    _form_of,
    custom_error_type="list-or-all",
    custom_error_message="must be a list of session ids, or the word all",
)


class CancellationRequest(Body):
    """Which sessions to cancel, why and how."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    date_from: Date = Field(description="First local day of the business, inclusive.")
    date_to: Date = Field(description="Last local day, inclusive; at most 366 days.")
    session_ids: Annotated[_Named | _All, _LIST_OR_ALL] = Field(
        description="Sessions starting in the range, without repeats, or `all` of them.",
        json_schema_extra=_as_any_of,
    )
    reason: Annotated[str, *prose(500)] | None = Field(
        None, description="Told to clients and upstreams, kept in the audit on one line."
    )
    plan_digest: Annotated[str, text(MAX_DIGEST)] | None = Field(
        None,
        description=(
            "A plan's `digest`: refuse if sessions or bookings differ from what that plan saw."
        ),
    )
    hold_seconds: Annotated[int, Field(ge=0, le=MAX_HOLD_SECONDS, strict=True)] = Field(
        0,
        description="Wait so long before returning anything; until then the job can be withdrawn.",
    )
    include_attended: StrictBool = Field(
        False, description="Return attended bookings of started sessions, too."
    )
    terms: TermsBody | None = Field(
        None, description="Members named here replace those of the business's terms."
    )
    overrides: Annotated[list[OverrideBody], Field(max_length=MAX_OVERRIDES)] = Field(
        [], description="What becomes of single bookings or lines, whatever the terms say."
    )

    messages: MessagesBody | None = Field(
        None, description="Members named here replace those of the business's messages."
    )

    def to_request(self, within: Locations) -> Request:
        """The step's own value, for a caller who is limited to these locations, if they are."""
        chosen = self.session_ids
        return Request(
            date_from=self.date_from,
            date_to=self.date_to,
            session_ids="all" if chosen == "all" else tuple(chosen),
            reason=self.reason,
            plan_digest=self.plan_digest,
            hold_seconds=self.hold_seconds,
            include_attended=self.include_attended,
            terms=None if self.terms is None else self.terms.named(),
            overrides=tuple(one.to_override() for one in self.overrides),
            messages=None if self.messages is None else self.messages.named(),
            within=within,
        )


# Two values have the names that these bodies have in the document.
_NAMED: Final = ConfigDict(model_title_generator=lambda body: body.__qualname__)


class Money(Answer):
    """An amount in the currency's minor unit (ISO 4217)."""

    currency: str = Field(examples=["CAD"])
    amount_minor: int = Field(examples=[2000])


class KeptSum(Answer):
    """What one rule keeps: a sum of money, or credits."""

    kept_by: str = Field(examples=["fee"])
    currency: str | None = None
    amount_minor: int | None = None
    credits: int | None = None


class GoodwillSum(Answer):
    """Credits on top of what is returned: to how many, and how much."""

    grants: int
    credits: int


class Totals(Answer):
    """What is to be returned, counted and summed."""

    sessions: int
    bookings: int
    clients: int
    refunds: int = Field(
        description="Payment lines to return: a split purchase counts once per line."
    )
    amounts: list[Money]
    credits: int
    nothing_to_return: int = Field(
        description="Bookings of which nothing was paid, and payment lines that are kept whole."
    )
    kept_amounts: list[Money] = Field(
        description="Paid, and not returned: `kept` says by which rule."
    )
    kept_credits: int
    kept: list[KeptSum] = Field(
        description="The same by rule; empty for a job of before this was counted."
    )
    store_credits: list[Money] = Field(
        description="Of `amounts`, what comes back as value at the credits service."
    )
    goodwill: GoodwillSum = Field(
        description="On top of all this, and in no other member; `refunds` of a job counts it."
    )

    @classmethod
    def of(cls, totals: PlanTotals) -> Self:
        return cls(**totals_fields(totals))


class NamedChoice(Answer):
    """What a session in a plan begins with."""

    session_id: str
    name: str


class PlannedSession(Times, NamedChoice):
    """A chosen session and what its cancellation would return."""

    outcome: SessionOutcome
    job_id: str | None = Field(
        description="The bulk cancellation that has it, unless it would be accepted."
    )
    bookings: int
    refunds: int
    amounts: list[Money]
    credits: int
    nothing_to_return: int
    kept_amounts: list[Money]
    kept_credits: int
    kept: list[KeptSum]
    store_credits: list[Money]
    goodwill: GoodwillSum


class PlanWarning(Answer):
    """Something to know before pressing."""

    code: str = Field(examples=["sessions-ended"])
    detail: str
    count: int
    amounts: list[Money] = Field(description="How much of it, where it is about money.")
    credits: int
    session_ids: list[str] = Field(
        description=(
            f"Which sessions it is of: the first {MAX_NAMED} in start order. Empty where it is of "
            "bookings or payments."
        )
    )


class Plan(Answer):
    """What a bulk cancellation would do now."""

    digest: str = Field(
        description="Send it back as `plan_digest` to be refused if anything has changed."
    )
    totals: Totals
    sessions: list[PlannedSession]
    warnings: list[PlanWarning]
    terms: TermsDocument | None = Field(description=_TERMS)
    terms_version: int | None = Field(description=_TERMS_VERSION)
    check: PlanCheck | None = Field(
        description="What the payment service says of it; null without `check=true`."
    )
    needs_approval: list[ExceededLimit] = Field(
        description="The limits that it is above: somebody else is to approve it. Empty: nobody."
    )

    @classmethod
    def of(
        cls,
        plan: PlanValue,
        business_timezone: str,
        check: PlanCheck | None = None,
        **more: Any,
    ) -> Self:
        return cls(
            **more,
            needs_approval=exceeded_fields(plan.needs_approval),
            digest=plan.digest,
            check=check,
            terms=plan.terms and TermsDocument.model_validate(plan.terms.document),
            terms_version=plan.terms and plan.terms.version,
            totals=Totals.of(plan.totals),
            sessions=[
                PlannedSession(
                    session_id=one.session_id,
                    name=one.name,
                    starts_at=one.starts_at,
                    ends_at=one.ends_at,
                    **session_times(
                        one.starts_at, one.ends_at, one.timezone, business_timezone
                    )._asdict(),
                    outcome=one.outcome,
                    job_id=one.job_id,
                    bookings=one.bookings,
                    **sums_fields(one.sums),
                )
                for one in plan.sessions
            ],
            warnings=[
                PlanWarning(
                    code=one.code,
                    detail=one.detail,
                    count=one.count,
                    amounts=money(one.amounts),
                    credits=one.credits,
                    session_ids=[*one.session_ids],
                )
                for one in plan.warnings
            ],
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
    kept_amounts: list[Money] = Field(description="What is kept of their payment lines.")
    kept_credits: int


class JobAnswer(Answer):
    """A bulk cancellation."""

    __qualname__ = "Job"  # its name in the document
    model_config = _NAMED

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
    terms: TermsDocument | None = Field(description=_TERMS)
    terms_version: int | None = Field(description=_TERMS_VERSION)
    messages: MessagesAnswer | None = Field(description="Who is told of it; null: nobody.")
    refunds: dict[RefundStatus, Sum] | None = Field(
        description="By status, where a list is asked for `sums`; else null."
    )


class ChosenForms(Answer):
    """Clients who have chosen, by form."""

    original: int = 0
    store_credit: int = 0


class ChoiceCounts(Answer):
    """How clients have chosen so far; who has not by `until` gets the default of the terms."""

    asked: int = Field(
        description="Clients who may choose, or might have; 0 until refunds are being written."
    )
    chosen: ChosenForms
    until: UtcInstant


class JobDetail(JobAnswer):
    """A bulk cancellation with its refunds counted and summed by status."""

    refunds: dict[RefundStatus, Sum] = Field(description="Every status, also where it counts none.")
    choices: ChoiceCounts | None = Field(
        description="Null where its terms let no client choose. Who chose what: `…/choices`."
    )
    needs_approval: list[ExceededLimit] = Field(
        description="The limits that it was above as it was asked for. Empty: it needed none."
    )
    approval: ApprovalOfJob | None = Field(description="Null where it needed none.")
    actions: list[JobActionAnswer] = Field(
        description="Who approved, refused or withdrew it, the first first."
    )


class ChosenSession(Answer):
    """What became of one chosen session."""

    session_id: str
    outcome: SessionOutcome
    job_id: Uuid | None = Field(
        description=(
            "The bulk cancellation that has it: this one where `accepted`; null: the platform "
            "cancelled it."
        )
    )


class AcceptedJob(JobDetail):
    """A bulk cancellation as it was accepted, with every chosen session's outcome."""

    sessions: list[ChosenSession]


class RetriedJob(JobDetail):
    """A bulk cancellation after a retry."""

    retried: int = Field(description="Refunds that are under way again.")


class JobSession(Times, ChosenSession):
    """A chosen session as it was at acceptance."""

    name: str
    location: str | None
    instructor: str | None
    refunds: dict[RefundStatus, int] = Field(
        description="Refunds by status, once the worker has begun."
    )


class RefundAnswer(Answer):
    """One payment line's refund, or (method `none`) a booking of which nothing was paid.

    Returned as `goodwill` it is credits on top, and no payment line's.
    What was paid of a line is what is returned and what is kept of it; `skipped`, with 0 to return:
    all of it is kept.
    """

    __qualname__ = "Refund"  # its name in the document
    model_config = _NAMED

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
    kept_amount_minor: int = Field(description="Paid, and not returned.")
    kept_credits: int
    kept_by: str | None = Field(description="The rule that keeps it.", examples=["attended"])
    leg: int = Field(
        description="Of its line, from 1: another follows a refusal that no try can mend."
    )
    returned_as: RefundForm = Field(description="In which form it comes back.")
    choose_until: UtcInstant | None = Field(
        description="Until when its client may choose the form; null: nobody is asked."
    )
    bonus_minor: int = Field(
        description="Given on top of `amount_minor` to who has chosen store credit."
    )
    status: RefundStatus
    attempts: int
    next_attempt_at: UtcInstant | None = Field(
        description="When a machine will next touch it; null: it rests."
    )
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    resolved_amount_minor: int | None = Field(description=RESOLVED_AMOUNT)
    settled_at: UtcInstant | None


def money(amounts: Mapping[str, int]) -> list[Money]:
    """Sums by currency as a list."""
    return [Money(**one) for one in money_fields(amounts)]


# What is within a job is given as members: to make each a model of its own takes five times as long
# as the whole.
def job_fields(view: JobView, *, as_accepted: bool = False) -> dict[str, Any]:
    """The members of `JobAnswer`: as it is, or as the 202 said (`as_accepted`).

    The latter whatever has become of the job since.
    """
    job = view.job
    status = job.status
    hold_until = job.hold_until
    if as_accepted and view.approval is not None:
        status, hold_until = JobStatus.AWAITING_APPROVAL, None
    elif as_accepted:
        status = JobStatus.HELD if job.hold_until else JobStatus.QUEUED
    return {
        "id": job.id,
        "status": status,
        "date_from": job.date_from,
        "date_to": job.date_to,
        "reason": job.reason,
        "include_attended": job.include_attended,
        "hold_until": hold_until,
        "requested_by": job.requested_by,
        "requested_at": job.requested_at,
        "started_at": None if as_accepted else job.started_at,
        "finished_at": None if as_accepted else job.finished_at,
        "session_counts": view.session_counts,
        "totals": totals_fields(job.totals),
        "terms": job.terms,
        "terms_version": job.terms_version,
        "messages": job.messages,
        "refunds": _sums_fields(view) if view.refunds else None,
    }


def detail_fields(view: JobView, *, as_accepted: bool = False) -> dict[str, Any]:
    """The members of `JobDetail`."""
    choices = view.choices and {
        "asked": view.choices.asked,
        "chosen": view.choices.chosen,
        "until": view.choices.until,
    }
    return {
        **job_fields(view, as_accepted=as_accepted),
        "choices": choices,
        **approval_fields(view.approval, view.actions),
    }


def _sums_fields(view: JobView) -> dict[RefundStatus, dict[str, Any]]:
    return {
        status: {
            "count": one.count,
            "amounts": money_fields(one.amounts),
            "credits": one.credits,
            "kept_amounts": money_fields(one.kept_amounts),
            "kept_credits": one.kept_credits,
        }
        for status, one in view.refunds.items()
    }


def refund_fields(refund: Refund) -> dict[str, Any]:
    """The members of `RefundAnswer`."""
    return {
        "id": refund.id,
        "session_id": refund.session_id,
        "booking_id": refund.booking_id,
        "client_id": refund.client_id,
        "method": refund.method,
        "payment_id": refund.payment_id,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "account_id": refund.account_id,
        "credits": refund.credits,
        "kept_amount_minor": refund.kept_amount_minor,
        "kept_credits": refund.kept_credits,
        "kept_by": refund.kept_by,
        "leg": refund.leg,
        "returned_as": refund.returned_as,
        "choose_until": refund.choose_until,
        "bonus_minor": refund.bonus_minor,
        "status": refund.status,
        "attempts": refund.attempts,
        "next_attempt_at": refund.due_at,
        "upstream_reference": refund.upstream_reference,
        "failure_code": refund.failure_code,
        "failure_detail": refund.failure_detail,
        "resolved_amount_minor": refund.resolved_amount_minor,
        "settled_at": refund.settled_at,
    }


def refund(one: Refund) -> RefundAnswer:
    """A refund as shown."""
    return RefundAnswer(**refund_fields(one))


def holder_of(outcome: str, held_by_job_id: str | None, job_id: str) -> str | None:
    """The job that has a session which this job chose.

    None where the platform itself had cancelled it.
    """
    return job_id if outcome == SessionOutcome.ACCEPTED else held_by_job_id


def job_session(
    session: SessionOfJob, job_id: str, counts: Mapping[str, int], business_timezone: str
) -> JobSession:
    """A session of a job as shown; `counts` are of its own refunds."""
    starts_at, ends_at = session.starts_at, session.ends_at
    return JobSession(
        session_id=session.session_id,
        outcome=session.outcome,
        job_id=holder_of(session.outcome, session.held_by_job_id, job_id),
        name=session.name,
        starts_at=starts_at,
        ends_at=ends_at,
        **session_times(starts_at, ends_at, session.timezone, business_timezone)._asdict(),
        location=session.location,
        instructor=session.instructor,
        refunds={RefundStatus(status): count for status, count in counts.items()},
    )
