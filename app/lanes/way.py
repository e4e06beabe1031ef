"""A way: the functions by which one lane claims, sends, gives back and records."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

Claimed = TypeVar("Claimed")  # one thing to be sent, never None: the worker's until its lease ends
Row = TypeVar("Row")  # what came of one claim, as it is recorded

MAX_WINDOW: Final = 16  # of what a lane has on its way at once
# For what is on its way when the worker stops; others soon send it again elsewhere.
_GRACE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Came(Generic[Row]):
    """What sending one came to.

    Attributes:
        row: to be recorded.
        went_well: more may go at once; else one at a time, and what has not gone is given back.
            None: nothing was sent, which says nothing of the key.
        is_quick: it took so little that more is worth claiming ahead.
        pause_seconds: for so long the lane's key gets no lane; what is on its way goes on.
        pauses_all: so does no other key in this process: what all go through is away.
    """

    row: Row
    went_well: bool | None
    is_quick: bool = False
    pause_seconds: float = 0.0
    pauses_all: bool = False


@dataclass(frozen=True, slots=True)
class Way(Generic[Claimed, Row]):
    """How one lane does its work, for one key: an endpoint, a business.

    Attributes:
        claim: up to so many that are due, as one transaction; no other worker gets them until their
            lease ends.
        begins_within_seconds: of asking for a claim; what has not gone by then is given back. It is
            the lease without the longest that sending and recording take.
        send: one of them. It raises for nothing that others do: what it raises ends the lane. It is
            cancelled when the worker stops and the grace is over, and then given back.
        give_back: what is recorded of a claim that was not sent: due at once, and no try counted.
        record: some rows, as one transaction; written again through an outage, it changes nothing.
        failed: logs what ended the lane.
        aclose: when the lane has ended.
        grace_seconds: for what is on its way when the worker stops.
    """

    claim: Callable[[int], Awaitable[Sequence[Claimed]]]
    begins_within_seconds: float
    send: Callable[[Claimed], Awaitable[Came[Row]]]
    give_back: Callable[[Claimed], Row]
    record: Callable[[Sequence[Row]], Coroutine[Any, Any, None]]
    failed: Callable[[Exception], None]
    aclose: Callable[[], Awaitable[None]]
    grace_seconds: float = _GRACE_SECONDS
