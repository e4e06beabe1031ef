"""Reading jobs: what was promised, and what became of it so far.

It is told in counts and sums by refund status. Until the worker has written all refund rows, what
is missing is counted as `pending` (or `skipped`), from the totals frozen at acceptance: the sums
are the job's own at any time.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.cancellation.expand import choose_until
from app.db.core.engine import Database
from app.db.jobs import job_sessions, job_versions, jobs, named_clients
from app.db.jobs.acceptances import Outcome
from app.db.jobs.entitlement_totals import LineGroup
from app.db.jobs.job import Job
from app.db.jobs.job_sessions import RefundGroup
from app.db.refunds import history, refund_pages
from app.domain.nouns.approvals import ActionOfJob, AskedApproval
from app.domain.nouns.cancellations import ClientContact, Refund, RefundChange, SessionOfJob
from app.domain.nouns.choices import JobChoices
from app.domain.nouns.keys import Locations
from app.domain.plan_totals import PlanTotals
from app.domain.statuses import JOB_NEEDS_A_PERSON, JobStatus, RefundStatus
from app.errors import NotFound


@dataclass(slots=True)
class RefundSum:
    """Refunds of one status: how many, and what they come to.

    Money is by currency in minor units; `kept_amounts` and `kept_credits` are what is kept of those
    lines.
    """

    count: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    credits: int = 0
    kept_amounts: dict[str, int] = field(default_factory=dict)
    kept_credits: int = 0


@dataclass(frozen=True, slots=True)
class JobView:
    """A job with its sessions counted by outcome, and its refunds by status.

    The refunds are there only where they were asked for; `choices` where clients are asked;
    `approval` where it asked for one.
    """

    job: Job
    session_counts: Mapping[str, int]
    refunds: Mapping[RefundStatus, RefundSum]
    version: str = ""  # of a view with refunds: another view of the job has another
    choices: JobChoices | None = None
    approval: AskedApproval | None = None
    actions: Sequence[ActionOfJob] = ()


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Only jobs of this status (None: of any), and only those that need a person.

    `within`: only those of who is limited to these locations.
    """

    status: JobStatus | None = None
    needs_person: bool = False
    within: Locations = None


@dataclass(frozen=True, slots=True)
class RefundFilter:
    """Only refunds of this status, client and session; None: of any."""

    status: RefundStatus | None = None
    client_id: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund with its session as accepted, its client and its states.

    The client is None when it is gone; the states are first to last.
    """

    refund: Refund
    session: SessionOfJob
    client: ClientContact | None
    history: Sequence[RefundChange]


async def one(db: Database, business_id: str, job_id: str) -> JobView:
    """One job with its sums.

    Raises:
        NotFound: no such job.
    """
    async with db.single() as conn:
        whole = await job_versions.whole(conn, business_id, job_id)
    if whole is None:
        raise NotFound("bulk cancellation")
    job = whole.job
    sums = _sums(job.totals, whole.tally, is_void=not job.has_cancelled and job.due_at is None)
    choices = _choices(job, whole.asked, whole.chosen)
    return JobView(job, whole.outcomes, sums, whole.version, choices, whole.approval, whole.actions)


async def version(db: Database, business_id: str, job_id: str) -> str:
    """The version that the job's view has now.

    It takes one look by the job's key, however many refunds there are.

    Raises:
        NotFound: no such job.
    """
    async with db.single() as conn:
        found = await job_versions.version_of(conn, business_id, job_id)
    if found is None:
        raise NotFound("bulk cancellation")
    return found


async def require_known(db: Database, business_id: str, job_id: str) -> None:
    """Make sure that there is such a job, before a stream about it begins.

    Raises:
        NotFound: there is none.
    """
    async with db.read() as conn:
        await jobs.existing(conn, business_id, job_id)


async def require_within(
    db: Database, business_id: str, job_id: str, locations: Collection[str]
) -> None:
    """Make sure that there is such a job, all of whose sessions were at these locations.

    Raises:
        NotFound: there is none, or it has others, too.
    """
    async with db.read() as conn:
        await jobs.existing(conn, business_id, job_id)
        if not await jobs.is_within(conn, job_id, locations):
            raise NotFound("bulk cancellation")


def as_accepted(
    job: Job, outcomes: Sequence[Outcome], approval: AskedApproval | None = None
) -> JobView:
    """The view of the moment of acceptance, or of asking for an `approval`.

    It is the same however often a request is replayed, but that an approval takes the sessions as
    they are then.
    """
    counts: dict[str, int] = Counter(one.outcome for one in outcomes)
    if approval is not None:
        asked = replace(job, totals=approval.totals)
        return JobView(asked, counts, _sums(asked.totals, ()), approval=approval)
    return JobView(job, counts, _sums(job.totals, ()), choices=_choices(job, 0, {}))


async def newest(
    db: Database,
    business_id: str,
    only: JobFilter,
    *,
    before: str | None,
    limit: int,
    with_sums: bool = False,
) -> list[JobView]:
    """Jobs newest first, with their refunds' sums where those are asked for."""
    statuses = {one for one in JobStatus if only.status in (None, one)}
    if only.needs_person:
        statuses &= JOB_NEEDS_A_PERSON
    async with db.snapshot() as conn:
        found = await jobs.newest(
            conn, business_id, statuses=statuses, within=only.within, before=before, limit=limit
        )
        counts = await job_sessions.outcome_counts(conn, [job.id for job in found])
        sums: dict[str, dict[RefundStatus, RefundSum]] = {}
        for job in found if with_sums else ():
            sums[job.id] = _sums(job.totals, await job_sessions.tally(conn, job.id))
    return [JobView(job, counts[job.id], sums.get(job.id, {})) for job in found]


async def sessions(
    db: Database, business_id: str, job_id: str, *, after_seq: int, limit: int
) -> tuple[list[SessionOfJob], dict[str, dict[str, int]]]:
    """A page of the job's sessions, and each accepted one's refunds by status.

    The sessions are in start order.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        await jobs.existing(conn, business_id, job_id)
        found = await job_sessions.page(conn, job_id, after_seq=after_seq, limit=limit)
        positions = [one.position for one in found if one.position is not None]
        if not positions:
            return found, {}
        return found, await job_sessions.refund_counts(
            conn, job_id, range(positions[0], positions[-1] + 1)
        )


async def refunds(
    db: Database,
    business_id: str,
    job_id: str,
    only: RefundFilter,
    *,
    after_id: str | None,
    limit: int,
) -> list[Refund]:
    """A page of the job's refunds in session order.

    Raises:
        NotFound: no such job.
    """
    async with db.read() as conn:
        await jobs.existing(conn, business_id, job_id)
        return await refund_pages.page(
            conn,
            job_id,
            status=only.status,
            client_id=only.client_id,
            session_id=only.session_id,
            after_id=after_id,
            limit=limit,
        )


async def refund(db: Database, business_id: str, job_id: str, refund_id: str) -> RefundView:
    """One refund of the job with what it is about.

    Raises:
        NotFound: no such job or refund.
    """
    async with db.snapshot() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        found = await refund_pages.one(conn, job_id, refund_id)
        if found is None:
            raise NotFound("refund")
        session = await job_sessions.one(conn, job_id, found.session_id)
        contacts = await named_clients.contacts(conn, job, {found.client_id})
        changes = await history.changes_of_refund(conn, refund_id)
        return RefundView(found, session, contacts.get(found.client_id), changes)


def _choices(job: Job, asked: int, chosen: Mapping[str, int]) -> JobChoices | None:
    until = choose_until(job)
    return None if until is None else JobChoices(asked, chosen, until)


def _sums(
    totals: PlanTotals, groups: Sequence[RefundGroup], *, is_void: bool = False
) -> dict[RefundStatus, RefundSum]:
    """By status; of a job that is void, having cancelled nothing, nothing is to come."""
    sums = {status: RefundSum() for status in RefundStatus}
    if is_void:
        return sums
    pending, skipped = sums[RefundStatus.PENDING], sums[RefundStatus.SKIPPED]
    # All that was promised, goodwill too, less what has a row: what is kept is kept whole.
    _add(pending, RefundSum(totals.refunds, totals.amounts, totals.credits), 1)
    _add(pending, RefundSum(totals.goodwill_grants, {}, totals.goodwill_credits), 1)
    _add(
        skipped,
        RefundSum(totals.nothing_to_return, {}, 0, totals.kept_amounts, totals.kept_credits),
        1,
    )
    for status, is_first, group in groups:
        of_group = _of_group(group)
        shown = of_group
        if status is RefundStatus.REPLACED:  # what is kept of the line is told of its last leg
            shown = replace(of_group, kept_amounts={}, kept_credits=0)
        _add(sums[status], shown, 1)
        if not is_first:
            continue
        _add(pending, RefundSum(group.to_return, of_group.amounts, of_group.credits), -1)
        nothing = group.lines - group.to_return
        _add(skipped, RefundSum(nothing, {}, 0, of_group.kept_amounts, of_group.kept_credits), -1)
    for each in sums.values():
        each.amounts = {
            currency: amount for currency, amount in sorted(each.amounts.items()) if amount
        }
        each.kept_amounts = {
            currency: amount for currency, amount in sorted(each.kept_amounts.items()) if amount
        }
    return sums


def _of_group(group: LineGroup) -> RefundSum:
    money, kept = {}, {}
    if group.currency is not None:
        money[group.currency] = group.amount_minor
        kept[group.currency] = group.kept_amount_minor
    return RefundSum(group.lines, money, group.credits, kept, group.kept_credits)


def _add(to: RefundSum, more: RefundSum, sign: int) -> None:
    to.count += sign * more.count
    to.credits += sign * more.credits
    to.kept_credits += sign * more.kept_credits
    for sums, added in ((to.amounts, more.amounts), (to.kept_amounts, more.kept_amounts)):
        for currency, amount in added.items():
            sums[currency] = sums.get(currency, 0) + sign * amount
