"""What a client's own link shows of a cancellation: what is theirs, as it is now, and nothing else.

It says what messages say, of the rows of now: what is on its way is promised to nobody as returned,
and what no machine can return is the business's to look after.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.cancellation.choices.links import WhoseChoice
from app.cancellation.choices.offer import offer_of
from app.cancellation.of_job import of_job
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.db.messages import own_lines
from app.db.refunds import choices
from app.domain.nouns.choices import AskingBusiness, ClientChoiceState, OwnSession
from app.domain.statuses import JobStatus
from app.errors import NotFound

_NOTHING_CANCELLED = (JobStatus.AWAITING_APPROVAL, JobStatus.REFUSED, JobStatus.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class OwnPage:
    """What became of one client's bookings in one cancellation.

    Attributes:
        business_id: whose page it is.
        business: its name, and its clocks.
        reason: the public one.
        is_prepared: whether all that is theirs is there already.
        is_final: whether no machine will change any of it.
        sessions: in their order, each with what was paid for it.
        choice: where their choice of a form is; None: they are asked nothing.
    """

    business_id: str
    business: AskingBusiness
    reason: str | None
    is_prepared: bool
    is_final: bool
    sessions: Sequence[OwnSession]
    choice: ClientChoiceState | None


async def read(db: Database, whose: WhoseChoice) -> OwnPage:
    """What this client's link shows now.

    Raises:
        NotFound: nothing of theirs was cancelled, or it was taken back.
    """
    async with of_job(db, whose.job_id), db.snapshot() as conn:
        job = await jobs.of_id(conn, whose.job_id)
        if job is None or job.status in _NOTHING_CANCELLED:
            raise NotFound("page")
        is_prepared = job.expanded_sessions == job.accepted_sessions
        sessions = await own_lines.of_client(conn, job.id, whose.client_id)
        if is_prepared and not sessions:
            raise NotFound("page")
        try:
            offer = await offer_of(conn, job, whose.client_id)
            choice = ClientChoiceState(offer.status, offer.until, offer.stands)
        except NotFound:
            choice = None
        return OwnPage(
            business_id=job.business_id,
            business=await choices.business_of(conn, job.business_id, whose.client_id),
            reason=job.reason,
            is_prepared=is_prepared,
            is_final=is_prepared and all(one.is_final for one in sessions),
            sessions=sessions,
            choice=choice,
        )


async def clients(
    db: Database, business_id: str, job_id: str, *, after: str | None, limit: int
) -> list[str]:
    """A page of the clients who have such a page, in the order of their ids.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        await jobs.existing(conn, business_id, job_id)
        return await own_lines.clients(conn, job_id, after=after, limit=limit)
