"""The bodies of clients' own pages: what each is shown, and the list of links for the business."""

from typing import Self

from pydantic import Field

from app.api.bodies import Answer, UtcInstant
from app.api.cancellations.cancellation_bodies import Money
from app.api.languages import HourCycle, Spoken, spoken
from app.api.schedule.page_bodies import PageLook
from app.cancellation.choices.own_page import OwnPage
from app.domain.messages.facts import ToldState
from app.domain.nouns.choices import ClientChoiceState, OwnLine, OwnSession
from app.domain.nouns.pages import PageSettings
from app.domain.statuses import BookingStatus, ChoiceStatus, Method, RefundForm


class OwnPageLine(Answer):
    """One sum that the client paid or is given: money or credits, never both."""

    state: ToldState = Field(
        description=(
            "`returned`: a service has confirmed it. `under_way`: no final word yet. "
            "`with_a_person`: no machine can return it; the business looks after it. `elsewhere`: "
            "it came back in another way. `kept`: nothing of it comes back."
        )
    )
    method: Method
    form: RefundForm
    amount: Money | None
    credits: int
    bonus: Money | None = Field(description="On top of the amount.")
    kept_amount: Money | None = Field(description="What of the same line is not returned.")
    kept_credits: int
    reference: str | None = Field(
        description="Of what was returned: under which the service knows it."
    )
    at: UtcInstant | None = Field(description="When it got its end.")
    expires_after: str | None = Field(description="Until when returned credits may be used.")
    choose_until: UtcInstant | None = Field(description="It waits for the client's choice.")

    @classmethod
    def of(cls, one: OwnLine) -> Self:
        """A line as its client sees it."""
        told = one.told
        return cls(
            state=told.state,
            method=told.method,
            form=told.form,
            amount=_money(told.currency, told.amount_minor),
            credits=told.credits,
            bonus=_money(told.currency, told.bonus_minor),
            kept_amount=_money(told.currency, told.kept_amount_minor),
            kept_credits=told.kept_credits,
            reference=one.reference,
            at=one.at,
            expires_after=told.expires_after,
            choose_until=one.choose_until,
        )


class OwnPageSession(Answer):
    """A cancelled session that the client had booked."""

    name: str
    starts_local: str = Field(description="What the clocks showed at its start, where it is held.")
    timezone: str
    location: str | None
    instructor: str | None
    booking_status: BookingStatus
    lines: list[OwnPageLine]

    @classmethod
    def of(cls, one: OwnSession) -> Self:
        """A booking as its client sees it."""
        told = one.told
        return cls(
            name=told.name,
            starts_local=told.starts_local,
            timezone=told.timezone,
            location=told.location,
            instructor=told.instructor,
            booking_status=told.booking_status,
            lines=[OwnPageLine.of(line) for line in one.lines],
        )


class OwnPageChoice(Answer):
    """The client's choice of a form, made at `/choices/{token}` with the same token."""

    status: ChoiceStatus
    until: UtcInstant
    form: RefundForm | None = Field(description="What was chosen or stands; null before.")

    @classmethod
    def of(cls, one: ClientChoiceState) -> Self:
        """As its client sees it."""
        return cls(status=one.status, until=one.until, form=one.form)


class ClientPage(Answer):
    """What became of a client's bookings in one cancellation. Nothing names them."""

    business: str = Field(description="The business's name.")
    timezone: str = Field(description="Of the business.")
    language: Spoken
    hour_cycle: HourCycle
    page: PageLook
    reason: str | None
    is_prepared: bool = Field(description="False: more may come; the refunds are being written.")
    is_final: bool = Field(description="Nothing of it will be changed by a machine.")
    sessions: list[OwnPageSession]
    choice: OwnPageChoice | None = Field(description="Null: the client is asked nothing.")

    @classmethod
    def of(cls, own: OwnPage, look: PageSettings) -> Self:
        """The page as its client sees it."""
        return cls(
            business=own.business.name,
            timezone=own.business.timezone,
            **spoken(own.business.client_language, own.business.sender),
            page=PageLook.of(own.business_id, look),
            reason=own.reason,
            is_prepared=own.is_prepared,
            is_final=own.is_final,
            sessions=[OwnPageSession.of(one) for one in own.sessions],
            choice=None if own.choice is None else OwnPageChoice.of(own.choice),
        )


class ClientLink(Answer):
    """A client of a job, and the link of their own page."""

    client_id: str
    link: str | None = Field(description="Null where BULK_CANCEL_SECRETS_KEY is not set.")


def _money(currency: str | None, amount: int) -> Money | None:
    return None if currency is None or not amount else Money(currency=currency, amount_minor=amount)
