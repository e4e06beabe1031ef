"""Messages of every kind, to check templates on and to show businesses what clients read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.domain.messages.facts import (
    Correspondents,
    ToldChoice,
    ToldFacts,
    ToldLine,
    ToldSession,
    ToldState,
)
from app.domain.statuses import BookingStatus, Method, RefundForm

CARD: Final = ToldLine(ToldState.RETURNED, Method.PAYMENT, RefundForm.ORIGINAL, 2000, "EUR")
CREDIT: Final = ToldLine(ToldState.RETURNED, Method.CREDIT, RefundForm.ORIGINAL, credits=1)
YOGA: Final = ToldSession(
    session_id="sample-1",
    booking_id="sample-1-ana",
    name="Yoga Flow",
    starts_at="2026-11-30T17:00:00Z",
    starts_local="2026-11-30T18:00:00",
    ends_local="2026-11-30T19:00:00",
    timezone="Europe/Berlin",
    location="Room 2",
    instructor="Kofi Mensah",
    booking_status=BookingStatus.BOOKED,
)
BARRE: Final = replace(
    YOGA,
    session_id="sample-2",
    booking_id="sample-2-ana",
    name="Barre",
    starts_at="2026-12-01T08:30:00Z",
    starts_local="2026-12-01T09:30:00",
    ends_local="2026-12-01T10:15:00",
    location=None,
    instructor=None,
)
_TO: Final = Correspondents("sample", "Sample Studio", "Ana Lima", "en")
_HOSTILE: Final = "<b>{{ reason }}</b> \"'&\r\nBcc: x@y.test \u202e{% raw %}"


@dataclass(frozen=True, slots=True)
class Sample:
    """One message: its facts, who writes to whom, and what else it is made of."""

    facts: ToldFacts
    to: Correspondents = _TO
    told_before: ToldFacts | None = None
    text: str | None = None
    choice_url: str | None = None
    page_url: str | None = None


def booked(*lines: ToldLine, session: ToldSession = YOGA) -> ToldSession:
    """A booking of the session with these lines."""
    return replace(session, lines=lines)


def told(*sessions: ToldSession, reason: str | None = "Burst pipe") -> ToldFacts:
    """Facts that are final."""
    return ToldFacts(sessions, is_final=True, reason=reason)


_FAILED: Final = replace(CARD, state=ToldState.WITH_A_PERSON)
_WAITING: Final = replace(YOGA, booking_status=BookingStatus.WAITLISTED)
_STORE_CREDIT: Final = replace(
    CARD,
    form=RefundForm.STORE_CREDIT,
    bonus_minor=200,
    expires_after="2027-11-30T23:00:00Z",
)
_UNDER_WAY: Final = replace(CARD, state=ToldState.UNDER_WAY)
_CHOICE: Final = ToldChoice(
    (RefundForm.ORIGINAL, RefundForm.STORE_CREDIT),
    RefundForm.ORIGINAL,
    "2026-11-29T17:00:00Z",
    1000,
)
_MIXED: Final = (
    booked(
        CARD,
        replace(CARD, amount_minor=1500, currency="USD", state=ToldState.ELSEWHERE),
        replace(CARD, amount_minor=1000, kept_amount_minor=500, currency="JPY"),
    ),
    booked(CREDIT, _FAILED, session=BARRE),
)

SAMPLES: Final[Mapping[str, Sample]] = {
    "refund": Sample(told(booked(CARD)), page_url="https://studio.test/c/sample"),
    "credit": Sample(told(booked(CREDIT), booked(CREDIT, session=BARRE))),
    "store credit": Sample(told(booked(_STORE_CREDIT))),
    "failed": Sample(told(booked(_FAILED)), text="We are sorry.\n\nThe studio is flooded."),
    "failed later": Sample(told(booked(_FAILED)), told_before=told(booked(CARD))),
    "waiting list": Sample(told(_WAITING, reason=None)),
    "nothing paid": Sample(told(YOGA, reason=None), to=replace(_TO, client_name=None)),
    "choice": Sample(
        replace(told(booked(_UNDER_WAY)), is_final=False, choice=_CHOICE),
        choice_url="https://studio.test/choose/sample",
    ),
    "mixed": Sample(told(*_MIXED)),
    "hostile names": Sample(
        told(replace(booked(CARD), name=_HOSTILE, instructor=_HOSTILE), reason=_HOSTILE),
        to=replace(_TO, client_name=_HOSTILE, business_name=_HOSTILE),
        text=_HOSTILE,
    ),
}
