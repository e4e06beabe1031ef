"""Makes of plain settings the mailer that they ask for."""

import ssl
from pathlib import Path

from app.config.mail_values import smtp_url_parts
from app.domain.mail_address import MailAddress
from app.gateways.email.mail import Mailer, bounce_address
from app.gateways.email.outbox import Outbox
from app.gateways.email.relay import Relay


def mailer_from(
    *,
    smtp_url: str | None,
    mail_from: str | None,
    outbox: Path | None,
    total_seconds: float,
    max_connections: int,
    tls: ssl.SSLContext | None = None,
) -> Mailer | None:
    """A relay where one is named, else the outbox where there is one, else None: no mail leaves.

    Raises:
        ValueError: a relay's address that can't be used, or one without an address of ours.
    """
    if smtp_url is None:
        return None if outbox is None else Outbox(outbox)
    if mail_from is None:
        raise ValueError("a relay needs an address that mails are from")
    return Relay(
        smtp_url_parts(smtp_url),
        hello_as=MailAddress.read(mail_from).domain,
        max_connections=max_connections,
        total_seconds=total_seconds,
        tls=tls,
    )


def envelope_sender(message_id: str, *, mail_from: str, mail_bounces: str | None) -> str:
    """Where bounces of this message go: to an address that names it, where there is one."""
    if mail_bounces is None:
        return mail_from
    return bounce_address(MailAddress.read(mail_bounces), message_id)
