"""Sends a planned message to the business itself, to be seen where mail is read.

It goes to an address that the business has set, and to no other: what a key may send where is the
business's word. It is no message of a job: nothing is kept of it, and nothing that comes back of it
is heeded. No calendar goes along: it would take the classes out of the reader's own.
"""

from typing import Final, assert_never

import structlog
from uuid_utils import uuid7

from app.cancellation.request import Request
from app.config.settings import Settings
from app.db.core.engine import Database
from app.domain.messages.settings import Language
from app.errors import FieldError, Invalid, Problem
from app.gateways.email.mail import (
    Mail,
    MailLater,
    MailRefused,
    MailResult,
    MailSent,
    MailUnknown,
    RelayAway,
)
from app.messages import preview
from app.messages import settings as message_settings
from app.messages.compose.message import as_test
from app.messages.compose.mime import Mailbox, UnsendableAddressError
from app.messages.deliver import mailer_of, office_of
from app.messages.mails import addressed
from app.messages.preview import ShownPlan
from app.messages.settings import BusinessMessages

log = structlog.get_logger()

_MAX_SECONDS: Final = 20.0  # somebody waits for it
_RETRY_SECONDS: Final = 30


async def send_test(
    db: Database,
    settings: Settings,
    business_id: str,
    timezone: str,
    request: Request,
    *,
    client_id: str | None,
    language: Language | None,
    to: str | None,
) -> str:
    """Send the message of `preview.preview_plan` to an address of the business's settings.

    `to` None: to where answers go, or to the first of the staff.

    Returns:
        the address.

    Raises:
        Invalid: as `preview_plan`; `to` is none of the addresses; or nobody would be told.
        Problem: 409 `mail-not-configured`, 502 `mail-refused`, 503 `mail-unavailable`.
    """
    recipient = _recipient(await message_settings.of_business(db, business_id), to)
    plan = await preview.preview_plan(
        db, settings, business_id, timezone, request, client_id=client_id, language=language
    )
    mail = _mail(settings, plan, recipient)
    seconds = min(settings.smtp_timeout_seconds, _MAX_SECONDS)
    mailer = mailer_of(settings, total_seconds=seconds, max_connections=1)
    if mailer is None:
        raise Problem(
            409,
            "mail-not-configured",
            "Mail is not configured",
            "No mail leaves here: BULK_CANCEL_SMTP_URL is not set.",
        )
    try:
        result = await mailer.send(mail)
    finally:
        await mailer.aclose()
    log.info("message.tested", business_id=business_id, result=type(result).__name__)
    _refuse(result)
    return recipient


def _recipient(own: BusinessMessages, to: str | None) -> str:
    answers = own.sender.reply_to
    addresses = ([] if answers is None else [answers]) + [*own.terms.staff]
    if to is None and addresses:
        return addresses[0]
    for one in addresses:
        if to is not None and one.lower() == to.lower():
            return one
    detail = (
        "A test goes to an address of the message settings alone: one of `staff`, or `reply_to`."
        if addresses
        else "The message settings have no address for a test to go to: neither `staff` nor"
        " `reply_to`."
    )
    raise Invalid([FieldError("/to", "unknown-address", detail)])


def _mail(settings: Settings, plan: ShownPlan, recipient: str) -> Mail:
    if plan.shown is None or plan.sender is None:
        detail = "It would tell no client, so there is no message to be seen."
        raise Invalid([FieldError("/messages/clients", "nobody-told", detail)])
    (message,) = plan.sender.claimed
    try:
        return addressed(
            office_of(settings),
            plan.sender,
            as_test(plan.shown.composed),
            Mailbox(recipient),
            id_=str(uuid7()),
            date=message.composed_at,
        )
    except UnsendableAddressError:
        detail = "No mail can be sent to this address."
        raise Invalid([FieldError("/to", "unsendable-address", detail)]) from None


def _refuse(result: MailResult) -> None:
    match result:
        case MailSent():
            return
        case MailRefused(code, detail):
            raise Problem(
                502,
                "mail-refused",
                "The mail server refused the mail",
                f"It will not take it: {detail}",
                extensions={"smtp_code": code},
            )
        case MailLater(code, detail):
            raise _unavailable(code, detail)
        case MailUnknown(detail) | RelayAway(detail):
            raise _unavailable(None, detail)
        case _:
            assert_never(result)


def _unavailable(code: int | None, detail: str) -> Problem:
    return Problem(
        503,
        "mail-unavailable",
        "The mail server does not take mail now",
        f"It is not known to have been sent: {detail}",
        extensions={"smtp_code": code},
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )
