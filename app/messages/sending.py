"""A business's way: its messages are claimed, written, given to the relay, and recorded.

Nothing is sent before its claim is committed. Every try has the same bytes' words, id and date: so
a copy that comes of an answer that was never heard shows itself to be one.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.messages import attempts, claims, hashed_addresses
from app.db.messages.attempts import TryRow
from app.db.messages.claims import ClaimedMessage, ClaimedMessages
from app.domain.statuses import MessageKind, MessageStatus
from app.encryption import SecretBox
from app.gateways.email.mail import (
    Mailer,
    MailLater,
    MailRefused,
    MailResult,
    MailSent,
    MailUnknown,
    RelayAway,
)
from app.lanes.way import Came, Way
from app.messages import retries
from app.messages.compose.mime import UnsendableAddressError
from app.messages.mails import MailOffice, mail_of
from app.meters import message_tried

log = structlog.get_logger()

_LEASE_MARGIN_SECONDS: Final = 30.0  # beyond the mail's own deadline: to write it and what came
_BEGINS_WITHIN_SECONDS: Final = 5.0
_SLOT_SECONDS: Final = 5.0  # for a connection of the relay to be free


@dataclass(slots=True)
class MessageContext:
    """What all lanes of a process share; `total_seconds` is a mail's deadline."""

    db: Database
    mailer: Mailer
    office: MailOffice
    total_seconds: float
    jitter: Callable[[], float]
    # As many as the relay has connections: who waits for one is not to take it for away.
    slots: asyncio.Semaphore


@dataclass(frozen=True, slots=True)
class AddressedMessage:
    """A claimed message, and in whose name it goes."""

    batch: ClaimedMessages
    message: ClaimedMessage


def way_to(context: MessageContext, business_id: str) -> Way[AddressedMessage, TryRow]:
    """How a lane sends this business's messages."""
    return Way(
        claim=partial(_claim, context, business_id),
        begins_within_seconds=_BEGINS_WITHIN_SECONDS,
        send=partial(_send, context, business_id),
        give_back=_give_back,
        record=partial(_record, context.db, business_id),
        failed=partial(_failed, business_id),
        aclose=_nothing,
        grace_seconds=context.total_seconds,
    )


async def _claim(context: MessageContext, business_id: str, most: int) -> list[AddressedMessage]:
    begins = _BEGINS_WITHIN_SECONDS + _SLOT_SECONDS
    lease = begins + context.total_seconds + _LEASE_MARGIN_SECONDS
    with of_business(business_id):
        async with context.db.write() as conn:
            batch = await claims.claim(conn, business_id, most=most, lease_seconds=lease)
            claimed = await _left_alone(conn, business_id, batch.claimed, context.office.secret_box)
    return [AddressedMessage(batch, one) for one in claimed]


async def _left_alone(
    conn: AsyncConnection,
    business_id: str,
    claimed: Sequence[ClaimedMessage],
    secret_box: SecretBox | None,
) -> list[ClaimedMessage]:
    """The same, knowing of addresses that take nothing though none can be read any more."""
    addresses = {one.contact.address.lower() for one in claimed if one.contact.address}
    hidden = await hashed_addresses.suppressed(conn, business_id, addresses, secret_box)
    return [
        replace(one, contact=replace(one.contact, suppressed=one.contact.suppressed or because))
        if (because := hidden.get((one.contact.address or "").lower())) is not None
        else one
        for one in claimed
    ]


async def _record(db: Database, business_id: str, rows: Sequence[TryRow]) -> None:
    with of_business(business_id):
        async with db.write() as conn:
            await attempts.record(conn, business_id, rows)
    for row in rows:
        if row.counted or row.status is not MessageStatus.PENDING:  # else it was given back
            message_tried(row.status)


async def _send(context: MessageContext, business_id: str, one: AddressedMessage) -> Came[TryRow]:
    """One try, and what it came to."""
    message, contact = one.message, one.message.contact
    if message.was_taken:
        return Came(_sent_before(message), went_well=None)
    if contact.suppressed is not None or contact.address is None:
        row = TryRow(
            message.id,
            message.epoch,
            MessageStatus.SUPPRESSED,
            because=contact.suppressed,
            counted=False,
        )
        return Came(row, went_well=None)
    # Many, of who stands for all who walk in.
    told = len(message.facts["sessions"]) if message.kind is MessageKind.CLIENT else 0
    try:
        mail = await aside(told, mail_of, context.office, business_id, one.batch, message)
    except UnsendableAddressError:
        row = TryRow(message.id, message.epoch, MessageStatus.FAILED, because="unsendable_address")
        return Came(row, went_well=None)
    try:
        async with asyncio.timeout(_SLOT_SECONDS):
            await context.slots.acquire()
    except TimeoutError:
        return Came(_give_back(one), went_well=False)  # others have all of the relay
    try:
        result = await context.mailer.send(mail)
    finally:
        context.slots.release()
    return _came(message, contact.address, result, context.jitter())


def _sent_before(message: ClaimedMessage) -> TryRow:
    """Its worker died before it could record that a relay had taken it: it is not sent twice."""
    log.info("message.was_taken", message_id=message.id, job_id=message.job_id)
    address = message.contact.address
    return TryRow(message.id, message.epoch, MessageStatus.SENT, recipient=address, counted=False)


def _came(message: ClaimedMessage, address: str, result: MailResult, jitter: float) -> Came[TryRow]:
    came = partial(TryRow, message.id, message.epoch, recipient=address)
    match result:
        case MailSent(response):
            log.info("message.sent", message_id=message.id, job_id=message.job_id)
            return Came(came(MessageStatus.SENT, detail=response), went_well=True, is_quick=True)
        case MailRefused(code, detail, is_dead_address):
            log.info("message.refused", message_id=message.id, code=code)
            because = "refused" if code is None else f"refused_{code}"
            row = came(
                MessageStatus.FAILED, because=because, detail=detail, unreachable=is_dead_address
            )
            return Came(row, went_well=True)  # the relay is well
        case MailLater(_, detail, retry_after, is_of_recipient):
            # Were one greylisted mail to slow the others down, a relay that greylists everybody
            # would be sent one at a time.
            went_well = None if is_of_recipient else False
            return Came(_again(came, message, detail, retry_after, jitter), went_well=went_well)
        case MailUnknown(detail):
            return Came(_again(came, message, detail, None, jitter), went_well=False)
        case RelayAway(detail):
            log.warning("messages.relay_away", detail=detail)
            row = TryRow(
                message.id,
                message.epoch,
                MessageStatus.PENDING,
                due_in_seconds=0.0,
                counted=False,
                detail=detail,
            )
            return Came(
                row,
                went_well=False,
                pause_seconds=retries.RELAY_WAITS_SECONDS,
                pauses_all=True,
            )
        case _:
            assert_never(result)


def _again(
    came: partial[TryRow],
    message: ClaimedMessage,
    detail: str,
    retry_after: float | None,
    jitter: float,
) -> TryRow:
    due_in = retries.next_in(message.tries + 1, jitter=jitter, retry_after_seconds=retry_after)
    if due_in is None:
        return came(MessageStatus.FAILED, because="given_up", detail=detail)
    return came(MessageStatus.PENDING, due_in_seconds=due_in, detail=detail)


def _give_back(one: AddressedMessage) -> TryRow:
    """It is due at once, and no try was made."""
    message = one.message
    return TryRow(
        message.id, message.epoch, MessageStatus.PENDING, due_in_seconds=0.0, counted=False
    )


async def _nothing() -> None:
    """The relay's connections are the process's: no lane closes them."""


def _failed(business_id: str, error: Exception) -> None:
    log.error(
        "messages.lane_failed",
        business_id=business_id,
        error=type(error).__name__,
        exc_info=error,
    )
