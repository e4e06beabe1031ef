"""The facts of one message: what became of each booking of one client in one job. Pure.

They are read from rows and frozen before a word is written, so that a message never says what did
not happen, and so that a later change can be told from what was told before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import orjson

from app.domain.statuses import BookingStatus, Method, RefundForm


class ToldState(StrEnum):
    """What a client is told of one leg of a payment line, or of credits on top."""

    RETURNED = "returned"
    UNDER_WAY = "under_way"  # no final word yet: it is not promised, only said to be under way
    WITH_A_PERSON = "with_a_person"  # no machine can return it; the business looks after it
    ELSEWHERE = "elsewhere"  # it came back in another way: by a person, or before
    KEPT = "kept"  # by a rule, or given up by a person: nothing of it comes back


@dataclass(frozen=True, slots=True)
class ToldLine:
    """One sum that a client paid or is given, and what became of it.

    An amount in minor units with its currency, or credits; never both. `kept_*` is what of the
    same line a rule keeps. `bonus_minor` is on top of `amount_minor`. `expires_after` is until when
    returned credits may be used, RFC 3339.
    """

    state: ToldState
    method: Method
    form: RefundForm
    amount_minor: int = 0
    currency: str | None = None
    credits: int = 0
    bonus_minor: int = 0
    kept_amount_minor: int = 0
    kept_credits: int = 0
    expires_after: str | None = None


@dataclass(frozen=True, slots=True)
class ToldSession:
    """A cancelled session and the client's booking of it; free ones have no lines.

    `starts_at` is RFC 3339 in UTC; `starts_local` and `ends_local` are what the clocks of its zone
    show, without offset (`2026-11-30T18:00:00`).
    """

    session_id: str
    booking_id: str
    name: str
    starts_at: str
    starts_local: str
    ends_local: str
    timezone: str
    location: str | None
    instructor: str | None
    booking_status: BookingStatus
    lines: tuple[ToldLine, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldChoice:
    """What the client may still choose: the forms, until when (RFC 3339), and the bonus."""

    forms: tuple[RefundForm, ...]
    default: RefundForm
    until: str
    bonus_basis_points: int = 0


@dataclass(frozen=True, slots=True)
class ToldFacts:
    """All that one message may say.

    `is_final`: no machine will change any of it. `reason` is the public one of the job. Sessions
    are in start order.
    """

    sessions: tuple[ToldSession, ...]
    is_final: bool
    reason: str | None = None
    choice: ToldChoice | None = None

    def lines(self) -> Iterator[ToldLine]:
        """All lines of all sessions."""
        for session in self.sessions:
            yield from session.lines

    def document(self) -> dict[str, Any]:
        """As it is kept in a row: JSON's own types, so that what is read again is equal."""
        document: dict[str, Any] = orjson.loads(orjson.dumps(self))
        return document

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What `document` has made."""
        choice = document["choice"]
        return cls(
            sessions=tuple(map(_session, document["sessions"])),
            is_final=document["is_final"],
            reason=document["reason"],
            choice=None
            if choice is None
            else ToldChoice(
                tuple(map(RefundForm, choice["forms"])),
                RefundForm(choice["default"]),
                choice["until"],
                choice["bonus_basis_points"],
            ),
        )


def _session(document: Mapping[str, Any]) -> ToldSession:
    lines = tuple(
        ToldLine(
            **(
                one
                | {
                    "state": ToldState(one["state"]),
                    "method": Method(one["method"]),
                    "form": RefundForm(one["form"]),
                }
            )
        )
        for one in document["lines"]
    )
    status = BookingStatus(document["booking_status"])
    return ToldSession(**({**document, "lines": lines, "booking_status": status}))


@dataclass(frozen=True, slots=True)
class Correspondents:
    """Who writes to whom, in which language.

    `language` is a BCP 47 tag that is supported; `sender_name` and `reply_to` are the business's.
    `unsubscribe_url` is where a client stops such messages, None: they are offered no link.
    `own_url` is the client's own page, which says how all of it stands; None: there is none.
    """

    business_id: str
    business_name: str
    client_name: str | None
    language: str
    hour_cycle: str | None = None  # `h12` or `h23`; None: the language's own
    sender_name: str | None = None
    reply_to: str | None = None
    unsubscribe_url: str | None = None
    own_url: str | None = None


LANGUAGES: Final = ("en", "fr", "de", "es", "pt", "ja", "ar")
