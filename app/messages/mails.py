"""A claimed message as the mail that it is sent as: its words, in whose name, and its bytes."""

import datetime as dt
from dataclasses import dataclass

from app.cancellation.choices import links
from app.db.messages.claims import ClaimedMessage, ClaimedMessages
from app.domain.messages.approval import ApprovalFacts
from app.domain.messages.facts import Correspondents, ToldFacts
from app.domain.messages.staff import StaffFacts
from app.domain.statuses import MessageKind
from app.encryption import SecretBox
from app.gateways.email.build import envelope_sender
from app.gateways.email.mail import Mail
from app.messages import unsubscribe
from app.messages.compose.approval import compose_for_approvers
from app.messages.compose.cancellation_calendar import cancellation_calendar
from app.messages.compose.languages import language_for
from app.messages.compose.message import Composed, compose
from app.messages.compose.mime import Mailbox, mime
from app.messages.compose.staff import compose_for_staff
from app.messages.compose.templates.fill import Template
from app.messages.unsubscribe import WhoseMail


@dataclass(frozen=True, slots=True)
class MailOffice:
    """What all mails of this service have in common.

    `public_url` is where its pages are, without a last slash; None: mails link to none.
    """

    mail_from: str
    mail_bounces: str | None
    public_url: str | None
    secret_box: SecretBox | None

    @property
    def domain(self) -> str:
        """The right part of each Message-ID."""
        return self.mail_from.rpartition("@")[2]


def mail_of(
    office: MailOffice, business_id: str, batch: ClaimedMessages, message: ClaimedMessage
) -> Mail:
    """The mail, the same at each try but for words that were mended between two builds.

    The message's contact has an address.

    Raises:
        UnsendableAddressError: that no relay takes.
    """
    contact = message.contact
    assert contact.address is not None
    to = correspondents(office, business_id, batch, message)
    calendar = None
    if message.kind is MessageKind.STAFF:
        composed = compose_for_staff(
            StaffFacts.of(message.facts), to, page_url=_page(office, f"/jobs/{message.job_id}")
        )
    elif message.kind is MessageKind.APPROVAL:
        composed = compose_for_approvers(
            ApprovalFacts.of(message.facts), to, page_url=_page(office, f"/jobs/{message.job_id}")
        )
    else:
        facts = message.client_facts
        composed = composed_for(office, batch, message, to, facts)
        calendar = cancellation_calendar(
            facts,
            to,
            organizer=office.mail_from,
            attendee=contact.address,
            revisions=batch.revisions,
            now=message.composed_at,
        )
    recipient = Mailbox(contact.address, contact.name)
    return addressed(
        office,
        batch,
        composed,
        recipient,
        id_=message.id,
        date=message.composed_at,
        calendar=calendar,
        unsubscribe_url=to.unsubscribe_url,
    )


def addressed(
    office: MailOffice,
    batch: ClaimedMessages,
    composed: Composed,
    recipient: Mailbox,
    *,
    id_: str,
    date: dt.datetime,
    calendar: bytes | None = None,
    unsubscribe_url: str | None = None,
) -> Mail:
    """What was composed, in its business's name, as the mail to one recipient.

    Raises:
        UnsendableAddressError: that no relay takes.
    """
    own = batch.sender
    raw = mime(
        composed,
        message_id=f"{id_}@{office.domain}",
        sender=Mailbox(office.mail_from, own.sender_name or batch.business_name),
        recipient=recipient,
        date=date,
        reply_to=own.reply_to,
        list_unsubscribe=_one_click(unsubscribe_url),
        calendar=calendar,
    )
    sender = envelope_sender(id_, mail_from=office.mail_from, mail_bounces=office.mail_bounces)
    return Mail(id_, sender, recipient.address, raw)


def composed_for(
    office: MailOffice,
    batch: ClaimedMessages,
    message: ClaimedMessage,
    to: Correspondents,
    facts: ToldFacts,
) -> Composed:
    """A client's message in words: their business's own, where it has some in their language."""
    own = batch.own_words.get(to.language.partition("-")[0])
    choice = None
    if facts.choice is not None and office.secret_box is not None:
        token = links.token_of(office.secret_box, message.job_id, message.addressee)
        choice = _page(office, f"/choose/{token}")
    return compose(
        facts,
        to,
        told_before=message.told_before,
        subject=message.terms.subject,
        text=message.terms.text,
        choice_url=choice,
        page_url=_page(office, f"/c/{to.business_id}"),
        template=None if own is None else Template(own.subject, own.body),
    )


def correspondents(
    office: MailOffice, business_id: str, batch: ClaimedMessages, message: ClaimedMessage
) -> Correspondents:
    """Who writes to whom, in which language."""
    own = batch.sender
    stop, own_url = None, None
    if message.kind is MessageKind.CLIENT and office.secret_box is not None:
        token = links.token_of(office.secret_box, message.job_id, message.addressee)
        own_url = _page(office, f"/yours/{token}")
    if own.unsubscribe and message.kind is MessageKind.CLIENT and office.secret_box is not None:
        whose = WhoseMail(business_id, message.addressee)
        stop = unsubscribe_page(office, unsubscribe.token_of(office.secret_box, whose))
    return Correspondents(
        business_id=business_id,
        business_name=batch.business_name,
        client_name=message.contact.name,
        language=language_for(message.contact.language, own.language),
        hour_cycle=own.hour_cycle,
        sender_name=own.sender_name,
        reply_to=own.reply_to,
        unsubscribe_url=stop,
        own_url=own_url,
    )


def unsubscribe_page(office: MailOffice, token: str) -> str | None:
    """Where the client of this token stops their mail; None: our pages are nowhere."""
    return _page(office, f"/unsubscribe/{token}")


def _one_click(url: str | None) -> str | None:
    """Where a mail program may stop them by itself: RFC 8058 wants HTTPS."""
    return url if url is not None and url.startswith("https://") else None


def _page(office: MailOffice, path: str) -> str | None:
    return None if office.public_url is None else f"{office.public_url}{path}"
