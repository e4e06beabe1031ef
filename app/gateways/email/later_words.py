"""What is said of a mail after a relay has taken it: by a mail service's hook, or by a bounce.

Either names one of our messages, or says nothing to us.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, StringConstraints

from app.gateways.email.bounces import Bounce
from app.gateways.email.mail import MAX_DETAIL, is_dead_address, without_addresses
from app.gateways.inbound import AnyHook

# A whole Message-ID, as mail services know a mail, or its left part alone.
_MESSAGE_ID: Final = re.compile(r"<?([0-9A-Za-z-]{1,64})(?:@[^<>\s]+)?>?")
STATUS_PATTERN: Final = r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$"
MAX_MESSAGE_ID: Final = 998  # characters of a line (RFC 5322)
MAX_SAID: Final = 4_000


class Said(StrEnum):
    """The types of hooks that are read."""

    BOUNCED = "message.bounced"
    COMPLAINED = "message.complained"
    DELIVERED = "message.delivered"


_READ: Final = frozenset(str(one) for one in Said)


@dataclass(frozen=True, slots=True)
class LaterWord:
    """What was said of one message.

    `status` is RFC 3463's code, None where there is none. `detail` holds no address.
    """

    message_id: str
    said: Said
    status: str | None = None
    detail: str = ""

    @property
    def is_dead_address(self) -> bool:
        """Whether nobody reads mail there: without a code that says so, nobody knows."""
        return (
            self.said is Said.BOUNCED and self.status is not None and is_dead_address(self.status)
        )

    @classmethod
    def of_bounce(cls, bounce: Bounce) -> Self | None:
        """What a report says; None where it names no message, or a mail that is under way."""
        if bounce.message_id is None:
            return None
        if bounce.has_failed:
            return cls(bounce.message_id.lower(), Said.BOUNCED, bounce.status)
        if bounce.has_complained:
            return cls(bounce.message_id.lower(), Said.COMPLAINED)
        if bounce.action == "delivered":
            return cls(bounce.message_id.lower(), Said.DELIVERED, bounce.status)
        return None


class _SaidOfMessage(BaseModel):
    message_id: Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE_ID)]
    status: Annotated[str, StringConstraints(pattern=STATUS_PATTERN)] | None = None
    detail: Annotated[str, Field(max_length=MAX_SAID)] | None = None


class _MessageHook(AnyHook):
    data: _SaidOfMessage


def read_hook(document: object) -> LaterWord | None:
    """What a verified hook says; None where its type, or whatever it names, is nothing to us.

    What is of another type is not read further than its type.

    Raises:
        ValidationError: it is no such hook.
    """
    said = AnyHook.model_validate(document).type
    if said not in _READ:
        return None
    data = _MessageHook.model_validate(document).data
    named = _MESSAGE_ID.fullmatch(data.message_id)
    if named is None:
        return None
    detail = without_addresses(data.detail or "")[:MAX_DETAIL]
    return LaterWord(named[1].lower(), Said(said), data.status, detail)
