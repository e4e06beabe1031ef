"""What of a job has not come back yet: whom to call about what, and how its people stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.db.core.engine import Database
from app.db.jobs import job_sessions, jobs, named_clients
from app.db.refunds import outstanding
from app.domain.nouns.cancellations import ClientContact, Refund, SessionOfJob


@dataclass(frozen=True, slots=True)
class People:
    """A job's clients by how they stand; each is counted once, where the worst of theirs is.

    `nothing`: nothing was to come back to them, or a person has waived it.
    """

    clients: int
    returned: int
    under_way: int
    need_a_person: int
    nothing: int


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A refund that is not settled, with its session as accepted and its client.

    The client is None when it is gone.
    """

    refund: Refund
    session: SessionOfJob
    client: ClientContact | None


async def people(db: Database, business_id: str, job_id: str) -> People:
    """How the job's clients stand now.

    Those whose refunds are not written yet are under way.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        found = await outstanding.people(conn, job_id)
    unwritten = max(0, job.totals.clients - sum(found))
    return People(
        clients=sum(found) + unwritten,
        returned=found.returned,
        under_way=found.under_way + unwritten,
        need_a_person=found.need_a_person,
        nothing=found.nothing,
    )


async def refunds(
    db: Database,
    business_id: str,
    job_id: str,
    *,
    is_a_persons: bool,
    after_id: str | None,
    limit: int,
) -> Sequence[Outstanding]:
    """A page of what a person has to bring to an end, or else a machine, in session order.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        found = await outstanding.page(
            conn, job_id, is_a_persons=is_a_persons, after_id=after_id, limit=limit
        )
        contacts = await named_clients.contacts(conn, job, {one.client_id for one in found})
        sessions = await job_sessions.named(conn, job_id, [one.session_id for one in found])
    return [
        Outstanding(one, sessions[one.session_id], contacts.get(one.client_id)) for one in found
    ]
