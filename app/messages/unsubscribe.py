"""A client stops their mail, or has it sent again, by a link that is signed and kept nowhere.

The token holds the ids of business and client and no other word of them; its key is of this purpose
alone, so that no other link of ours is one.
"""

from enum import StrEnum
from typing import Final, NamedTuple

import structlog

from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.messages import stopped_mail
from app.db.messages.stopped_mail import MailRow
from app.domain.messages.settings import Sender
from app.encryption import SecretBox
from app.errors import NotFound
from app.messages.compose.languages import language_for

log = structlog.get_logger()

_PURPOSE: Final = "unsubscribe-link"
NOBODYS: Final = "example"  # as a link of a message that is shown and not sent ends


class WhoseMail(NamedTuple):
    """A client of a business, whose mail a token stops."""

    business_id: str
    client_id: str


class MailState(StrEnum):
    """Whether a client is sent messages, and if not, who said so."""

    ON = "on"
    STOPPED = "stopped"  # by the client
    STOPPED_BY_BUSINESS = "stopped_by_business"  # as it has written down


class ClientMail(NamedTuple):
    """A client's mail as their page shows it; `language` is a tag that we have words for."""

    business_name: str
    language: str
    state: MailState


def token_of(secret_box: SecretBox, whose: WhoseMail) -> str:
    """The token for this client: the same each time, under the same key."""
    return secret_box.signed(_PURPOSE, "\n".join(whose).encode())


def whose_of(secret_box: SecretBox, token: str) -> WhoseMail | None:
    """Whose mail it is; None: no key of ours has made this token."""
    data = secret_box.data_of(_PURPOSE, token)
    return None if data is None else WhoseMail(*data.decode().split("\n"))


async def read(db: Database, whose: WhoseMail) -> ClientMail:
    """How it is now; changes nothing.

    Raises:
        NotFound: there is no such client.
    """
    with of_business(whose.business_id):
        async with db.read() as conn:
            return _shown(await stopped_mail.get(conn, *whose))


async def put(db: Database, whose: WhoseMail, *, wants_mail: bool) -> ClientMail:
    """Stop the client's mail, or have it sent again; said again it changes nothing.

    Raises:
        NotFound: there is no such client.
    """
    with of_business(whose.business_id):
        async with db.write() as conn:
            has_changed = await stopped_mail.record_stopped(conn, *whose, stopped=not wants_mail)
            found = _shown(await stopped_mail.get(conn, *whose))
    if has_changed:
        event = "client.mail_resumed" if wants_mail else "client.mail_stopped"
        log.info(event, business_id=whose.business_id)
    return found


def _shown(row: MailRow | None) -> ClientMail:
    if row is None:
        raise NotFound("link")
    state = MailState.ON
    if row.has_stopped:
        state = MailState.STOPPED
    elif row.wants_no_mail:
        state = MailState.STOPPED_BY_BUSINESS
    tag = language_for(row.language, Sender.of(row.settings or {}).language)
    return ClientMail(row.business_name, tag, state)
