"""A process dies, or stops beyond its lease, at every named fault point.

Each line still has one effect, in the books. Every point is played with payments and with credits,
with calls in flight that take effect and with calls that do not, on SQLite inside the API process
and on PostgreSQL beside a worker. The judge reads no keys and makes whatever it is asked for. A
case whose process does not die at its point fails: each of them ends by the signal that was armed.

One thing is impossible against such a judge (FAULTS.md, row 19), and bounded: a process that stops
*between* its last look at the clock and the moment that a call leaves it, beyond its lease, and
goes on then, sends what another has looked up meanwhile, found absent and sent. No more than the
calls that were just leaving that one process, and only where the upstream ignores keys. So the
judge honours them where a worker stops at that very place (`refund.*.before`), and everywhere else
a worker stops where none of its other calls can be leaving.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest
from crash.fault_scenes import (
    Case,
    Scene,
    the_api_dies_accepting,
    the_api_dies_approving,
    the_api_dies_refusing,
    the_api_dies_resolving,
    the_api_dies_retrying,
    the_api_dies_taking_a_choice,
    the_api_dies_taking_a_hook,
    the_api_dies_withdrawing,
    the_sweep_dies,
    the_worker_dies,
    the_worker_dies_waking,
    the_worker_stops_beyond_its_lease,
)
from crash.leg_scenes import OF_LEGS
from crash.stages import chosen

from app.fault_points import POINTS, Call, Step

# The table.

METHODS: Final = ("payment", "credit")
CASES: Final[dict[str, Case]] = {}


def _methods_at(point: str) -> tuple[str, ...]:
    if point.startswith(Step.CHOOSE):  # of credits there is nothing to choose
        return ("payment",)
    return tuple(method for method in METHODS if f".{method}." in point) or METHODS


def _add(
    step: str, play: Callable[[Scene], list[str]], *at: int, who: str = "", **more: Any
) -> None:
    """Kill at both points of a step, each time of `at` in turn."""
    for turn, when in enumerate(
        ("before", "after") if step in list(Call) else ("before_commit", "committed")
    ):
        point = f"{step}.{when}"
        # In an order whose every other case, which is what runs on one database, has each value of
        # each column.
        rows = [
            (method, done)
            for done in (True, False)
            for method in _methods_at(point)[:: 1 if done else -1]
        ]
        for number, (method, done) in enumerate(rows[::-1] if turn else rows):
            name = f"{point}{who} {method} {'done' if done else 'not done'}"
            CASES[name] = Case(play, point, method, done, at=at[(number + turn) % len(at)], **more)


_add(Step.ACCEPT, the_api_dies_accepting, 2)
_add(Step.WITHDRAW, the_api_dies_withdrawing, 1)
_add(Step.APPROVE, the_api_dies_approving, 1)
_add(Step.REFUSE, the_api_dies_refusing, 1)
_add(Step.RETRY, the_api_dies_retrying, 1)
_add(Step.RESOLVE, the_api_dies_resolving, 1)
_add(Step.HINT, the_api_dies_taking_a_hook, 1)
_add(Step.CHOOSE, the_api_dies_taking_a_choice, 1)
_add(Call.WAKE, the_api_dies_accepting, 2)
_add(Call.WAKE, the_worker_dies_waking, 1, who=" of a worker")
_add(Step.SWEEP, the_sweep_dies, 1, 2)
_add(Step.BEGIN, the_worker_dies, 1, 2, 3)
# In one slice: on a busy machine a short one is over before it comes to expanding.
_add(Step.EXPAND, the_worker_dies, 1, 2, bookings=12, padding=9, settings={"slice_seconds": 600})
_add(Step.CLAIM, the_worker_dies, 2, 3, 1)
_add(Step.RECORD, the_worker_dies, 1, 2, 3)
_add(Step.SETTLE, the_worker_dies, 1, 2)
for _call in (Call.REFUND_PAYMENT, Call.REFUND_CREDIT, Call.LOOK_UP_PAYMENT, Call.LOOK_UP_CREDIT):
    _add(_call, the_worker_dies, 1, 3)


def _stop(point: str, method: str, *, done: bool, at: int = 2, bookings: int = 8) -> Case:
    return Case(
        the_worker_stops_beyond_its_lease, point, method, done, at, "stop", bookings, concurrency=1
    )


# With one call at a time, or with one refund at all, no other call is leaving.
_STOPS: Final = (
    _stop("claim.committed", "payment", done=True, at=1),
    _stop("claim.committed", "credit", done=False, at=1),
    _stop("refund.payment.before", "payment", done=True),
    _stop("refund.credit.before", "credit", done=False),
    _stop("refund.payment.after", "payment", done=True),
    _stop("refund.credit.after", "credit", done=True),
    _stop("refund.credit.after", "credit", done=False),
    _stop("look_up.payment.before", "payment", done=False),
    _stop("look_up.payment.after", "payment", done=False),
    _stop("look_up.credit.after", "credit", done=True),
    _stop("record.before_commit", "payment", done=True, at=1, bookings=1),
    _stop("record.before_commit", "credit", done=False, at=1, bookings=1),
    _stop("record.committed", "payment", done=True, at=1, bookings=1),
    _stop("record.committed", "credit", done=False, at=1, bookings=1),
    _stop("settle.before_commit", "payment", done=True, at=1, bookings=1),
)
STOPS: Final = {
    f"{case.point} {case.method} {'done' if case.done else 'not done'}": case for case in _STOPS
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request, stage):
    with stage.played(Scene, CASES, request.param, chosen(request, "running")) as played:
        yield played


@pytest.fixture(scope="module")
def stopping(request, stage):
    with stage.played(Scene, STOPS, "postgresql", chosen(request, "stopping")) as played:
        yield played


def test_every_fault_point_is_played_with_every_method_and_effect():
    due = {
        (point, method, done)
        for point in POINTS
        if not point.startswith(OF_LEGS)  # played by test_leg_points
        for method in _methods_at(point)
        for done in (True, False)
    }
    assert {(case.point, case.method, case.done) for case in CASES.values()} == due


@pytest.mark.parametrize("name", CASES)
def test_each_line_has_one_effect_though_a_process_is_killed_at(name, running):
    running[name].result()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long) if place % 2 else name
        for place, name in enumerate(STOPS)
    ],
)
def test_each_line_has_one_effect_though_a_worker_stops_beyond_its_lease_at(name, stopping):
    stopping[name].result()
