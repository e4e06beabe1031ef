"""Who is told of a cancellation, when, and in whose name: values and their documents. Pure.

A request's members replace the business's, one by one; what comes of it is frozen in the job.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, Self

MAX_HOURS: Final = 720
MAX_STAFF: Final = 20


class ToldBy(StrEnum):
    """How clients are told."""

    NONE = "none"
    EMAIL = "email"


class ToldWhen(StrEnum):
    """When a client is told first.

    `settled`: once all that is theirs has an end. `accepted`: at once, and again then.
    """

    SETTLED = "settled"
    ACCEPTED = "accepted"


class Language(StrEnum):
    """The languages that messages are written in."""

    ENGLISH = "en"
    FRENCH = "fr"
    GERMAN = "de"
    SPANISH = "es"
    PORTUGUESE = "pt"
    JAPANESE = "ja"
    ARABIC = "ar"


@dataclass(frozen=True, slots=True)
class MessageTerms:
    """What a job's clients and staff are told.

    `within_hours` after acceptance (or the hold's end) a client is told what is known by then.
    `text` is the business's own, at the message's head; both it and `subject` are literal.
    """

    clients: ToldBy = ToldBy.NONE
    when: ToldWhen = ToldWhen.SETTLED
    within_hours: int = 72
    subject: str | None = None
    text: str | None = None
    staff: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As it is kept: JSON's own types."""
        return asdict(self) | {"staff": [*self.staff]}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What `document` has made; members it lacks are as by default, others are left out."""
        given = {each.name: document[each.name] for each in fields(cls) if each.name in document}
        if "clients" in given:
            given["clients"] = ToldBy(given["clients"])
        if "when" in given:
            given["when"] = ToldWhen(given["when"])
        if "staff" in given:
            given["staff"] = tuple(given["staff"])
        return cls(**given)

    @property
    def tells_somebody(self) -> bool:
        """Whether there is anybody to write to."""
        return self.clients is not ToldBy.NONE or bool(self.staff)


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name messages go, and how: a business's own.

    `language` is where a client's is not known; `hour_cycle` `h12` or `h23`, None: the language's.
    `unsubscribe`: whether a client's messages have a link that stops them.
    """

    language: str = "en"
    hour_cycle: str | None = None
    sender_name: str | None = None
    reply_to: str | None = None
    unsubscribe: bool = False

    def document(self) -> dict[str, Any]:
        """As it is kept: JSON's own types."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What `document` has made."""
        return cls(
            **{each.name: document[each.name] for each in fields(cls) if each.name in document}
        )


def resolved(business: Mapping[str, Any] | None, named: Mapping[str, Any] | None) -> MessageTerms:
    """What holds for a job: the members that its request names, else its business's."""
    return MessageTerms.of({**(business or {}), **(named or {})})
