"""Mails as tests send them, and a mailer for a relay of theirs."""

import contextlib
from collections.abc import AsyncIterator

from app.config.mail_values import smtp_url_parts
from app.gateways.email.mail import Mail, Mailer
from app.gateways.email.relay import Relay

SENDER, RECIPIENT = "bounces@studio.example", "ada.lovelace@client.example"


def mail(number, *, recipient=RECIPIENT, sender=SENDER, text="It is cancelled."):
    head = f"Message-ID: <{number}@studio.example>\r\nSubject: Yoga\r\n\r\n"
    return Mail(f"{number}", sender, recipient, f"{head}{text}\r\n".encode())


@contextlib.asynccontextmanager
async def mailer_of(
    url, *, connections=1, total_seconds=60.0, tls=None, idle_seconds=20.0
) -> AsyncIterator[Mailer]:
    relay = Relay(
        smtp_url_parts(url),
        hello_as="studio.example",
        max_connections=connections,
        total_seconds=total_seconds,
        tls=tls,
        idle_seconds=idle_seconds,
    )
    try:
        yield relay
    finally:
        await relay.aclose()


def message_ids(relay):
    return [one.message_id.partition("@")[0].strip("<") for one in relay.taken()]
