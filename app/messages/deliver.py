"""Sending messages: a lane for each business that something is due of, by one shared relay.

Rows alone say what is due: a commit that wrote some only prompts to look. A worker that dies costs
a lease, and its message comes again under the same Message-ID.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from app.config.settings import Settings
from app.db.core.engine import Database
from app.db.messages import claims
from app.gateways.email.build import mailer_from
from app.gateways.email.mail import Mailer
from app.lanes import start
from app.lanes.start import Lanes
from app.messages.mails import MailOffice
from app.messages.sending import MessageContext, way_to

log = structlog.get_logger()

# While refunds are under way: less than of deliveries, for no program waits for a mail.
_OF_THREAD: Final = 0.04
_NOBODY: Final = "bulk-cancel@localhost"  # whom mails are from that only a folder takes
_WITHOUT_RELAY_LOOKS_SECONDS: Final = 60.0


@dataclass(slots=True)
class MessageSender:
    """What a process that sends messages keeps from one look to the next."""

    db: Database
    lanes: Lanes
    context: MessageContext | None  # None: neither relay nor folder
    said_that_none_leaves: bool = False


def opened(
    db: Database,
    settings: Settings,
    stopping: asyncio.Event,
    *,
    jitter: Callable[[], float],
    yields: Callable[[], bool],
) -> MessageSender:
    """One that is woken by this process's commits from now on, until it is closed.

    Args:
        db: where messages are.
        settings: of this process.
        stopping: ends lanes; what is not sent yet is given back then.
        jitter: draws from 0 to 1.
        yields: whether something is under way in this process that goes before messages.
    """
    lanes = start.opened(stopping, yields=yields, of_thread=_OF_THREAD)
    db.listeners.of_messages.append(lanes.woken.set)
    return MessageSender(db, lanes, _context(db, settings, jitter))


def office_of(settings: Settings) -> MailOffice:
    """What mails of this process have in common."""
    url = settings.public_url
    return MailOffice(
        mail_from=settings.mail_from or _NOBODY,
        mail_bounces=settings.mail_bounces,
        public_url=None if url is None else str(url).rstrip("/"),
        secret_box=settings.secret_box(),
    )


def mailer_of(settings: Settings, *, total_seconds: float, max_connections: int) -> Mailer | None:
    """Where mails of this process leave: by the relay, or into a folder; None: none leaves."""
    url = settings.smtp_url
    return mailer_from(
        smtp_url=None if url is None else url.get_secret_value(),
        mail_from=settings.mail_from,
        outbox=settings.outbox if settings.embedded else None,
        total_seconds=total_seconds,
        max_connections=max_connections,
    )


def _context(
    db: Database, settings: Settings, jitter: Callable[[], float]
) -> MessageContext | None:
    seconds, connections = settings.smtp_timeout_seconds, settings.smtp_connections
    mailer = mailer_of(settings, total_seconds=seconds, max_connections=connections)
    if mailer is None:
        return None
    return MessageContext(
        db,
        mailer,
        office_of(settings),
        settings.smtp_timeout_seconds,
        jitter,
        asyncio.Semaphore(settings.smtp_connections),
    )


async def start_due(sender: MessageSender) -> float | None:
    """Start a lane for each business some of whose messages are due, whoever wrote them."""
    async with sender.db.autocommit(across=True) as conn:
        due = await claims.due_businesses(conn)
    if sender.context is None:
        if due and not sender.said_that_none_leaves:
            log.error("messages.no_relay", setting="SMTP_URL")
            sender.said_that_none_leaves = True
        return _WITHOUT_RELAY_LOOKS_SECONDS
    way = partial(way_to, sender.context)
    start.start_due(sender.lanes, [(business_id, False) for business_id in due], way)
    return None


async def close(sender: MessageSender) -> None:
    """Be woken by commits no more, and close the relay's connections; no lane may be running."""
    sender.db.listeners.of_messages.remove(sender.lanes.woken.set)
    if sender.context is not None:
        await sender.context.mailer.aclose()
