"""Cases of a fault and what must come of it, and what a case asks of its studio."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from crash.studio import Studio, until
from crash.week import CREDITS, PAYMENTS, Line, assert_audit_tells_the_books, assert_once, effects

EACH = 20
BOTH = (PAYMENTS, CREDITS)
HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}


@dataclass(slots=True)
class Case:
    """One fault and what must come of it; `settings` are the studio's."""

    play: Callable[..., Awaitable[None]]
    arguments: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {}


def case(*variants: dict[str, Any], **settings: Any):
    """Make the function a case, or one for each variant of its arguments."""

    def register(play: Callable[..., Awaitable[None]]):
        for variant in variants or ({},):
            name = " ".join([play.__name__, *(str(value) for value in variant.values())])
            CASES[name] = Case(play, variant, settings)
        return play

    return register


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


async def ended(place: Studio, job_id: str, *, refused: tuple[Line, ...] = ()) -> dict[str, Any]:
    """The job's end: every line once but the refused ones, in books and audit; gives the job."""
    job = await place.finished(job_id)
    books, rows = await place.books(), await place.audit(job_id)
    assert_once(books, [line for line in place.week.lines if line not in refused])
    assert len(rows) == len(place.week.lines)
    assert_audit_tells_the_books(books, rows)
    if not refused:
        assert job["status"] == "completed"
    return job


async def not_succeeded(place: Studio, job_id: str) -> list[dict[str, str]]:
    return [row for row in await place.audit(job_id) if row["status"] != "succeeded"]


async def effects_reach(place: Studio, service: str, count: int) -> None:
    async def enough() -> bool:
        return len(effects(await place.books(), service)) >= count

    await until(enough)


async def asked_of_both(place: Studio, kind: str) -> None:
    """Until both services have answered so at least once."""
    for service in BOTH:
        await until(lambda service=service: place.requests(service, kind))


async def accepted_ids(place: Studio, job_id: str) -> list[tuple[Line, str]]:
    """Each line with its refund id, which the audit knows from acceptance on."""
    ids = {row["booking_id"]: row["refund_id"] for row in await place.audit(job_id)}
    return [(line, ids[f"w-b{number}"]) for number, line in enumerate(place.week.lines)]


def other(service: str) -> str:
    return CREDITS if service == PAYMENTS else PAYMENTS


# Switches by which an effect is made and not told, and by which none is made.
AFTER = (
    "drop_after",
    "hang",
    "answer_500_after",
    "answer_502_after",
    "garbage",
    "huge",
    "wrong_amount",
)
BEFORE = ("drop_before", "answer_500_before", "answer_503")
