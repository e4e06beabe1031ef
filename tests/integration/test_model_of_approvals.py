"""A model of approvals: who asks, who decides, what the schedule does meanwhile, in any order.

The model says beforehand how each step is answered. After each, no session reads cancelled and no
refund has a row but by a job that needed no approval or has one, and the books are in order.
"""

import datetime as dt
import os
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from integration.model.at_once import Place
from integration.model.books import Books, Kind
from integration.model.desk import DAY, SESSIONS, Desk
from integration.model.workers import Crew

from app.auth import approval_limits
from app.cancellation import amend, approve, awaiting
from app.cancellation.accept import accept
from app.cancellation.request import Request
from app.config.settings import Settings
from app.domain.approval import ApprovalLimits
from app.domain.nouns.administration import COMMAND, Actor, ActorKind
from app.errors import Problem
from app.queue import LocalQueue
from app.refunds.runtime import Runtime
from app.refunds.slices.run import run_slice
from app.refunds.verify import verify

_SAID = os.environ.get("TEST_MODEL_RUNS")
RUNS = {kind: int(_SAID or few) for kind, few in (("sqlite", 15), ("postgresql", 5))}
LONG = [pytest.param(kind, 200, marks=pytest.mark.long) for kind in RUNS]
STEPS = 15
PATIENCE_SECONDS = 1200
HOURS = 2  # for which an approval is waited for
HOLD_SECONDS = 300
MAX_JOBS = 4
DATE = dt.date.fromisoformat(DAY)
ASKER, OTHER = (Actor(ActorKind.KEY, name, f"key:{name}") for name in ("asker", "other"))
PICK = st.integers(0, 7)
CHOSEN = st.sets(st.integers(0, SESSIONS - 1), min_size=1)


@dataclass
class Asked:
    """A job as the model has it; `seen` is by whom it was looked at last: a digest, of what."""

    sessions: tuple[str, ...]
    hold: bool
    status: str
    taken: set[str] = field(default_factory=set)
    digest: str | None = None
    seen: object = None
    approved: str | None = None  # the digest
    is_late: bool = False


class Approvals(RuleBasedStateMachine):
    """A business of which one caller may cancel no more than `most` sessions alone."""

    place: Place

    def __init__(self):
        super().__init__()
        self.run, self.db = self.place.run, self.place.db
        self.name = self.place.new_business()
        self.desk = Desk(self.place.observer, self.name)
        self.books = Books(Kind.JUDGE, "already_refunded", newest_first=True)
        gateways = Crew(self.db, self.desk, self.books)._gateways
        self.runtime = Runtime(self.db, LocalQueue(), gateways, Settings())
        self.jobs: dict[str, Asked] = {}
        self.booked = dict.fromkeys(map(str, range(SESSIONS)), 0)
        self.moved: set[str] = set()

    @initialize(most=st.integers(0, 2), chosen=st.sets(st.integers(0, 3), min_size=3))
    def the_first_request(self, most, chosen):
        self.most = most
        limits = ApprovalLimits(sessions=most, within_hours=HOURS)
        self.run(approval_limits.put(self.db, self.name, limits, by=COMMAND))
        self.somebody_asks(chosen, hold=False)

    def holder(self, session, besides=None):
        """The job that has it, by what callers were told."""
        for job_id, job in self.jobs.items():
            over = job.status in ("refused", "withdrawn")
            if job_id != besides and session in job.taken and not over:
                return job_id
        return None

    def free(self, sessions, besides=None):
        return {one for one in sessions if one not in self.moved and not self.holder(one, besides)}

    def state_of(self, job_id):
        """All that a plan of this job is made of."""
        sessions = [one for one in self.jobs[job_id].sessions if one not in self.moved]
        outcomes = [self._outcome(one, job_id) for one in sessions]
        return [(one, self.booked[one], how) for one, how in zip(sessions, outcomes, strict=True)]

    def _outcome(self, session, job_id):
        holder = self.holder(session, job_id)
        if holder is None:
            return "accepted"
        ended = self.jobs[holder].status.startswith("completed")
        return "already_cancelled" if ended else "already_in_process"

    def refused(self, step):
        with pytest.raises(Problem) as refused:
            self.run(step)
        return refused.value.slug

    def picked(self, one):
        return [*self.jobs][-1 - one % len(self.jobs)]

    # Who asks

    @precondition(lambda self: len(self.jobs) < MAX_JOBS)
    @rule(chosen=CHOSEN, hold=st.booleans())
    def somebody_asks(self, chosen, hold):
        ids = tuple(sorted(str(one) for one in chosen if str(one) not in self.moved))
        if not ids:
            return
        request = Request(DATE, DATE, ids, hold_seconds=HOLD_SECONDS if hold else 0)
        self.desk.tick()
        asks = accept(
            self.db,
            LocalQueue(),
            business_id=self.name,
            timezone="UTC",
            requested_by=ASKER,
            idempotency_key=f"key {len(self.jobs)}",
            request=request,
        )
        free = self.free(ids)
        if not free:
            assert self.refused(asks) == "sessions-already-in-process"
            return
        job = self.run(asks).job
        status = "held" if hold else "queued"
        if len(free) > self.most:
            status = "awaiting_approval"
        assert job.status == status
        self.jobs[job.id] = Asked(ids, hold, status, free)
        self.look()

    @rule(one=PICK)
    def it_is_looked_at(self, one):
        job_id = self.picked(one)
        job = self.jobs[job_id]
        looks = awaiting.plan_of_job(self.db, self.name, "UTC", job_id)
        if job.status != "awaiting_approval" or job.is_late:
            assert self.refused(looks) == "not-awaiting-approval"
            return
        plan = self.run(looks).plan
        assert plan.totals.sessions == len(self.free(job.sessions, job_id))
        job.digest, job.seen = plan.digest, self.state_of(job_id)

    # Who decides

    @rule(one=PICK, own=st.sampled_from([False, False, True]), again=st.booleans())
    def somebody_approves(self, one, own, again):
        job_id = self.picked(one)
        job = self.jobs[job_id]
        if again and job.status == "awaiting_approval" and not job.is_late:
            self.it_is_looked_at(one)
        self.desk.tick()
        approves = approve.approve(
            self.db,
            LocalQueue(),
            self.name,
            "UTC",
            job_id,
            plan_digest=job.digest or "x",
            note=None,
            actor=ASKER if own else OTHER,
        )
        slug = self._why_not(job_id, own=own)
        if slug is not None:
            assert self.refused(approves) == slug
        elif job.status == "awaiting_approval":
            job.taken, job.approved = self.free(job.sessions, job_id), job.digest
            job.status = "held" if job.hold else "queued"
            assert self.run(approves).status == job.status
        else:  # the same approval again
            self.run(approves)
        self.look()

    def _why_not(self, job_id, *, own):
        job = self.jobs[job_id]
        was_approved = self.desk.jobs()[job_id]["approved_at"] is not None
        if was_approved:
            return None if job.digest == job.approved else "not-awaiting-approval"
        if job.status != "awaiting_approval" or job.is_late:
            return "not-awaiting-approval"
        if own:
            return "own-request"
        if not self.free(job.sessions, job_id):
            return "sessions-already-in-process"
        return None if job.digest and job.seen == self.state_of(job_id) else "plan-changed"

    @rule(one=PICK)
    def somebody_refuses(self, one):
        job_id = self.picked(one)
        job = self.jobs[job_id]
        refuses = approve.refuse(self.db, self.name, job_id, note="No", actor=OTHER)
        if job.status == "refused":
            self.run(refuses)
        elif job.status == "awaiting_approval" and not job.is_late:
            job.status = self.run(refuses).status
            assert job.status == "refused"
        else:
            assert self.refused(refuses) == "not-awaiting-approval"
        self.look()

    @rule(one=PICK)
    def who_asked_withdraws(self, one):
        job_id = self.picked(one)
        job = self.jobs[job_id]
        withdraws = amend.withdraw(self.db, self.name, job_id, actor=ASKER)
        if job.status in ("awaiting_approval", "withdrawn") or self._is_on_hold(job_id):
            job.status = self.run(withdraws).status
            assert job.status == "withdrawn"
        else:
            assert self.refused(withdraws) == "not-on-hold"
        self.look()

    def _is_on_hold(self, job_id):
        row = self.desk.jobs()[job_id]
        if row["status"] != "held":
            return False
        return dt.datetime.fromisoformat(str(row["hold_until"])) > self.desk.now()

    # The schedule, time and workers

    @rule(session=st.integers(0, SESSIONS - 1))
    def somebody_books(self, session):
        if self.holder(str(session)) is None or self._is_scheduled(str(session)):
            self.booked[str(session)] += 1
            number = self.booked[str(session)]
            self.desk.book(str(session), f"n{session}{number}")
        self.look()

    def _is_scheduled(self, session):
        return self.desk.sessions()[session]["status"] == "scheduled"

    @rule(session=st.integers(0, SESSIONS - 1))
    def a_session_is_moved_away(self, session):
        if self._is_scheduled(str(session)) and len(self.moved) < SESSIONS - 2:
            self.moved.add(str(session))
            self.desk.move_away(str(session))
        self.look()

    @rule(seconds=st.sampled_from([60, 400, 3600 * (HOURS + 1)]))
    def time_passes(self, seconds):
        self.desk.age(seconds)
        late = self.desk.age_approvals(seconds)
        for job_id in late & self.jobs.keys():
            self.jobs[job_id].is_late = True
        self.look()

    @rule(one=PICK)
    def a_worker_comes(self, one):
        job_id = self.picked(one)
        job = self.jobs[job_id]
        self.run(run_slice(self.runtime, job_id, seconds=5))
        status = self.desk.jobs()[job_id]["status"]
        if job.status == "awaiting_approval":
            assert status == ("refused" if job.is_late else "awaiting_approval")
        job.status = status
        self.look()

    def look(self):
        """What must hold of the rows, whatever has happened."""
        jobs = self.desk.jobs()
        assert {one: row["status"] for one, row in jobs.items()} == {
            one: job.status for one, job in self.jobs.items()
        }
        acting = {
            one
            for one, job in self.jobs.items()
            if job.status not in ("awaiting_approval", "refused")
        }
        for session in self.desk.sessions().values():
            holder = self.holder(session["id"])
            told = holder if holder in acting else None
            assert session["job_id"] == told, session
            assert session["status"] == ("cancelled" if told else "scheduled"), session
        assert {row["job_id"] for row in self.desk.refunds()} <= acting
        assert self.run(verify(self.db, self.name, overdue_seconds=1e9)) == []


@pytest.mark.timeout(PATIENCE_SECONDS)
@pytest.mark.parametrize(
    ("database_url", "runs"), [*RUNS.items(), *LONG], indirect=["database_url"]
)
def test_nothing_is_done_before_its_approval_whatever_happens_in_whatever_order(place, runs):
    studio = type("Studio", (Approvals,), {"place": place})
    often = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(studio, settings=often)
