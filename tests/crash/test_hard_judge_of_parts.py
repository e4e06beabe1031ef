"""localstripe judges parts: of a payment that somebody has refunded in part, the rest comes back.

It forgets keys, and refuses what is more than its own books say is left.
"""

from collections import Counter

import pytest
from crash.kills import Killer
from crash.localstripe_books import OURS
from crash.test_hard_judge import PATIENT
from crash.week import audit_rows, week

TERMS = {"payments": {"part_refunded": "rest", "fallback": ["person"]}}
FOURTHS = 4


def refunded_by_somebody(localstripe, made):
    """Nothing, a fourth, half, three fourths or all of each payment; gives how much of which."""
    before = {}
    for number, line in enumerate(made.lines):
        before[line.subject] = line.amount * (number % (FOURTHS + 1)) // FOURTHS
        if before[line.subject]:
            localstripe.refund(line.subject, before[line.subject])
    return before


def assert_the_rest_came_back(town, localstripe, job_id, made, before):
    ours = Counter()
    for one in localstripe.refunds():
        if OURS in one.metadata:
            ours[one.payment_intent, one.amount] += 1
    rest = {
        (line.subject, line.amount - before[line.subject]): 1
        for line in made.lines
        if line.amount > before[line.subject]
    }
    assert ours == rest
    by_payment = Counter()
    for row in audit_rows(town.audit(job_id)):
        if row["status"] == "succeeded":
            by_payment[row["booking_id"]] += 1
    assert len(by_payment) == len(rest)
    assert set(by_payment.values()) == {1}


def settled(town, localstripe, made, *, kills):
    before = refunded_by_somebody(localstripe, made)
    town.settle_in(made)
    town.api()
    workers = [town.worker() for _ in range(2)]
    job_id = town.cancel_all(terms=TERMS)
    killer = Killer(kills, (0.1, 0.7))
    killer.kill_until_finished(town, job_id, workers, town.worker, seconds=600)
    assert town.job(job_id)["status"] == "completed"
    assert_the_rest_came_back(town, localstripe, job_id, made, before)


def test_the_rest_of_each_payment_comes_back_once(
    found_towns, found_localstripe, postgresql_url, redis_url, violations
):
    localstripe = found_localstripe(strict=True)
    town = found_towns(postgresql_url, redis_url=redis_url, payments_url=localstripe.url, **PATIENT)
    settled(town, localstripe, localstripe.pay_for(week(20, kinds=("payment",))), kills=0)
    assert not violations(town.database_url)


@pytest.mark.long
def test_the_rest_of_each_payment_comes_back_once_whoever_is_killed(
    found_towns, found_localstripe, postgresql_url, redis_url, violations
):
    localstripe = found_localstripe(before=0.1, after=0.6, strict=True)
    town = found_towns(postgresql_url, redis_url=redis_url, payments_url=localstripe.url, **PATIENT)
    settled(town, localstripe, localstripe.pay_for(week(60, kinds=("payment",))), kills=12)
    assert not violations(town.database_url)
