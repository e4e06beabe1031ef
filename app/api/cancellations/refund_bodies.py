"""The bodies of single refunds.

One with its session, client and history, and what a person may do about it.
"""

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field

from app.api.bodies import Answer, Body, UtcInstant
from app.api.cancellations.cancellation_bodies import RefundAnswer, refund_fields
from app.api.schedule.local_times import Times
from app.cancellation.amend import ByHand, Resolution, Retried
from app.cancellation.read import RefundView
from app.domain.days import session_times
from app.domain.fields import Uuid, prose, text
from app.domain.nouns.cancellations import RefundChange, SessionOfJob
from app.domain.statuses import RefundStatus
from app.domain.texts.display_text import displayed
from app.errors import FieldError, Invalid


class SessionOfRefund(Times):
    """The session that was cancelled, as it was at acceptance."""

    id: str
    name: str
    location: str | None
    instructor: str | None


class ClientOfRefund(Answer):
    """Who was booked."""

    id: str
    name: str | None = Field(description="With the scope `audit:read`; null without.")
    email: str | None = Field(description="With the scope `audit:read`; null without.")


class RefundState(Answer):
    """A state that a refund has had, and who brought it there."""

    status: RefundStatus
    attempts: int
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    resolved_amount_minor: int | None
    actor: str = Field(
        description="`worker`, a hook, `client`, or the key of who retried or resolved it."
    )
    recorded_at: UtcInstant


class RefundDetail(RefundAnswer):
    """One refund with what it is about and all that became of it."""

    job_id: Uuid
    session: SessionOfRefund
    client: ClientOfRefund
    history: list[RefundState] = Field(description="The first state first.")

    @classmethod
    def of(cls, view: RefundView, business_timezone: str, *, with_names: bool) -> Self:
        """The refund as the API shows it; `with_names`: to a caller who may read them."""
        refund = view.refund
        client = view.client if with_names else None
        return cls(
            **refund_fields(refund),
            job_id=refund.job_id,
            session=session_of(view.session, business_timezone),
            client=ClientOfRefund(
                id=refund.client_id, name=client and client.name, email=client and client.email
            ),
            history=[_state(one) for one in view.history],
        )


def _state(change: RefundChange) -> RefundState:
    return RefundState(
        status=change.status,
        attempts=change.attempts,
        upstream_reference=change.upstream_reference,
        failure_code=change.failure_code,
        failure_detail=change.failure_detail,
        resolved_amount_minor=change.resolved_amount_minor,
        actor=change.actor,
        recorded_at=change.recorded_at,
    )


def session_of(session: SessionOfJob, business_timezone: str) -> SessionOfRefund:
    """A refund's session as the API shows it."""
    starts_at, ends_at = session.starts_at, session.ends_at
    return SessionOfRefund(
        id=session.session_id,
        name=session.name,
        starts_at=starts_at,
        ends_at=ends_at,
        **session_times(starts_at, ends_at, session.timezone, business_timezone)._asdict(),
        location=session.location,
        instructor=session.instructor,
    )


class RetryRequest(Body):
    """Which refunds to try again: these, or those that failed with these codes.

    With neither, all but disputed ones.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"failure_codes": ["account_closed", "insufficient_balance"]}]
        }
    )

    # No default stands in the document: a client made of it would send the empty list,
    # which is no choice.
    refund_ids: list[Uuid] = Field(default_factory=list, min_length=1, max_length=1000)
    failure_codes: list[Annotated[str, text(64, at_least=1)]] = Field(
        default_factory=list, min_length=1, max_length=100
    )

    def to_retried(self) -> Retried:
        """The step's own value.

        Raises:
            Invalid: both are given.
        """
        if self.refund_ids and self.failure_codes:
            detail = "Give refund_ids or failure_codes, not both."
            raise Invalid([FieldError("/failure_codes", "one-or-the-other", detail)])
        return Retried(tuple(self.refund_ids), tuple(self.failure_codes))


def _shows_something(value: str) -> str:
    if not displayed(value):
        raise ValueError("must name something, such as a bank transfer")
    return value


class ResolveRequest(Body):
    """How a person closed a refund that no machine could."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "resolution": "refunded_elsewhere",
                    "reference": "bank transfer 4711",
                    "note": "By Ana",
                }
            ]
        }
    )

    resolution: Resolution
    amount_minor: Annotated[int, Field(strict=True, ge=1, le=10**12)] | None = Field(
        None, description="What came back elsewhere, of a line of money; left out: all of it."
    )
    reference: Annotated[str, text(255, at_least=1), AfterValidator(_shows_something)]
    note: Annotated[str, *prose(500)] | None = None

    def to_step(self) -> ByHand:
        """The step's own value."""
        return ByHand(self.resolution, self.reference, self.note, self.amount_minor)
