"""Refunds, voids, value and goodwill that are all pending, whose ends only hooks tell.

There are no polls. Each is looked up for its hook, once; a failed word starts the next leg of its
line, or gives the line to a person. The sandbox makes whatever it is asked for, and its books of
every form are the judge.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from crash.hook_cases import BOTH, NO_POLLS, all_taken, asked, hooked, pauses, played
from crash.leg_scenes import HARD
from crash.leg_week import (
    KINDS,
    LADDER,
    Effect,
    LegWeek,
    OwedLine,
    assert_audit_tells_the_legs,
    assert_legs_once,
    leg_week,
)
from crash.studio import Studio
from crash.week import CREDITS, PAYMENTS

from app.db.core.engine import Database

OF_CREDITS = {"store_credit", "return", "goodwill"}


async def cancelled(place: Studio, *, failing: str | None = None, **hooks: Any) -> str:
    """The week's job, where all that is made is pending at first, and fails at that service."""
    made = place.week
    assert isinstance(made, LegWeek)
    await made.stand(place.sandbox)
    ours = HARD | {"allow_excess": False}
    of_service = {
        PAYMENTS: ours,
        CREDITS: ours | {"refuse_ids": made.refusals()},
    }
    if failing is not None:
        of_service[failing] |= {"pending_then": "failed"}
    await hooked(place, seconds=1, of_service=of_service, **hooks)
    return await place.cancel(terms=LADDER)


async def ended(
    place: Studio,
    job_id: str,
    due: Callable[[OwedLine], OwedLine] = lambda line: line,
    *,
    times: int = 1,
) -> None:
    """Each line is as it is due, by the books and the audit; each hook was taken, each look one."""
    assert isinstance(place.week, LegWeek)
    assert (await place.finished(job_id))["status"] == "completed_with_failures"
    books = await place.books()
    owed = [due(line) for line in place.week.owed]
    assert_legs_once(books, owed)
    assert_audit_tells_the_legs(books, await place.audit(job_id), owed)
    sections = {
        service: [one for one in (books[service], *books[service].values()) if "totals" in one]
        for service in BOTH
    }
    made = {
        service: sum(
            not one["reference"].startswith("desk") for part in parts for one in part["effects"]
        )
        for service, parts in sections.items()
    }
    await all_taken(place, *(times * made[service] for service in BOTH))
    assert await asked(place, "look_ups") == [made[service] for service in BOTH]


async def an_hour_before_the_next_poll(place: Studio, db: Database) -> None:
    await ended(place, await cancelled(place))


async def five_times_and_overtaken_by_its_own_end(place: Studio, db: Database) -> None:
    job_id = await cancelled(place, times=5, tell=["final", "pending"])
    assert isinstance(place.week, LegWeek)
    assert (await place.finished(job_id))["status"] == "completed_with_failures"
    books = await place.books()
    assert_legs_once(books, place.week.owed)
    assert_audit_tells_the_legs(books, await place.audit(job_id), place.week.owed)


async def that_payments_failed(place: Studio, db: Database) -> None:
    def due(line: OwedLine) -> OwedLine:
        match line.due:
            case Effect("original", _, amount, currency):
                return replace(line, due=Effect("store_credit", line.client_id, amount, currency))
            case Effect("void"):  # nobody was charged: there is nothing to give in another form
                return replace(line, due=None, code="declined_by_issuer")
            case _:
                return line

    await ended(place, await cancelled(place, failing=PAYMENTS, times=2), due, times=2)


async def that_value_and_credits_failed(place: Studio, db: Database) -> None:
    def due(line: OwedLine) -> OwedLine:
        is_of_credits = line.due is not None and line.due.form in OF_CREDITS
        return replace(line, due=None, code="declined_by_issuer") if is_of_credits else line

    await ended(place, await cancelled(place, failing=CREDITS), due)


async def before_our_own_commit(place: Studio, db: Database) -> None:
    await ended(place, await cancelled(place, before_answer=True))


CASES = {
    play.__name__: (play, NO_POLLS)
    for play in (
        an_hour_before_the_next_poll,
        five_times_and_overtaken_by_its_own_end,
        that_payments_failed,
        that_value_and_credits_failed,
        before_our_own_commit,
    )
}


@pytest.fixture(scope="module", autouse=True)
def no_polls():
    with pauses():
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgresql"])
async def running(request, fresh_databases):
    made = partial(leg_week, 2 * len(KINDS))
    async with played(request, fresh_databases, CASES, made) as tasks:
        yield tasks


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CASES)
async def test_each_line_moves_once_in_the_form_that_is_due_where_hooks_come(name, running):
    await running[name]
