"""What is asked of a plan's messages, and how they are shown."""

from dataclasses import asdict
from typing import Self

from pydantic import Field

from app.api.bodies import Answer
from app.api.cancellations.cancellation_bodies import CancellationRequest
from app.api.messages.message_bodies import Address, Preview
from app.domain.fields import PlatformId
from app.domain.messages.settings import Language
from app.domain.statuses import SuppressedBecause
from app.messages.preview import ShownPlan


class PlanMessageRequest(CancellationRequest):
    """A plan, and whose message of it to show."""

    client_id: PlatformId | None = Field(None, description="Null: the first one's, by id.")
    language: Language | None = Field(None, description="Null: the client's.")


class TestMailRequest(PlanMessageRequest):
    """A plan's message to be sent to the business itself."""

    to: Address | None = Field(
        None,
        description="An address of the message settings: one of `staff`, or `reply_to`. Null: the "
        "latter, or else the first of the former.",
    )


class PlanAddressees(Answer):
    """How many clients would be told, and how many can't be, by why."""

    email: int = Field(description="Who would be written to.")
    no_address: int = 0
    opted_out: int = 0
    unreachable: int = Field(0, description="Whose address has taken nothing before.")
    complained: int = Field(0, description="Who called a message of the business spam.")
    deleted: int = Field(0, description="Who is no longer in the schedule.")


class PlannedPreview(Preview):
    """One client's message, as it would be when the plan is accepted."""

    because: SuppressedBecause | None = Field(
        description="Why it would not be sent; null: it would be."
    )


class PlanMessage(Answer):
    """Whom a plan would have told, and what one of them."""

    addressees: PlanAddressees
    message: PlannedPreview | None = Field(description="Null: no client would be told.")
    next_client_id: str | None = Field(
        description="Who comes after this one, by id; null: nobody does."
    )

    @classmethod
    def of(cls, plan: ShownPlan) -> Self:
        reach, shown = plan.reach, plan.shown
        return cls(
            addressees=PlanAddressees(
                email=reach.email,
                **{str(why): count for why, count in reach.suppressed.items()},
            ),
            message=shown
            and PlannedPreview(
                client_id=shown.client_id, because=shown.because, **asdict(shown.composed)
            ),
            next_client_id=reach.following,
        )


class TestMail(Answer):
    """A test that a mail server has taken."""

    to: str
