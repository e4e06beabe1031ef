"""What was administered, by whom and from where, as it is written down for good."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class ActorKind(StrEnum):
    """What somebody who administers is."""

    KEY = "key"
    PLATFORM_KEY = "platform_key"
    PERSON = "person"
    COMMAND = "command"  # on the server's own machine


class Action(StrEnum):
    """What was done."""

    BUSINESS_CREATED = "business.created"
    BUSINESS_CHANGED = "business.changed"
    BUSINESS_SUSPENDED = "business.suspended"
    BUSINESS_UNSUSPENDED = "business.unsuspended"
    BUSINESS_LIMITED = "business.limited"
    ACCOUNT_CHANGED = "business.account_changed"
    KEY_CREATED = "key.created"
    KEY_CHANGED = "key.changed"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    PLATFORM_KEY_CREATED = "platform_key.created"
    PLATFORM_KEY_REVOKED = "platform_key.revoked"
    ENDPOINT_CREATED = "webhook_endpoint.created"
    ENDPOINT_CHANGED = "webhook_endpoint.changed"
    ENDPOINT_ROTATED = "webhook_endpoint.rotated"
    ENDPOINT_DELETED = "webhook_endpoint.deleted"
    MESSAGES_SET = "message_settings.set"
    WORDS_SET = "message_words.set"
    WORDS_DELETED = "message_words.deleted"
    LIMITS_SET = "approval_limits.set"
    PAGE_SET = "public_page.set"
    SIGN_INS_ENDED = "sign_ins.ended"
    CLIENT_ERASED = "client.erased"
    RETENTION_SET = "retention.set"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where; what is not known is None.

    `id` is a key's prefix or a person's `sub`, `name` what the audit calls them.
    """

    kind: ActorKind
    id: str | None
    name: str
    address: str | None = None
    request_id: str | None = None

    @property
    def whole_id(self) -> str:
        """That caller's alone: the kind, and the id within it."""
        return self.kind if self.id is None else f"{self.kind}:{self.id}"


COMMAND: Final = Actor(ActorKind.COMMAND, None, "command")
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done to what, with what was changed of it, before and after.

    Attributes:
        business_id: whose it is; None: it is above businesses.
        subject: the id of a business, an endpoint or a client, a key's prefix, a language, a `sub`.
    """

    action: Action
    business_id: str | None
    subject: str
    before: Facts | None = None
    after: Facts | None = None


@dataclass(frozen=True, slots=True)
class RecordedDeed:
    """One that was written down."""

    id: str
    recorded_at: dt.datetime
    actor: Actor
    action: str
    business_id: str | None
    subject: str
    before: Facts | None
    after: Facts | None


def change_of(
    action: Action, business_id: str | None, subject: str, before: Facts, after: Facts
) -> Deed:
    """A deed with those facts alone that differ."""
    differ = [name for name in after if before.get(name) != after[name]]
    return Deed(
        action,
        business_id,
        subject,
        {name: before.get(name) for name in differ},
        {name: after[name] for name in differ},
    )
