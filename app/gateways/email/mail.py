"""A mail that is ready to leave, and what became of it: one vocabulary.

It is to be matched exhaustively. The invariant: `MailLater` and `RelayAway` mean that the relay has
surely not taken the mail, `MailUnknown` that it may have. No detail holds an address, for details
are logged.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Protocol

from app.domain.mail_address import MailAddress

MAX_DETAIL: Final = 300  # characters
_MIN_NAME: Final = 3  # characters; shorter ones are in half of all words
# RFC 3463 with the IANA registry: what says that nobody reads mail at this address, and not that a
# mailbox is full (5.2.2), the sender is unwelcome (5.1.7, 5.1.8, 5.7.x) or time was up (4.4.7).
_DEAD_ADDRESS: Final = re.compile(r"5\.(1\.([0-6]|10)|2\.1)")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one recipient, whose bytes are the same at each try.

    `message_id` is the id of the message's row, which the `Message-ID` of the bytes is made of.
    `envelope_from` is where bounces go.
    """

    message_id: str
    envelope_from: str
    recipient: str = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailSent:
    """The relay has taken the mail, and answers for it from here on.

    `response` is what it said, which names the mail in its log.
    """

    response: str


@dataclass(frozen=True, slots=True)
class MailRefused:
    """This mail will not be taken: refused for good (5xx), or an address that no envelope holds.

    `code` is the relay's; None where it was not asked. `is_dead_address` is true where nobody reads
    mail at this address, by RFC 3463's code: no other mail should be sent there.
    """

    code: int | None
    detail: str
    is_dead_address: bool = False


@dataclass(frozen=True, slots=True)
class MailLater:
    """Surely not taken, and to be tried again (4xx: greylisting, too busy).

    `is_of_recipient`: it says nothing of what others would be answered.
    """

    code: int | None
    detail: str
    retry_after_seconds: float | None = None
    is_of_recipient: bool = False


@dataclass(frozen=True, slots=True)
class MailUnknown:
    """The connection broke, or time was up, after DATA began: it may have been taken.

    The same bytes may be sent again; their `Message-ID` then shows a second copy to be one.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class RelayAway:
    """The relay serves nobody now: surely not taken, and no fault of the mail.

    No connection, TLS that can't be trusted or is not offered, a login or a sender that is refused.
    It counts as no attempt, and all mail waits.
    """

    detail: str


MailResult = MailSent | MailRefused | MailLater | MailUnknown | RelayAway


class Mailer(Protocol):
    """Where mail leaves. `send` raises for nothing that a relay, a network or a disk does."""

    async def send(self, mail: Mail) -> MailResult:
        """Send once. Never sends again what may have been taken."""

    async def aclose(self) -> None:
        """Close all connections. Mails still under way end as what is known of them."""


def is_dead_address(status: str) -> bool:
    """Whether RFC 3463's code says that nobody reads mail at this address."""
    return _DEAD_ADDRESS.fullmatch(status) is not None


def bounce_address(bounces: MailAddress, message_id: str) -> str:
    """Where the bounces of one message go, so that they name it (VERP)."""
    return f"{bounces.local_part}+{message_id}@{bounces.domain}"


def without_addresses(text: str, recipient: str = "") -> str:
    """A relay's words on one line, bounded; addresses, and the recipient's name, are left out."""
    # Bytes that are no UTF-8 come as surrogates, which nothing can write down.
    readable = text.encode("utf-8", "replace").decode()
    shown = "".join(one if one.isprintable() else " " for one in readable)
    name = recipient.rpartition("@")[0].casefold()
    words = (
        "(address)" if "@" in word or "<" in word or _names(word, name) else word
        for word in shown.split()
    )
    return " ".join(words)[:MAX_DETAIL]


def _names(word: str, name: str) -> bool:
    return len(name) >= _MIN_NAME and name in word.casefold()
