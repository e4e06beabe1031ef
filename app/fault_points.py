"""Named places where a process can be told to die or to stop.

It is told from outside, before it starts. The fault tests set `BULK_CANCEL_FAULT_POINTS`, such as
`claim.committed=kill@3`: at the third time that this process gets there. Unset, they cost nothing.
A wrong one ends the process at its start, so that no test believes in a fault that never comes.
"""

import os
import signal
from collections import Counter
from enum import StrEnum
from typing import Final

import structlog

VARIABLE: Final = "BULK_CANCEL_FAULT_POINTS"


class Step(StrEnum):
    """The transactions of a job's life.

    Each has a point just before its commit and one just after.
    """

    ACCEPT = "accept"
    SWEEP = "sweep"
    BEGIN = "begin"
    EXPAND = "expand"
    CLAIM = "claim"
    RECORD = "record"
    NEXT_LEG = "next_leg"  # records refusals, and writes the legs that follow them
    SETTLE = "settle"
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    REFUSE = "refuse"
    RETRY = "retry"
    RESOLVE = "resolve"
    HINT = "hint"
    CHOOSE = "choose"


class Call(StrEnum):
    """What goes out of the process; each has a point before and one after."""

    REFUND_PAYMENT = "refund.payment"
    REFUND_CREDIT = "refund.credit"
    LOOK_UP_PAYMENT = "look_up.payment"
    LOOK_UP_CREDIT = "look_up.credit"
    READ_PAYMENT = "read_payment.payment"
    WAKE = "wake"


_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
POINTS: Final = frozenset(
    [f"{step}.{when}" for step in Step for when in ("before_commit", "committed")]
    + [f"{call}.{when}" for call in Call for when in ("before", "after")]
)


def read(armed: str) -> dict[str, tuple[signal.Signals, int]]:
    """What is armed, by point: the signal, and at which time of passing.

    Times of getting there are counted from 1.

    Raises:
        ValueError: no such point, action or number.
    """
    found = {}
    for one in filter(None, armed.split(",")):
        point, _, action = one.partition("=")
        name, _, at = action.partition("@")
        if point not in POINTS or name not in _SIGNALS:
            raise ValueError(f"{VARIABLE}: {one!r} is not POINT=kill@N or POINT=stop@N")
        found[point] = _SIGNALS[name], int(at or 1)
    return found


_armed: Final[dict[str, tuple[signal.Signals, int]]] = {}
_times: Final = Counter[str]()


def arm() -> None:
    """Read the environment; servers do this once, at their start.

    Raises:
        ValueError: as `read`.
    """
    _armed.update(read(os.environ.get(VARIABLE, "")))
    if _armed:
        structlog.get_logger().warning("fault_points.armed", points=sorted(_armed))


def reached(point: str) -> None:
    """This process is at that point; if it is armed, it gets the signal here."""
    if not _armed:
        return
    _times[point] += 1
    if point in _armed:
        number, at = _armed[point]
        if _times[point] == at:
            os.kill(os.getpid(), number)
