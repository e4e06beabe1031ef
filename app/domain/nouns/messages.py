"""Messages, and what businesses set of them, as values that every layer may name."""

import datetime as dt
from typing import NamedTuple

from app.domain.statuses import MessageKind, MessageStatus


class MessageRow(NamedTuple):
    """A message as it is listed.

    `due_at` is when it is sent, at the latest; `recipient` the address of its last try; `name` its
    client's, where there is one.
    """

    id: str
    kind: MessageKind
    addressee: str
    edition: int
    status: MessageStatus
    because: str | None
    due_at: dt.datetime | None
    tries: int
    recipient: str | None
    detail: str | None
    created_at: dt.datetime
    sent_at: dt.datetime | None
    name: str | None


class OwnWords(NamedTuple):
    """A business's own words for one language: a subject and a plain body, as Jinja.

    None: the service's own.
    """

    language: str
    subject: str | None
    body: str | None


class SuppressedAddress(NamedTuple):
    """An address that nothing of the business is sent to."""

    address: str
    because: str
    since: dt.datetime


class LaterSaid(NamedTuple):
    """What was said of a message after a relay had taken it: it came back, or is called spam.

    `code` is RFC 3463's, or says that there was none. `for_good`: its address takes nothing more.
    """

    is_complaint: bool
    code: str = ""
    detail: str = ""
    for_good: bool = False
