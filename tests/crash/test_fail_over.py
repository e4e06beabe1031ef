"""PostgreSQL dies in mid-job and its standby takes over; the same processes go on by themselves.

Two kinds of standby. Of one that has all that was committed nothing is forgotten. One that was
behind has forgotten the last that was done: the upstream, asked again under the same key, says what
it did.
"""

import threading
from collections import Counter
from contextlib import contextmanager

import httpx
import pytest
from crash.own_postgresql import own_postgresql
from crash.processes import FINISHED, until
from crash.week import assert_audit_tells_the_books, assert_once, audit_rows, week

from app.db.schema import migrate

MADE = week(1000)
# More than both workers have claimed ahead, whose outcome is looked up in any case.
FORGOTTEN = 300
HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}


@pytest.fixture(params=["synchronous", pytest.param("behind", marks=pytest.mark.long)])
def pair(request):
    """A primary, its standby, and whether no commit is answered before both have it."""
    with own_postgresql() as primary:
        migrate(primary.url)
        standby = primary.standby()
        try:
            primary.wait_for_standby(synchronous=request.param == "synchronous")
            yield primary, standby, request.param == "synchronous"
        finally:
            standby.stop_at_once()


@contextmanager
def asked_on_and_on(town, session_ids):
    """Ask for a job of each of these sessions in turn, whatever is answered.

    Gives those that were accepted, by session, and how often each status came.
    """
    accepted: dict[str, str] = {}
    statuses: Counter[int] = Counter()
    over = threading.Event()

    def ask() -> None:
        for session_id in session_ids:
            while session_id not in accepted and not over.is_set():
                try:
                    answer = town.ask_to_cancel(key=session_id, session_ids=[session_id])
                except httpx.TransportError:
                    statuses[0] += 1
                    continue
                statuses[answer.status_code] += 1
                if answer.status_code == 202:
                    accepted[session_id] = answer.json()["id"]
                over.wait(0.1)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield accepted, statuses
    finally:
        over.set()
        asking.join()


def asked(town, session_ids):
    """The id of a job of these sessions; None while there is no primary."""
    answer = town.ask_to_cancel(key="later", session_ids=session_ids)
    assert answer.status_code in {202, 503}, answer.text
    return answer.json().get("id")


def ended(town, job_id):
    """Whether the job is over; who is told 503 asks again, as any read after an outage may be."""
    answer = town.call("GET", f"/{job_id}")
    assert answer.status_code in {200, 503}, answer.text
    return answer.status_code == 200 and answer.json()["status"] in FINISHED


@pytest.fixture
def town(pair, found_towns, redis_url):
    """One with two workers, which knows both servers; it has a week of sessions."""
    primary, standby, is_synchronous = pair
    town = found_towns(primary.url, redis_url=redis_url, log_level="warning")
    town.settle_in(MADE)
    both = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    town.settings["database_url"] = f"postgresql://postgres@{both}/postgres"
    # Where nothing is forgotten, not even a judge that knows no keys finds a second effect.
    town.faults(**(HARD if is_synchronous else {}), latency_seconds=0.05)
    town.api()
    town.worker()
    town.worker()
    return town


def test_a_standby_takes_over_in_mid_job_and_each_line_is_returned_once(pair, town, violations):
    primary, standby, is_synchronous = pair
    sessions = [record["id"] for record in MADE.records if record["type"] == "session"]
    job_id = town.cancel_all(session_ids=sessions[10:])
    until(lambda: town.effects() > len(MADE.lines) // 4)
    with asked_on_and_on(town, sessions[:10] if is_synchronous else []) as (accepted, statuses):
        if is_synchronous:
            until(lambda: accepted)
        else:
            standby.stop_following()
            done = town.effects()
            until(lambda: town.effects() > done + FORGOTTEN)
        primary.stop_at_once()
        standby.promote()
        if is_synchronous:
            until(lambda: len(accepted) == 10)
    assert set(statuses) <= {202, 503}, statuses
    if not is_synchronous:
        accepted["the rest"] = until(lambda: asked(town, sessions[:10]))
    ids = [job_id, *accepted.values()]
    for one in ids:
        until(lambda one=one: ended(town, one))
        assert town.job(one)["status"] == "completed"
    books = town.books()
    assert_once(books, MADE.lines)
    assert_audit_tells_the_books(books, [row for one in ids for row in audit_rows(town.audit(one))])
    for server in town.servers[1:]:
        server.kill()
    # What a standby that was behind has forgotten are also intents, whose effects are there.
    assert {one.code for one in violations(standby.url)} <= (
        set() if is_synchronous else {"intent"}
    )
