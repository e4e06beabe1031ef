"""What clients choose, as values that every layer may name."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from app.domain.messages.facts import ToldLine, ToldSession
from app.domain.messages.settings import Sender
from app.domain.statuses import ChoiceStatus, RefundForm, RefundStatus


class AskingBusiness(NamedTuple):
    """Who asks: its name, and the zone of its clocks.

    With the language of the client who is asked, where that is known, and how it writes to others.
    """

    name: str
    timezone: str
    client_language: str | None
    sender: Sender


class ChosenForm(NamedTuple):
    """What a client has chosen, and when."""

    form: RefundForm
    chosen_at: dt.datetime


class AskedRefund(NamedTuple):
    """A refund of which its client may choose, with its session as it was accepted."""

    id: str
    status: str
    epoch: int
    amount_minor: int
    currency: str
    returned_as: str
    bonus_minor: int
    choose_until: dt.datetime
    session_id: str
    session_name: str
    session_starts_local: str
    session_timezone: str

    def is_open(self, at: dt.datetime) -> bool:
        """Whether nothing has become of it yet, and its client still has time."""
        is_untouched = self.status == RefundStatus.PENDING and self.epoch == 0
        return is_untouched and self.choose_until > at


class JobChoices(NamedTuple):
    """How many clients were asked, how many have chosen each form, and until when they may."""

    asked: int
    chosen: Mapping[str, int]
    until: dt.datetime


class ClientOfJob(NamedTuple):
    """A client who was asked: until when, what stands, and what they have chosen."""

    client_id: str
    until: dt.datetime
    stands: str
    is_open: bool
    chosen: str | None
    chosen_at: dt.datetime | None


class OwnLine(NamedTuple):
    """One sum as its client is told of it now.

    With the reference under which a service has returned it, when it got its end, and until when
    the client may still choose its form.
    """

    told: ToldLine
    reference: str | None
    at: dt.datetime | None
    choose_until: dt.datetime | None


class OwnSession(NamedTuple):
    """A booking in a cancelled session, as its client is told of it now."""

    told: ToldSession
    lines: tuple[OwnLine, ...]
    is_final: bool


class ClientChoiceState(NamedTuple):
    """Where a client's choice is, until when it may be made, and the form that stands."""

    status: ChoiceStatus
    until: dt.datetime
    form: RefundForm | None
