"""The bodies of choices: what a client is shown, and what a business sees."""

from typing import Literal, Self

from pydantic import Field

from app.api.bodies import Answer, Body, UtcInstant
from app.api.cancellations.cancellation_bodies import Money, money
from app.api.languages import HourCycle, Spoken, spoken
from app.cancellation.choices.offer import ClientOffer
from app.domain.nouns.choices import AskedRefund, ClientOfJob
from app.domain.statuses import ChoiceStatus, RefundForm


class ChoiceRequest(Body):
    """The form that a client chooses."""

    form: Literal["original", "store_credit"]


class ChoiceSession(Answer):
    """A cancelled session that the client had paid for."""

    name: str
    starts_local: str = Field(description="What the clocks showed at its start, where it is held.")
    timezone: str

    @classmethod
    def of(cls, one: AskedRefund) -> Self:
        return cls(
            name=one.session_name,
            starts_local=one.session_starts_local,
            timezone=one.session_timezone,
        )


class ChoiceForm(Answer):
    """A form in which all of it may come back."""

    form: RefundForm
    amounts: list[Money] = Field(description="What was paid and comes back.")
    bonus: list[Money] = Field(description="What is given on top of it.")


class ChoiceAnswer(Answer):
    """What a client may choose, has chosen, or gets. Nothing names them."""

    __qualname__ = "Choice"  # its name in the document

    business: str = Field(description="The business's name.")
    timezone: str = Field(description="Of the business.")
    language: Spoken
    hour_cycle: HourCycle
    status: ChoiceStatus
    until: UtcInstant
    default: RefundForm = Field(description="What comes back by itself when the time is up.")
    form: RefundForm | None = Field(
        description="What was chosen, or stands since the time is up; null before."
    )
    chosen_at: UtcInstant | None
    offer: list[ChoiceForm] = Field(description="In the order in which they are to be shown.")
    sessions: list[ChoiceSession] = Field(description="Each once, in start order.")

    @classmethod
    def of(cls, offer: ClientOffer) -> Self:
        """The offer as its client sees it."""
        sessions = {one.session_id: ChoiceSession.of(one) for one in offer.refunds}
        return cls(
            business=offer.business.name,
            timezone=offer.business.timezone,
            **spoken(offer.business.client_language, offer.business.sender),
            status=offer.status,
            until=offer.until,
            default=offer.choice.default,
            form=offer.stands,
            chosen_at=offer.chosen_at,
            offer=[
                ChoiceForm(form=one.form, amounts=money(one.amounts), bonus=money(one.bonuses))
                for one in offer.offered()
            ],
            sessions=[*sessions.values()],
        )


class ClientChoice(Answer):
    """A client who was asked, and what became of it."""

    client_id: str
    status: ChoiceStatus
    form: RefundForm | None = Field(
        description="What was chosen, or stands since the time is up; null before."
    )
    chosen_at: UtcInstant | None
    until: UtcInstant
    link: str | None = Field(
        description=(
            "The client's own, which acts for them: with the scope `audit:read`, and where "
            "BULK_CANCEL_SECRETS_KEY is set. Null without."
        )
    )

    @classmethod
    def of(cls, one: ClientOfJob, link: str | None) -> Self:
        """A row of the list."""
        status = ChoiceStatus.OPEN if one.is_open else ChoiceStatus.OVER
        if one.chosen is not None:
            status = ChoiceStatus.CHOSEN
        form = None if status is ChoiceStatus.OPEN else RefundForm(one.chosen or one.stands)
        return cls(
            client_id=one.client_id,
            status=status,
            form=form,
            chosen_at=one.chosen_at,
            until=one.until,
            link=link,
        )
