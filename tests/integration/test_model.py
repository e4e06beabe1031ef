"""A model of all that can happen to refunds and jobs: Hypothesis draws, an upstream's books judge.

Authorise, workers that sleep, die or overhear, an upstream that answers or does not, time, and
people, in any order. The code under test is the real one on a database of either kind. `make
test-long` and `TEST_MODEL_RUNS` make it longer; a failure prints the steps that lead to it and a
line that runs them again.
"""

import datetime as dt
import os
import sys

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
from integration.model.books import Books, Deed, Kind, Look
from integration.model.desk import DAY, SESSIONS, Desk
from integration.model.life import Death, Life

from app.cancellation import amend
from app.cancellation.accept import accept
from app.cancellation.amend import Retried
from app.cancellation.request import Request
from app.domain.nouns.administration import Actor, ActorKind
from app.errors import Problem
from app.gateways.outcomes import UpstreamMethod
from app.queue import LocalQueue

_SAID = os.environ.get("TEST_MODEL_RUNS")
# Of the runs that `make test` plays: PostgreSQL takes twice as long for each.
RUNS = {kind: int(_SAID or few) for kind, few in (("sqlite", 40), ("postgresql", 10))}
LONG = [pytest.param(kind, 500, marks=pytest.mark.long) for kind in RUNS]
# Hypothesis may take minutes to find the shortest way to a failure
PATIENCE_SECONDS = 1200 + 2 * max(RUNS.values())
STEPS = 12
HOLD_SECONDS = 300
MAX_JOBS = 3
DATE = dt.date.fromisoformat(DAY)

PICK = st.integers(0, 7)  # of what there is, counted from the newest
# What leaves a worker in the dark comes most often, and of look-ups the truth: there the protocol
# has to prove itself.
DARK = [Deed.DONE_UNHEARD, Deed.DONE_UNSEEN, Deed.LOST, Deed.FAILED_UNHEARD, Deed.PENDING]
DEED = st.sampled_from([*Deed, *DARK, *DARK])
LOOK = st.sampled_from([*Look, Look.TRUE, Look.TRUE, Look.FORGETFUL])
SECONDS = st.sampled_from([31, 0, 400, 6, 31, 16, 1, 80 * 3600])
RARELY = st.sampled_from([False, False, True])
DEATH = st.sampled_from([*[Death.NEVER] * 8, *Death])
# A worker's turns, each with the time before it, what becomes of its calls, and whether and where
# it dies.
CALLS = st.lists(st.tuples(DEED, LOOK), min_size=1, max_size=3)
TURNS = st.lists(st.tuples(PICK, SECONDS, CALLS, DEATH), min_size=1, max_size=3)
CALLER = Actor(ActorKind.KEY, "desk", "key:desk")
CHOSEN = st.sets(st.integers(0, SESSIONS - 1), min_size=1)


def picked(things, one):
    return things[-1 - one % len(things)]


class Business(RuleBasedStateMachine):
    """What may happen to a business with four sessions, one step at a time."""

    place: Place

    def __init__(self):
        super().__init__()
        self.run = self.place.run
        self.name = self.place.new_business()
        self.desk = Desk(self.place.observer, self.name)
        self.requests: dict[str, Request] = {}  # by job

    @initialize(
        kind=st.sampled_from([Kind.JUDGE, Kind.LIMITS, Kind.JUDGE, Kind.KEEPS_KEYS, Kind.LIMITS]),
        limit_code=st.sampled_from(["amount_exceeds_remaining", "already_refunded"]),
        newest_first=st.booleans(),
        chosen=st.sets(st.integers(0, SESSIONS - 1), min_size=2),
        hold=RARELY,
    )
    def the_first_cancellation(self, kind, limit_code, newest_first, chosen, hold):
        self.life = Life(
            self.place.db, self.desk, Books(kind, limit_code, newest_first=newest_first)
        )
        self.crew, self.watch, self.jobs = self.life.crew, self.life.watch, self.life.jobs
        self.a_caller_cancels(chosen, hold)
        self.a_worker_begins(0, SESSIONS)

    # Authorise

    @precondition(lambda self: len(self.jobs) < MAX_JOBS)
    @rule(chosen=CHOSEN, hold=st.booleans())
    def a_caller_cancels(self, chosen, hold):
        ids = tuple(str(number) for number in sorted(chosen))
        request = self.request_of(ids, hold)
        jobs = self.desk.jobs()
        told = {session: self.expected(session, jobs) for session in ids}
        taken = {session for session, (outcome, _) in told.items() if outcome == "accepted"}
        if not taken:
            with pytest.raises(Problem) as refused:
                self.accept(f"refused {len(self.jobs)}", request)
            assert refused.value.slug == "sessions-already-in-process"
            return
        accepted = self.accept(f"key {len(self.jobs)}", request)
        job_id = accepted.job.id
        self.jobs.append(job_id)
        self.requests[job_id] = request
        self.took(job_id, request)
        self.watch.holder |= dict.fromkeys(taken, job_id)
        assert not accepted.replayed
        assert self.desk.outcomes(job_id) == told
        self.watch.look()

    def request_of(self, ids, hold):
        return Request(DATE, DATE, ids, hold_seconds=HOLD_SECONDS if hold else 0)

    def took(self, job_id, request):
        """Know what was accepted."""

    def expected(self, session, jobs):
        holder = self.watch.holder.get(session)
        if holder is None:
            return "accepted", None
        in_process = jobs[holder]["status"] in ("held", "queued", "running")
        return "already_in_process" if in_process else "already_cancelled", holder

    def accept(self, key, request):
        self.desk.tick()
        named = {
            "business_id": self.name,
            "timezone": "UTC",
            "requested_by": CALLER,
            "idempotency_key": key,
        }
        return self.run(accept(self.place.db, LocalQueue(), **named, request=request))

    @rule(one=PICK, another=st.booleans())
    def a_caller_repeats_a_key(self, one, another):
        job_id = picked(self.jobs, one)
        key, request = f"key {self.jobs.index(job_id)}", self.requests[job_id]
        if another:
            with pytest.raises(Problem) as refused:
                self.accept(key, Request(DATE, DATE, "all", hold_seconds=request.hold_seconds))
            assert refused.value.slug == "idempotency-key-reused"
        else:
            again = self.accept(key, request)
            assert (again.replayed, again.job.id) == (True, job_id)
        self.watch.look()

    # Workers

    @precondition(lambda self: self.life.unexpanded())
    @rule(one=PICK, at_most=st.integers(1, SESSIONS))
    def a_worker_begins(self, one, at_most):
        self.run(self.life.begin(picked(self.life.unexpanded(), one), at_most))
        self.watch.look()

    @precondition(lambda self: self.watch.open_jobs())
    @rule(one=PICK, method=st.sampled_from(UpstreamMethod), most=st.integers(1, SESSIONS))
    def a_worker_claims(self, one, method, most):
        self.run(self.crew.claim(picked(self.watch.open_jobs(), one), method, most))
        self.watch.look()

    @precondition(lambda self: self.crew.idle())
    @rule(one=PICK, deed=DEED, look=LOOK, record=st.booleans())
    def a_worker_acts_on_a_claim(self, one, deed, look, record):
        held = picked(self.crew.idle(), one)
        self.run(self.crew.act(held, deed, look))
        self.recorded([held] if record else [])

    @precondition(lambda self: self.crew.idle())
    @rule(one=PICK)
    def a_worker_sends_and_waits(self, one):
        held = picked(self.crew.idle(), one)
        if held.claimed.status == "submitted" and not self.crew.must_not_call(held):
            self.crew.send(held)

    @precondition(lambda self: self.crew.idle())
    @rule(one=PICK)
    def a_worker_gives_a_claim_back(self, one):
        held = picked(self.crew.idle(), one)
        self.crew.give_back(held)
        self.recorded([held])

    @precondition(lambda self: self.crew.on_their_way())
    @rule(one=PICK, deed=DEED, look=LOOK)
    def a_call_lands(self, one, deed, look):
        self.run(self.crew.land(picked(self.crew.on_their_way(), one), deed, look))
        self.watch.look()

    @precondition(lambda self: self.crew.waiting())
    @rule(one=PICK, record=st.booleans())
    def a_connection_breaks(self, one, record):
        held = picked(self.crew.waiting(), one)
        self.run(self.crew.break_off(held))
        self.recorded([held] if record else [])

    @precondition(lambda self: self.crew.heard())
    @rule(one=PICK, most=st.integers(1, SESSIONS))
    def workers_record_what_they_heard_perhaps_again(self, one, most):
        first = picked(self.crew.heard(), one)
        group = {first.claimed.id: first}
        for held in reversed(self.crew.heard()):
            if held.job_id == first.job_id:
                group.setdefault(held.claimed.id, held)
        self.recorded(list(group.values())[:most])

    def recorded(self, group):
        if group:
            self.run(self.life.record(group))
        self.watch.look()

    @rule(turns=TURNS)
    def workers_run_slices(self, turns):
        for one, seconds, drawn, dies in turns:
            self.run(self.crew.pass_time(seconds))
            unfinished = self.life.unfinished()
            if unfinished:
                job_id = picked(unfinished, one)
                self.run(self.life.slice(job_id, drawn, dies))
            self.watch.look()

    # The upstream, time and people

    @rule(seconds=SECONDS, turns=TURNS)
    def time_passes(self, seconds, turns):
        self.run(self.crew.pass_time(seconds))
        self.workers_run_slices(turns)

    @precondition(lambda self: self.life.books.pending())
    @rule(one=PICK, well=st.booleans(), turns=TURNS)
    def a_pending_refund_ends(self, one, well, turns):
        picked(self.life.books.pending(), one).status = "succeeded" if well else "failed"
        self.workers_run_slices(turns)

    @precondition(lambda self: self.watch.asleep())
    @rule(one=PICK, any_job=st.booleans(), named=st.booleans(), turns=st.just([]) | TURNS)
    def a_person_retries(self, one, any_job, named, turns):
        job_id = picked(
            self.jobs if any_job else [row["job_id"] for row in self.watch.asleep()], one
        )
        asleep = [row for row in self.watch.retriable() if row["job_id"] == job_id]
        meant = [row for row in asleep if named or row["failure_code"] != "payment_disputed"]
        retried = Retried(tuple(row["id"] for row in asleep) if named else ())
        _, count = self.run(
            amend.retry(
                self.place.db, LocalQueue(), self.name, job_id, actor=CALLER, retried=retried
            )
        )
        assert count == len(meant)
        assert not count or self.desk.jobs()[job_id]["status"] == "running"
        self.watch.look()
        self.workers_run_slices(turns)

    @precondition(lambda self: self.watch.asleep())
    @rule(one=PICK, resolution=st.sampled_from(amend.Resolution), any_row=st.booleans())
    def a_person_resolves(self, one, resolution, any_row):
        asleep = self.watch.asleep()
        row = picked(list(self.watch.rows.values()) if any_row else asleep, one)
        said = amend.ByHand(resolution, "by hand", None)
        resolving = amend.resolve(
            self.place.db, self.name, row["job_id"], row["id"], said, actor=CALLER
        )
        if row in asleep or row["status"] == "resolved":  # said again otherwise, it corrects
            assert self.run(resolving).status == "resolved"
        else:
            with pytest.raises(Problem) as refused:
                self.run(resolving)
            assert refused.value.slug == "not-resolvable"
        self.watch.look()

    @precondition(
        lambda self: any(
            job["status"] in ("held", "withdrawn") for job in self.desk.jobs().values()
        )
    )
    @rule(one=PICK)
    def a_person_withdraws(self, one):
        job_id = picked(self.jobs, one)
        job = self.desk.jobs()[job_id]
        on_hold = (
            job["status"] == "held"
            and dt.datetime.fromisoformat(job["hold_until"]) > self.desk.now()
        )
        if on_hold or job["status"] == "withdrawn":
            self.run(amend.withdraw(self.place.db, self.name, job_id, actor=CALLER))
            self.watch.holder = {
                session: job for session, job in self.watch.holder.items() if job != job_id
            }
        else:
            with pytest.raises(Problem) as refused:
                self.run(amend.withdraw(self.place.db, self.name, job_id, actor=CALLER))
            assert refused.value.slug == "not-on-hold"
        self.watch.look()

    def teardown(self):
        if sys.exc_info()[0] is None:
            self.run(self.life.verify())
            self.run(self.life.comes_to_rest())
            self.run(self.life.verify(overdue_seconds=60))


def play(machine, place, *, runs, steps):
    """Let Hypothesis draw so many runs of a business in this place, each of so many steps."""
    studio = type("Studio", (machine,), {"place": place})
    often = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(studio, settings=often)


@pytest.mark.timeout(PATIENCE_SECONDS)
@pytest.mark.parametrize(
    ("database_url", "runs"), [*RUNS.items(), *LONG], indirect=["database_url"]
)
def test_nothing_is_lost_and_nothing_is_refunded_twice_whatever_happens_in_whatever_order(
    place, runs
):
    play(Business, place, runs=runs, steps=STEPS)
