"""A process dies, or stops, where refusals are followed by legs: no line moves twice or not at all.

A job with terms has all that a line can come to: its payment is well, too old, not captured,
returned in part, disputed; value goes to who has an account for it; credits come back, and members
get some on top. At every point that a worker passes with it, it is killed, with calls that take
effect and calls that do not, on both databases. By the books of every form (`voids`,
`store_credits` and `credit_grants` too) each line ends in the first form of its ladder that works,
or with a person, and never moves more than was paid less what is kept.

A refusal and the leg after it are one commit, with a point before and one after: whatever dies
there, the database has both or none.
"""

from typing import Final

import pytest
from crash.fault_scenes import Case, the_worker_dies, the_worker_stops_beyond_its_lease
from crash.leg_scenes import OF_LEGS, LegScene
from crash.leg_week import KINDS
from crash.stages import chosen

from app.fault_points import POINTS, Call, Step

CASES: Final[dict[str, Case]] = {}
# Every kind of booking twice: twenty calls for payments, the last four of them legs that follow,
# and ten for credits, of which six are.
BOOKINGS: Final = 2 * len(KINDS)


def _add(step: str, *at: int) -> None:
    """Kill at both points of a step, each time of `at` in turn."""
    turns = ("before", "after") if step in list(Call) else ("before_commit", "committed")
    for when in turns:
        for done in (True, False):
            for time in at:
                point = f"{step}.{when}"
                name = f"{point}@{time} {'done' if done else 'not done'}"
                CASES[name] = Case(
                    the_worker_dies, point, "payment", done, at=time, bookings=BOOKINGS
                )


# A week so small is expanded where it begins, and has no expansion of its own.
_add(Step.BEGIN, 1, 2)
_add(Step.CLAIM, 2, 4)
_add(Step.RECORD, 1, 3)
_add(Step.NEXT_LEG, 1, 2)
_add(Step.SETTLE, 1)
_add(Call.REFUND_PAYMENT, 3, 18)
_add(Call.REFUND_CREDIT, 2, 8)
_add(Call.LOOK_UP_PAYMENT, 1, 3)
_add(Call.LOOK_UP_CREDIT, 1, 3)
_add(Call.READ_PAYMENT, 1, 2)


def _stop(point: str, kind: str, *, done: bool = True) -> Case:
    return Case(
        the_worker_stops_beyond_its_lease,
        point,
        "payment",
        done,
        action="stop",
        bookings=1,
        concurrency=1,
        kinds=(kind,),
    )


# With one line at all, no other call is leaving.
STOPS: Final = {
    f"{case.point} {case.kinds[0]}": case
    for case in (
        _stop("read_payment.payment.before", "in part"),
        _stop("next_leg.before_commit", "too old"),
        _stop("read_payment.payment.after", "in part"),
        _stop("next_leg.committed", "not captured"),
    )
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request, stage):
    with stage.played(LegScene, CASES, request.param, chosen(request, "running")) as played:
        yield played


@pytest.fixture(scope="module")
def stopping(request, stage):
    with stage.played(LegScene, STOPS, "postgresql", chosen(request, "stopping")) as played:
        yield played


def test_every_point_that_only_legs_come_to_is_played_with_every_effect():
    due = {(point, done) for point in POINTS if point.startswith(OF_LEGS) for done in (True, False)}
    assert due <= {(case.point, case.done) for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_each_line_moves_once_in_the_form_that_works_though_a_worker_is_killed_at(name, running):
    running[name].result()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long) if place % 2 else name
        for place, name in enumerate(STOPS)
    ],
)
def test_each_line_moves_once_though_a_worker_stops_beyond_its_lease_at(name, stopping):
    stopping[name].result()
