"""What a job chose, and its refunds, as values that every layer may name."""

import datetime as dt
from typing import NamedTuple

from app.domain.statuses import Method, RefundForm, RefundStatus, SessionOutcome


class SessionOfJob(NamedTuple):
    """A session that a job chose, as it was then, and what became of it.

    `held_by_job_id` is the job that has it where this one could not. `position` is its place among
    the accepted ones, `seq` among all.
    """

    outcome: SessionOutcome
    session_id: str
    seq: int
    position: int | None
    held_by_job_id: str | None
    name: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    timezone: str
    location: str | None
    instructor: str | None


class Refund(NamedTuple):
    """A refund's row.

    `due_at` is when a machine touches it next, `outcome_seq` its place among its job's outcomes:
    it has one of both. `bonus_minor` is given on top of `amount_minor`.
    """

    status: RefundStatus
    method: Method
    returned_as: RefundForm
    id: str
    job_id: str
    session_id: str
    booking_id: str
    client_id: str
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None
    kept_amount_minor: int
    kept_credits: int
    kept_by: str | None
    due_at: dt.datetime | None
    attempts: int
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    outcome_seq: int | None
    settled_at: dt.datetime | None
    resolved_amount_minor: int | None
    leg: int
    bonus_minor: int
    choose_until: dt.datetime | None


class RefundChange(NamedTuple):
    """A state that a refund has had, and who brought it there."""

    status: RefundStatus
    attempts: int
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    resolved_amount_minor: int | None
    actor: str
    recorded_at: dt.datetime


class ClientContact(NamedTuple):
    """What is known of a client, beside the id."""

    name: str | None
    email: str | None
