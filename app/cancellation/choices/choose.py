"""A client chooses: once, while no machine has touched what is theirs.

One transaction under the job row's lock, as every other change of a job. The engine does the rest:
what was chosen is due at once, and what nobody chose of is due when the time is up.
"""

import structlog

from app.cancellation.choices.links import WhoseChoice
from app.cancellation.choices.offer import ClientOffer, offer_of
from app.cancellation.of_job import of_job
from app.db.core.dialect import now
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.db.refunds import choices
from app.domain.owed.choice import bonus_of
from app.domain.statuses import ChoiceStatus, RefundForm
from app.errors import Problem
from app.fault_points import Step
from app.queue import Queue

log = structlog.get_logger()


async def choose(db: Database, queue: Queue, whose: WhoseChoice, form: RefundForm) -> ClientOffer:
    """Have what this client gets back come back in this form, at once.

    The same form again changes nothing.

    Raises:
        NotFound: there is nothing to choose.
        Problem: 409 `already-chosen`, `choice-over` or `choice-not-open`.
    """
    job_id, client_id = whose
    async with of_job(db, job_id), db.write(Step.CHOOSE) as conn:
        job = await jobs.lock_any(conn, job_id)
        offer = await offer_of(conn, job, client_id, lock=True)
        assert job is not None  # of which there is an offer
        if offer.status is ChoiceStatus.CHOSEN and offer.stands is form:
            return offer
        _check_open(offer)
        bonuses = [
            (one.id, bonus_of(one.amount_minor, form, offer.choice)) for one in offer.refunds
        ]
        await choices.write(conn, job.business_id, job_id, client_id, form, bonuses)
        # Should the prompt be lost, a sweep finds it.
        await jobs.update(conn, job_id, is_shown=True, due_at=now())
        chosen = await offer_of(conn, job, client_id)
        log.info("choice.made", job_id=job_id, form=form, refunds=len(bonuses))
    await queue.wake(job_id)
    return chosen


def _check_open(offer: ClientOffer) -> None:
    stands = offer.stands
    if offer.status is ChoiceStatus.CHOSEN:
        detail = f"It was chosen that this comes back as {stands}."
        slug, title = "already-chosen", "The choice was made before"
    elif offer.status is ChoiceStatus.OVER:
        detail = f"The time to choose is over: it comes back as {stands}."
        slug, title = "choice-over", "The time to choose is over"
    elif offer.status is ChoiceStatus.WAITING:
        detail = "The cancellation is being prepared. Ask again a little later."
        slug, title = "choice-not-open", "The choice is not open yet"
    else:
        return
    raise Problem(409, slug, title, detail, extensions={"form": stands} if stands else None)
