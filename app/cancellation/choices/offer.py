"""What a client's link shows, and what a job's clients have chosen."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.choices.links import WhoseChoice
from app.cancellation.expand import choose_until
from app.cancellation.of_job import of_job
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.db.jobs.job import Job
from app.db.refunds import choices
from app.domain.nouns.choices import AskedRefund, AskingBusiness, ChosenForm, ClientOfJob
from app.domain.owed.choice import Choice, bonus_of
from app.domain.owed.terms_document import terms_of
from app.domain.statuses import ChoiceStatus, JobStatus, RefundForm
from app.errors import NotFound


@dataclass(frozen=True, slots=True)
class OfferedForm:
    """A form, what comes back in it and on top: minor units by currency."""

    form: RefundForm
    amounts: dict[str, int]
    bonuses: dict[str, int]


@dataclass(frozen=True, slots=True)
class ClientOffer:
    """What a client may choose, or has.

    `stands` is the form in which it comes back: chosen, or by itself since the time is up.
    """

    business: AskingBusiness
    status: ChoiceStatus
    choice: Choice
    until: dt.datetime
    refunds: Sequence[AskedRefund]
    stands: RefundForm | None
    chosen_at: dt.datetime | None

    def offered(self) -> list[OfferedForm]:
        """The forms in the order in which they are offered."""
        return [self._in_form(form) for form in self.choice.offer]

    def _in_form(self, form: RefundForm) -> OfferedForm:
        amounts: dict[str, int] = {}
        bonuses: dict[str, int] = {}
        for one in self.refunds:
            bonus = bonus_of(one.amount_minor, form, self.choice)
            amounts[one.currency] = amounts.get(one.currency, 0) + one.amount_minor
            bonuses[one.currency] = bonuses.get(one.currency, 0) + bonus
        given = {currency: bonus for currency, bonus in sorted(bonuses.items()) if bonus}
        return OfferedForm(form, dict(sorted(amounts.items())), given)


async def read(db: Database, whose: WhoseChoice) -> ClientOffer:
    """What this client may choose, has chosen, or stands.

    Raises:
        NotFound: there is nothing to choose, or the cancellation was withdrawn.
    """
    async with of_job(db, whose.job_id), db.snapshot() as conn:
        job = await jobs.of_id(conn, whose.job_id)
        return await offer_of(conn, job, whose.client_id)


async def offer_of(
    conn: AsyncConnection, job: Job | None, client_id: str, *, lock: bool = False
) -> ClientOffer:
    """The same of a job; `lock`: of one that is locked with its refunds.

    Raises:
        NotFound: as `read`.
    """
    until = None if job is None else choose_until(job)
    choice = None if job is None or job.terms is None else terms_of(job.terms).choice
    if job is None or until is None or choice is None or job.status == JobStatus.WITHDRAWN:
        raise NotFound("choice")
    made = await choices.of_client(conn, job.id, client_id)
    refunds = await choices.asked_refunds(conn, job.id, client_id, lock=lock)
    is_prepared = job.expanded_sessions == job.accepted_sessions
    if is_prepared and not refunds:
        raise NotFound("choice")
    status = _status(refunds, made, await clock(conn), is_prepared=is_prepared)
    stands = None
    if status is ChoiceStatus.CHOSEN or status is ChoiceStatus.OVER:
        stands = made.form if made is not None else RefundForm(refunds[0].returned_as)
    return ClientOffer(
        business=await choices.business_of(conn, job.business_id, client_id),
        status=status,
        choice=choice,
        until=until,
        refunds=refunds,
        stands=stands,
        chosen_at=None if made is None else made.chosen_at,
    )


def _status(
    refunds: Sequence[AskedRefund],
    made: ChosenForm | None,
    at: dt.datetime,
    *,
    is_prepared: bool,
) -> ChoiceStatus:
    if made is not None:
        return ChoiceStatus.CHOSEN
    if not is_prepared:
        return ChoiceStatus.WAITING
    # All or none: of what one client gets back no part may be under way already.
    is_open = all(one.is_open(at) for one in refunds)
    return ChoiceStatus.OPEN if is_open else ChoiceStatus.OVER


async def clients(
    db: Database, business_id: str, job_id: str, *, after: str | None, limit: int
) -> list[ClientOfJob]:
    """A page of the job's clients who were asked, in the order of their ids.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        if choose_until(job) is None:
            return []
        return await choices.page(conn, job_id, after=after, limit=limit)
