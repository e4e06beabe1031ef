"""localstripe judges: a Stripe that somebody else wrote.

It ignores keys and makes every refund it is asked for. Its own books, as Stripe's library reads
them, must show one refund of ours for each payment, of the payment's amount, whatever was killed or
cut in between. Nothing but the look-up before each second call keeps it from refunding twice.

What stays impossible against such an upstream: between the look-up that finds nothing and the call
that is sent on it, nobody but us keeps the refund single. If a worker is stopped there for longer
than its lease, another claims the row, finds nothing either, and sends; if the first then wakes up
and its call still leaves, both are made. No fence of ours stops a call that the upstream does not
check. How it is bounded: a call is begun only while the lease has time left for the whole of it,
time-out and quiescence included. That is asked immediately before the call, by a clock that runs on
while a process is stopped, so the pause has to begin in the instant between that question and the
request's leaving. Two cases are outside this bound: a machine that is suspended with its clock,
where the pause may begin anywhere between claim and call; and an upstream that acts on a call later
than `UPSTREAM_QUIESCENCE_SECONDS` after its time-out. An upstream that honours keys, as Stripe's
own service does for a day at least, makes one refund of both calls even then.
"""

import os
import threading
import time
from collections import Counter

import pytest
from crash.kills import Killer, claimed_again
from crash.localstripe_books import KEY, OURS, relay
from crash.week import assert_audit_tells_the_books, assert_once, audit_rows, week

from app.gateways.stripe.refunds import PAGE

# Longer than the slowest call to it (0.7 s and its work), so that kills are the event and not
# time-outs.
PATIENT = {
    "upstream_timeout_seconds": 2,
    "upstream_quiescence_seconds": 0.5,
    "lease_seconds": 4,
    "concurrency": 3,
    "log_level": "warning",
    "payments_provider": "stripe",
    "payments_token": KEY,
}


def assert_whole(town, localstripe, job_id, made, violations) -> str:
    books = localstripe.books(town)
    verdict = assert_once(books, made.lines)
    assert_audit_tells_the_books(books, audit_rows(town.audit(job_id)))
    assert not violations(town.database_url)
    return str(verdict)


def workers_are_killed(town, localstripe, made, violations, *, kills, workers, seconds) -> int:
    """Kill while the week is refunded; gives how many rows had to be claimed again."""
    town.settle_in(localstripe.pay_for(made))
    town.faults(
        ignore_keys=True,
        forget_keys=True,
        allow_excess=True,
        latency_seconds=0.1,
        latency_jitter_seconds=0.3,
    )
    town.api()
    servers = [town.worker() for _ in range(workers)]
    job_id = town.cancel_all()
    killer, begun = Killer(kills, (0.1, 0.7)), time.monotonic()
    killer.kill_until_finished(town, job_id, servers, town.worker, seconds=seconds)
    again = claimed_again(town.database_url)
    verdict = assert_whole(town, localstripe, job_id, made, violations)
    print(
        f"\n{killer.kills} kills, {again} rows claimed again,"
        f" {time.monotonic() - begun:.0f} s: {verdict}"
    )
    assert killer.kills >= kills
    return again


@pytest.mark.long
def test_killed_workers_leave_one_refund_for_each_payment_in_localstripes_books(
    found_towns, found_localstripe, postgresql_url, redis_url, violations
):
    localstripe = found_localstripe(before=0.1, after=0.6)
    town = found_towns(postgresql_url, redis_url=redis_url, payments_url=localstripe.url, **PATIENT)
    again = workers_are_killed(
        town, localstripe, week(120), violations, kills=16, workers=2, seconds=600
    )
    assert again >= 12


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_many_killed_workers_leave_one_refund_for_each_payment_in_localstripes_books(
    found_towns, found_localstripe, postgresql_url, redis_url, violations
):
    short = 2 if os.environ.get("TEST_LONG_SHORT") else 1
    localstripe = found_localstripe(before=0.1, after=0.6)
    busier = PATIENT | {"concurrency": 6}
    town = found_towns(postgresql_url, redis_url=redis_url, payments_url=localstripe.url, **busier)
    made = week(900 // short, places=50)
    again = workers_are_killed(
        town, localstripe, made, violations, kills=80 // short, workers=3, seconds=900
    )
    assert again >= 100 // short


class Cutter:
    """Cuts the first call for each payment: in turns before its effect and after it.

    After an effect, somebody else refunds the same payment so often that ours is no more on the
    first page.
    """

    def __init__(self, localstripe) -> None:
        self.localstripe = localstripe
        self.done = Counter()
        self._seen: set[str] = set()
        self._one_at_a_time = threading.Lock()

    def cut(self, request: bytes, send) -> bool:
        if not request.startswith(b"POST /v1/refunds "):
            return False
        payment_id = next(
            part.removeprefix(b"payment_intent=").decode()
            for part in request.partition(b"\r\n\r\n")[2].split(b"&")
            if part.startswith(b"payment_intent=")
        )
        with self._one_at_a_time:
            if payment_id in self._seen:
                self.done["passed on"] += 1
                return False
            self._seen.add(payment_id)
            acts = len(self._seen) % 2 == 0
            self.done["cut after the effect" if acts else "cut before the effect"] += 1
        if acts:
            assert send(request).startswith(b"HTTP/1.1 200 ")
            time.sleep(1.1)  # localstripe lists by the second
            with self._one_at_a_time:  # its client is one
                for _ in range(PAGE + 1):
                    self.localstripe.refund(payment_id, 1)
        return True


def test_a_call_that_is_cut_is_looked_up_on_every_page_and_never_taken_for_somebody_elses(
    found_towns, found_localstripe, postgresql_url, violations
):
    localstripe = found_localstripe()
    made = localstripe.pay_for(week(24, kinds=("payment",)))
    for line in made.lines:  # of the same amount, and by somebody else
        localstripe.refund(line.subject, line.amount)
    cutter = Cutter(localstripe)
    with relay(localstripe.port, cutter.cut) as address:
        # All first calls at once: each is cut, and one after another would be taken for an upstream
        # that is down. And no look before somebody else has refunded all that often.
        busy = PATIENT | {"concurrency": 24, "upstream_quiescence_seconds": 2, "lease_seconds": 6}
        town = found_towns(
            postgresql_url, redis_url="redis://127.0.0.1:1", payments_url=address, **busy
        )
        town.settle_in(made)
        town.api()
        town.worker()
        job_id = town.cancel_all()
        assert town.wait_for(job_id)["status"] == "completed"
    print(f"\n{assert_whole(town, localstripe, job_id, made, violations)}; {dict(cutter.done)}")
    assert cutter.done["cut before the effect"] == cutter.done["cut after the effect"] == 12
    assert cutter.done["passed on"] == 12
    foreign = Counter(
        one.payment_intent for one in localstripe.refunds() if OURS not in one.metadata
    )
    assert sorted(foreign.values()) == [1] * 12 + [PAGE + 2] * 12
