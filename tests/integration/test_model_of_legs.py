"""The model of `test_model`, of jobs with terms: lines go on with another leg after a refusal.

Payments stand as drawn, the credits service gives value or does not, what is left of a payment can
be read or can't, and networks deliver late what was refused.
"""

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from integration.model.books import Kind
from integration.model.desk import SESSIONS
from integration.model.leg_books import LegBooks, Reading, State, Value
from integration.model.leg_life import LifeOfLegs
from integration.test_model import (
    DATE,
    HOLD_SECONDS,
    LONG,
    PATIENCE_SECONDS,
    PICK,
    RARELY,
    RUNS,
    TURNS,
    Business,
    picked,
    play,
)

from app.cancellation.request import Request
from app.queue import LocalQueue
from app.refunds import policy
from app.refunds.inbound_events import InboundSource, take

STEPS = 14

LADDERS = (
    ["store_credit", "person"],
    ["store_credit"],
    ["original", "store_credit"],
    ["original", "person"],
    [],
)
# Half of a payment of 101 lies between two minor units.
KEPT = (
    {"percent": 10},
    {"percent": 50},
    {"percent": 12.5, "fixed": [{"currency": "CAD", "amount_minor": 7}], "per": "line"},
    {"fixed": [{"currency": "CAD", "amount_minor": 30}, {"currency": "JPY", "amount_minor": 90}]},
)
OF_PAYMENTS = st.fixed_dictionaries(
    {"fallback": st.sampled_from([LADDERS[0], *LADDERS])},
    optional={
        "return_as": st.sampled_from(["original", "store_credit"]),
        "part_refunded": st.sampled_from(["rest", "person"]),
        "keep": st.sampled_from(KEPT),
    },
)
TERMS = st.one_of(
    OF_PAYMENTS.map(lambda payments: {"payments": payments}),
    st.sampled_from([None, {"payments": {"part_refunded": "rest", "keep": {"percent": 10}}}]),
)
PAYMENTS = ("p01", "p11", "p31")
OLD = st.sampled_from([State.OLD, *State])


class BusinessWithTerms(Business):
    """What may happen to a business whose jobs have terms, one step at a time."""

    def __init__(self):
        super().__init__()
        self.events = itertools.count()
        self.terms: dict[str, dict | None] = {}

    @initialize(
        kind=st.sampled_from([Kind.JUDGE, Kind.LIMITS, Kind.JUDGE, Kind.KEEPS_KEYS]),
        newest_first=st.booleans(),
        chosen=st.sets(st.integers(0, SESSIONS - 1), min_size=2),
        hold=RARELY,
        states=st.tuples(OLD, OLD, OLD),
        value=st.sampled_from([Value.WELL, *Value]),
        reading=st.sampled_from(Reading),
        terms=st.tuples(*[TERMS] * 3),
    )
    def the_first_cancellation(
        self, kind, newest_first, chosen, hold, states, value, reading, terms
    ):
        self.drawn_terms = terms
        books = LegBooks(
            *(kind, "already_refunded"),
            states=dict(zip(PAYMENTS, states, strict=True)),
            value=value,
            reading=reading,
            newest_first=newest_first,
        )
        self.life = LifeOfLegs(self.place.db, self.desk, books, self.terms)
        self.crew, self.watch, self.jobs = self.life.crew, self.life.watch, self.life.jobs
        self.a_caller_cancels(chosen, hold)
        self.a_worker_begins(0, SESSIONS)

    def request_of(self, ids, hold):
        terms = self.drawn_terms[len(self.jobs) % len(self.drawn_terms)]
        return Request(DATE, DATE, ids, hold_seconds=HOLD_SECONDS if hold else 0, terms=terms)

    def took(self, job_id, request):
        self.terms[job_id] = request.terms
        self.life.follow(job_id)

    # Networks that deliver late, and upstreams that speak of it

    @precondition(lambda self: self.life.followed())
    @rule(one=PICK, heard=st.booleans(), turns=st.just([]) | TURNS)
    def what_was_refused_is_delivered_late(self, one, heard, turns):
        row = picked(self.life.followed(), one)
        books = self.life.books
        if row["payment_id"] in books.refunded_elsewhere or books.effects(row["id"]):
            return
        late = books.deliver_late(row["id"], f"late {row['id']}", row["amount_minor"])
        self.watch.look()
        held = [one for one in self.crew.held if one.claimed.id == row["id"]]
        if heard and held:  # by the worker whose call it was
            held[0].waits = held[0].flies = False
            held[0].verdict = policy.succeeded(late.id)
            self.recorded([held[0]])
        else:
            self.an_upstream_speaks(row["id"])
        self.workers_run_slices(turns)

    @precondition(lambda self: self.life.books.entries)
    @rule(one=PICK, turns=st.just([]) | TURNS)
    def an_upstream_speaks_of_a_refund(self, one, turns):
        self.an_upstream_speaks(picked(self.life.books.entries, one).reference)
        self.workers_run_slices(turns)

    def an_upstream_speaks(self, reference):
        row = next(row for row in self.desk.refunds() if row["id"] == reference)
        self.run(
            take(
                self.place.db,
                LocalQueue(),
                InboundSource.CREDITS if row["upstream"] == "credit" else InboundSource.PAYMENTS,
                event_id=f"{self.name} {next(self.events)}",
                reference=reference,
            )
        )
        self.watch.look()


@pytest.mark.timeout(PATIENCE_SECONDS)
@pytest.mark.parametrize(
    ("database_url", "runs"), [*RUNS.items(), *LONG], indirect=["database_url"]
)
def test_legs_of_a_line_never_move_more_than_the_line_whatever_happens_in_whatever_order(
    place, runs
):
    play(BusinessWithTerms, place, runs=runs, steps=STEPS)
