"""What requests and businesses say of messages, and how messages are shown."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, StringConstraints
from pydantic.config import JsonDict

from app.api.bodies import Answer, Body, UtcInstant, without_defaults
from app.domain.fields import ADDRESS, PlatformId, Uuid, prose
from app.domain.messages.settings import (
    MAX_HOURS,
    MAX_STAFF,
    Language,
    MessageTerms,
    Sender,
    ToldBy,
    ToldWhen,
)
from app.domain.nouns.messages import MessageRow, OwnWords, SuppressedAddress
from app.domain.statuses import MessageKind, MessageStatus
from app.messages.settings import BusinessMessages
from app.messages.unsubscribe import ClientMail, MailState

_EXAMPLE: JsonDict = {
    "clients": "email",
    "when": "settled",
    "within_hours": 72,
    "subject": None,
    "text": "We are sorry: the heating has failed.",
    "staff": ["owner@studio.example"],
}
_ADDRESS: Final = StringConstraints(max_length=320, pattern=ADDRESS, strict=True)
Address = Annotated[str, _ADDRESS]
Subject = Annotated[
    Annotated[str, *prose(200)] | None,
    Field(description="In place of the usual one; literal, on one line."),
]
Text = Annotated[
    Annotated[str, StringConstraints(max_length=4000, strict=True)] | None,
    Field(description="The studio's own words at the head of each message; literal, with breaks."),
]


def _as_named(schema: JsonDict) -> None:
    without_defaults(schema)
    schema["examples"] = [_EXAMPLE]


class MessagesBody(Body):
    """Who is told of a bulk cancellation: members named here replace the business's."""

    model_config = ConfigDict(json_schema_extra=_as_named)

    clients: ToldBy = Field(ToldBy.NONE, description="How each client is told, once for all.")
    when: ToldWhen = Field(
        ToldWhen.SETTLED,
        description="`settled`: when all that is theirs has an end; `accepted`: at once, and then.",
    )
    within_hours: Annotated[int, Field(ge=0, le=MAX_HOURS, strict=True)] = Field(
        72, description="After so long they are told what is known by then."
    )
    subject: Subject = None
    text: Text = None
    staff: Annotated[list[Address], Field(max_length=MAX_STAFF)] = Field(
        [], description="Who gets a summary when it has ended."
    )

    def named(self) -> dict[str, Any]:
        """The members that were sent."""
        return self.model_dump(mode="json", exclude_unset=True)


class MessagesAnswer(Answer):
    """Who is told of a bulk cancellation, when and what."""

    __qualname__ = "Messages"  # its name in the document
    model_config = ConfigDict(model_title_generator=lambda body: body.__qualname__, frozen=True)

    clients: ToldBy
    when: ToldWhen
    within_hours: int
    subject: str | None
    text: str | None
    staff: list[str]


class MessageSettingsBody(MessagesBody):
    """What a business says of its messages: the whole."""

    language: Language = Field(Language.ENGLISH, description="Where a client's is not known.")
    hour_cycle: Literal["h12", "h23"] | None = Field(None, description="Null: the language's.")
    sender_name: Annotated[str, *prose(100)] | None = Field(
        None, description="Null: the business's name."
    )
    reply_to: Address | None = Field(None, description="Where answers go.")
    unsubscribe: StrictBool = Field(
        False, description="Whether messages to clients have a link that stops them."
    )

    def to_value(self) -> BusinessMessages:
        """The step's own value."""
        document = self.model_dump(mode="json")
        return BusinessMessages(MessageTerms.of(document), Sender.of(document))


class MessageSettings(MessagesAnswer):
    """What a business says of its messages."""

    __qualname__ = "MessageSettings"

    language: str
    hour_cycle: str | None
    sender_name: str | None
    reply_to: str | None
    unsubscribe: bool

    @classmethod
    def of(cls, own: BusinessMessages) -> Self:
        return cls(**own.terms.document(), **own.sender.document())


class Message(Answer):
    """One message, to a client about all their bookings, or to one of the staff."""

    id: Uuid
    kind: MessageKind
    client_id: str | None
    client_name: str | None = Field(description="For a key with `audit:read`.")
    recipient: str | None = Field(
        description="The address of its last try, or of one of the staff; for `audit:read`."
    )
    edition: int = Field(description="From 1: the next tells what has changed since.")
    status: MessageStatus
    because: str | None = Field(description="Why it was not sent, or came back.")
    due_at: UtcInstant | None = Field(
        description="When it is sent, at the latest, or tried next; null: it rests."
    )
    tries: int
    detail: str | None = Field(description="What the mail server answered last.")
    created_at: UtcInstant
    sent_at: UtcInstant | None

    @classmethod
    def of(cls, row: MessageRow, *, with_names: bool) -> Self:
        is_client = row.kind is MessageKind.CLIENT
        recipient = row.recipient if is_client else row.addressee
        return cls(
            **{
                name: getattr(row, name)
                for name in cls.model_fields
                if name not in ("client_id", "client_name", "recipient", "detail")
            },
            client_id=row.addressee if is_client else None,
            client_name=row.name if with_names else None,
            recipient=recipient if with_names else None,
            detail=row.detail if with_names else None,
        )


class PreviewRequest(Body):
    """Whose message to show, and in which words."""

    client_id: PlatformId | None = Field(None, description="Null: the first one's.")
    language: Language | None = Field(None, description="Null: the client's.")
    subject: Subject = None
    text: Text = None


class Preview(Answer):
    """A message as it would be now, with real figures."""

    client_id: str
    language: str
    subject: str
    text: str
    html: str = Field(description="A complete page; it loads nothing.")


class TemplateBody(Body):
    """A business's own words in one language, as Jinja; null: the service's."""

    subject: Annotated[str, StringConstraints(max_length=1000, strict=True)] | None = None
    body: Annotated[str, StringConstraints(max_length=20_000, strict=True)] | None = Field(
        None, description="Plain text; `details` stands for all that a client must hear."
    )


class MessageTemplate(Answer):
    """A business's own words in one language."""

    language: Language
    subject: str | None
    body: str | None

    @classmethod
    def of(cls, own: OwnWords) -> Self:
        return cls(language=Language(own.language), subject=own.subject, body=own.body)


class MessageTemplates(Answer):
    """A business's own words, by language."""

    data: list[MessageTemplate]


class MessageCounts(Answer):
    """How many addressees' newest messages are in each status."""

    pending: int = 0
    sent: int = 0
    bounced: int = 0
    suppressed: int = 0
    failed: int = 0

    @classmethod
    def of(cls, counts: Mapping[MessageStatus, int]) -> Self:
        return cls(**{str(status): count for status, count in counts.items()})


class Suppressed(Answer):
    """An address that nothing is sent to."""

    address: str
    because: str
    since: UtcInstant

    @classmethod
    def of(cls, one: SuppressedAddress) -> Self:
        return cls(**one._asdict())


class MailPreferenceBody(Body):
    """Whether a client is to be sent messages."""

    wants_mail: StrictBool


class MailPreference(Answer):
    """Whether a client is sent messages about cancellations. Nothing names them."""

    business: str = Field(description="The business's name.")
    language: str = Field(description="BCP 47; one that messages are written in.")
    state: MailState

    @classmethod
    def of(cls, mail: ClientMail) -> Self:
        """The answer to its client."""
        return cls(business=mail.business_name, language=mail.language, state=mail.state)
