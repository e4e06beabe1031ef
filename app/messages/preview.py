"""A message as it would be now, with real figures, before or after it was sent."""

import uuid
from dataclasses import replace
from typing import Final, NamedTuple

from app.aside import aside
from app.cancellation.plan_messages import planned_message
from app.cancellation.request import Request
from app.config.settings import Settings
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.db.messages import claims
from app.db.messages.claims import ClaimedMessage, ClaimedMessages
from app.db.messages.contacts import Reach
from app.domain.messages.facts import Correspondents
from app.domain.messages.settings import Language, MessageTerms
from app.domain.statuses import SuppressedBecause
from app.errors import FieldError, Invalid
from app.messages import unsubscribe
from app.messages.compose.message import Composed
from app.messages.deliver import office_of
from app.messages.mails import MailOffice, composed_for, correspondents, unsubscribe_page


class Shown(NamedTuple):
    """Whose message was shown, how it reads, and why it would not be sent, if it would not."""

    client_id: str
    composed: Composed
    because: SuppressedBecause | None


class ShownPlan(NamedTuple):
    """Whom a plan would have told, and one client's message; None: nobody would be told.

    `sender` is in whose name it goes.
    """

    reach: Reach
    shown: Shown | None
    sender: ClaimedMessages | None


class Wording(NamedTuple):
    """What a preview is to be written in; None: as the job and its client have it."""

    language: Language | None = None
    subject: str | None = None
    text: str | None = None


AS_IT_IS = Wording()
_NO_JOB: Final = str(uuid.UUID(int=0))  # whose links lead nowhere


async def preview(
    db: Database,
    settings: Settings,
    business_id: str,
    job_id: str,
    *,
    client_id: str | None,
    wording: Wording = AS_IT_IS,
) -> Shown:
    """The message of a client of the job (None: of the first) with what is known now.

    Raises:
        NotFound: no such job.
        Invalid: the job has no such client, or nobody yet.
    """
    async with db.snapshot() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        found = await claims.as_if_claimed(conn, business_id, job_id, client_id)
    if found is None:
        detail = "The bulk cancellation has no such client, or its refunds are being written."
        raise Invalid([FieldError("/client_id", "unknown-client", detail)])
    (message,) = found.claimed
    terms = MessageTerms() if job.messages is None else MessageTerms.of(job.messages)
    terms = replace(
        terms, subject=wording.subject or terms.subject, text=wording.text or terms.text
    )
    message = replace(message, terms=terms)
    return await _shown(settings, business_id, found, message, wording.language)


async def preview_plan(
    db: Database,
    settings: Settings,
    business_id: str,
    timezone: str,
    request: Request,
    *,
    client_id: str | None,
    language: Language | None,
) -> ShownPlan:
    """The message that a client (None: the first) would get as `request` is accepted.

    Raises:
        Invalid: as a plan, or it would tell no client of this id.
    """
    async with db.snapshot() as conn:
        plan = await planned_message(conn, business_id, timezone, request, client_id=client_id)
        if plan.client_id is None or plan.facts is None:
            return ShownPlan(plan.reach, None, None)
        found = await claims.as_if_due(
            conn, business_id, _NO_JOB, plan.client_id, plan.facts, plan.terms
        )
    (message,) = found.claimed
    shown = await _shown(settings, business_id, found, message, language)
    return ShownPlan(plan.reach, shown, found)


async def _shown(
    settings: Settings,
    business_id: str,
    batch: ClaimedMessages,
    message: ClaimedMessage,
    language: Language | None,
) -> Shown:
    if language is not None:
        message = replace(message, contact=replace(message.contact, language=language))
    office = office_of(settings)
    to = correspondents(office, business_id, batch, message)
    if to.unsubscribe_url is not None:
        # Whoever is shown a client's message must not stop that client's mail by it.
        to = replace(to, unsubscribe_url=unsubscribe_page(office, unsubscribe.NOBODYS))
    # Who stands for all who walk in has thousands of bookings.
    told = len(message.facts["sessions"])
    composed = await aside(told, _composed, office, batch, message, to)
    return Shown(message.addressee, composed, message.contact.suppressed)


def _composed(
    office: MailOffice, batch: ClaimedMessages, message: ClaimedMessage, to: Correspondents
) -> Composed:
    return composed_for(office, batch, message, to, message.client_facts)
