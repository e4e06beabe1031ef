"""Legs and late words: a leg follows once, and a refusal that was none after all is found."""

import pytest
import sqlalchemy as sa
from worlds.records import booking, client, session

from app.cancellation.expand import expand_chunk
from app.db import tables as t
from app.db.core.dialect import now
from app.db.jobs import ceilings, jobs
from app.db.refunds import claims, manual_changes, outcomes
from app.db.refunds.outcomes import Recorded
from app.domain.nouns.deeds import DeedKind, JobDeed
from app.domain.refund_ids import next_leg_id
from app.domain.refund_update import NextLeg
from app.domain.statuses import RefundForm
from app.gateways.facts import FactsUnknown, PaymentFacts, PaymentNotFound
from app.gateways.outcomes import UpstreamMethod
from app.queue import LocalQueue
from app.refunds import policy
from app.refunds.execute import LaneContext, order_of
from app.refunds.inbound_events import InboundResult, InboundSource, take
from app.refunds.legs.ladder import Ladder
from app.refunds.legs.next_leg import with_next_leg
from app.refunds.pacing.pace import Pace
from app.refunds.policy import AttemptContext
from app.refunds.settle import settle_job
from app.refunds.verify import verify

REFUSED = policy.rejected("refund_window_expired", "too late")
DEED = JobDeed(DeedKind.RETRIED, "key:desk")
AS_VALUE = policy.replaced(REFUSED, NextLeg(RefundForm.STORE_CREDIT, 1800))


class Line:
    """One line of 20.00, of which 2.00 are kept, and its legs."""

    def __init__(self, studio, job_id):
        self.studio, self.db, self.job_id = studio, studio.db, job_id

    async def claim(self, method="payment", *, lease_seconds=-1):
        async with self.db.write() as conn:
            [one] = await claims.claim(
                conn, self.job_id, method, most=5, lease_seconds=lease_seconds
            )
        return one

    async def record(self, *said):
        group = [Recorded(one.id, one.epoch, update, one.leg) for one, update in said]
        async with self.db.write() as conn:
            return await outcomes.record(
                conn, self.job_id, group, actor="worker", heartbeat_seconds=30
            )

    async def legs(self):
        query = sa.select(
            t.refunds.c.leg,
            t.refunds.c.returned_as,
            t.refunds.c.status,
            t.refunds.c.failure_code,
            t.refunds.c.amount_minor,
            t.refunds.c.kept_amount_minor,
            t.refunds.c.kept_by,
        ).order_by(t.refunds.c.leg)
        async with self.db.read() as conn:
            return [tuple(row) for row in await conn.execute(query)]

    async def status(self):
        await settle_job(self.studio.runtime, self.job_id)
        return (await self.studio.job(self.job_id))["status"]

    async def broken(self):
        return {one.code for one in await verify(self.db)}


FIRST = (1, "original", "replaced", "refund_window_expired", 1800, 200, "fee")
SECOND = (2, "store_credit", "pending", None, 1800, 200, "fee")


@pytest.fixture
async def line(studio):
    await studio.load(client("kim"), session("yoga"), booking("b", "yoga", ("CAD", 2000)))
    terms = {"payments": {"keep": {"percent": 10}}}
    job = await studio.accepted(terms=terms)
    async with studio.db.write() as conn:
        await expand_chunk(conn, await jobs.lock_any(conn, job["id"]), at_most=10)
    return Line(studio, job["id"])


async def test_the_next_leg_is_written_with_the_refusal_and_once_though_it_is_heard_twice(line):
    first = await line.claim()
    assert await line.record((first, AS_VALUE)) == [first.id]
    assert await line.record((first, AS_VALUE)) == []
    assert await line.legs() == [FIRST, SECOND]
    second = await line.claim("credit")
    assert (second.id, second.leg) == (next_leg_id(first.id, 2), 2)
    assert (second.amount_minor, second.returned_as) == (1800, "store_credit")
    assert await line.record((second, policy.succeeded("sc_1"))) == [second.id]
    assert await line.status() == "completed"
    sums = (await line.studio.job(line.job_id))["refunds"]
    assert {status: one["count"] for status, one in sums.items() if one["count"]} == {
        "succeeded": 1,
        "replaced": 1,
    }
    kept = [{"currency": "CAD", "amount_minor": 200}]
    assert (sums["succeeded"]["kept_amounts"], sums["replaced"]["kept_amounts"]) == (kept, [])
    assert await line.broken() == set()


async def test_a_rest_is_returned_and_what_was_returned_before_is_named(line):
    first = await line.claim()
    rest = policy.replaced(REFUSED, NextLeg(RefundForm.ORIGINAL, 700))
    await line.record((first, rest))
    assert (await line.legs())[1] == (2, "original", "pending", None, 700, 1300, "fee")
    second = await line.claim()
    await line.record((second, policy.succeeded("re_2")))
    assert await line.status() == "completed"
    assert await line.broken() == set()


async def test_an_earlier_leg_that_was_made_after_all_stops_one_that_was_not_sent(line):
    first = await line.claim()
    late = await line.claim()
    await line.record((late, AS_VALUE))
    assert await line.record((first, policy.succeeded("re_1"))) == [first.id]
    assert [leg[2:4] for leg in await line.legs()] == [
        ("succeeded", None),
        ("skipped", "already_refunded_here"),
    ]
    assert await line.status() == "completed"
    assert await line.broken() == set()


async def test_one_that_was_made_after_all_beside_its_next_leg_is_a_persons(line):
    first = await line.claim()
    late = await line.claim()
    await line.record((late, AS_VALUE))
    second = await line.claim("credit")
    await line.record((second, policy.succeeded("sc_1")))
    assert await line.status() == "completed"
    assert await line.record((first, policy.succeeded("re_1"))) == [first.id]
    assert await line.record((late, policy.succeeded("re_1"))) == []  # heard once more
    assert [leg[2:4] for leg in await line.legs()] == [
        ("indeterminate", "returned_twice"),
        ("succeeded", None),
    ]
    assert await line.status() == "completed_with_failures"
    assert await line.broken() == {"legs-sum", "paid"}
    path = f"/bulk-cancellations/{line.job_id}/refunds/{first.id}/resolve"
    said = {"resolution": "refunded_elsewhere", "reference": "desk-1", "note": "taken back"}
    answer = await line.studio.post(path, **said)
    assert answer.status_code == 200, answer.text
    assert await line.status() == "completed"


async def test_a_hook_on_a_leg_that_is_followed_has_it_looked_up(line):
    first = await line.claim()
    await line.record((first, AS_VALUE))
    second = await line.claim("credit")
    await line.record((second, policy.succeeded("sc_1")))
    assert await line.status() == "completed"
    taken = await take(
        line.db, LocalQueue(), InboundSource.PAYMENTS, event_id="e1", reference=first.id
    )
    assert taken is InboundResult.LOOK_UP
    again = await line.claim()
    assert (again.id, again.status, again.followed) == (first.id, "processing", True)
    still_refused = policy.replaced(REFUSED, None)
    await line.record((again, still_refused))
    assert await line.legs() == [FIRST, (*SECOND[:2], "succeeded", *SECOND[3:])]
    assert await line.status() == "completed"
    assert await line.broken() == set()


async def test_a_refusal_that_is_followed_is_not_tried_again_by_a_person(line):
    first = await line.claim()
    await line.record((first, AS_VALUE))
    async with line.db.write() as conn:
        assert await manual_changes.try_again(conn, line.job_id, deed=DEED) == 0
    second = await line.claim("credit")
    await line.record((second, policy.rejected("client_not_found", "unknown")))
    async with line.db.write() as conn:
        assert await manual_changes.try_again(conn, line.job_id, deed=DEED) == 1
    assert [leg[2] for leg in await line.legs()] == ["replaced", "pending"]


async def test_two_legs_of_one_line_of_one_number_can_not_be(line):
    first = await line.claim()
    await line.record((first, AS_VALUE))
    async with line.db.read() as conn:
        row = dict(
            (await conn.execute(sa.select(t.refunds).where(t.refunds.c.leg == 2))).mappings().one()
        )
    again = row | {"id": next_leg_id(first.id, 3)}
    with pytest.raises(sa.exc.IntegrityError, match=r"one_refund_per_leg|refunds\.leg"):
        async with line.db.write() as conn:
            await conn.execute(sa.insert(t.refunds).values(again))


async def test_an_earlier_leg_that_was_made_after_all_stands_for_one_that_was_refused(line):
    first = await line.claim()
    late = await line.claim()
    await line.record((late, AS_VALUE))
    second = await line.claim("credit")
    await line.record((second, policy.rejected("client_not_found", "unknown")))
    assert await line.status() == "completed_with_failures"
    assert await line.record((first, policy.succeeded("re_1"))) == [first.id]
    assert [leg[2:4] for leg in await line.legs()] == [
        ("succeeded", None),
        ("skipped", "already_refunded_here"),
    ]
    assert await line.status() == "completed"
    assert await line.broken() == set()


async def test_nothing_was_returned_twice_where_the_leg_beside_a_late_one_is_refused(line):
    first = await line.claim()
    late = await line.claim()
    await line.record((late, AS_VALUE))
    second = await line.claim("credit")
    await line.record((first, policy.succeeded("re_1")))
    assert (await line.legs())[0][2:4] == ("indeterminate", "returned_twice")
    third = policy.replaced(REFUSED, NextLeg(RefundForm.ORIGINAL, 1800))
    await line.record((second, third))
    assert [leg[2:4] for leg in await line.legs()] == [
        ("succeeded", None),
        ("replaced", "refund_window_expired"),
        ("skipped", "already_refunded_here"),
    ]
    assert await line.status() == "completed"
    assert await line.broken() == set()


async def test_a_first_leg_that_was_made_after_all_stops_a_third_that_was_not_sent(line):
    first = await line.claim()
    late = await line.claim()
    await line.record((late, policy.replaced(REFUSED, NextLeg(RefundForm.ORIGINAL, 700))))
    second = await line.claim()
    await line.record((second, policy.replaced(REFUSED, NextLeg(RefundForm.STORE_CREDIT, 700))))
    await line.record((first, policy.succeeded("re_1")))
    assert [leg[2:4] for leg in await line.legs()] == [
        ("succeeded", None),
        ("replaced", "refund_window_expired"),
        ("skipped", "already_refunded_here"),
    ]
    assert await line.status() == "completed"
    assert await line.broken() == set()


async def three_legs(line):
    """Two legs that were refused and a third that was not sent, with claims of the first two."""
    first = await line.claim()
    late = await line.claim()
    await line.record((late, policy.replaced(REFUSED, NextLeg(RefundForm.ORIGINAL, 700))))
    second = await line.claim()
    late = await line.claim()
    await line.record((late, policy.replaced(REFUSED, NextLeg(RefundForm.STORE_CREDIT, 700))))
    return first, second


async def test_of_two_legs_that_were_made_after_all_one_stands_and_one_is_a_persons(line):
    first, second = await three_legs(line)
    await line.record((first, policy.succeeded("re_1")))
    await line.record((second, policy.succeeded("re_2")))
    assert [leg[2:4] for leg in await line.legs()] == [
        ("succeeded", None),
        ("indeterminate", "returned_twice"),
        ("skipped", "already_refunded_here"),
    ]
    assert await line.status() == "completed_with_failures"


async def test_two_legs_that_were_both_made_after_all_are_both_a_persons(line):
    first, second = await three_legs(line)
    await line.record((first, policy.succeeded("re_1")), (second, policy.succeeded("re_2")))
    assert [leg[2:4] for leg in await line.legs()] == [
        ("indeterminate", "returned_twice"),
        ("indeterminate", "returned_twice"),
        ("skipped", "already_refunded_here"),
    ]
    assert await line.status() == "completed_with_failures"


async def returned_twice(line):
    """A first leg that was made after all, beside its next one."""
    first = await line.claim()
    late = await line.claim()
    await line.record((late, AS_VALUE))
    second = await line.claim("credit")
    await line.record((second, policy.succeeded("sc_1")))
    await line.record((first, policy.succeeded("re_1")))
    return first


async def test_what_was_returned_twice_is_no_look_ups_but_a_persons(line):
    first = await returned_twice(line)
    path = f"/bulk-cancellations/{line.job_id}"
    answer = await line.studio.post(f"{path}/retry")
    assert answer.json()["retried"] == 0
    answer = await line.studio.post(f"{path}/retry", refund_ids=[first.id])
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/refund_ids/0", "not-retriable")
    said = {"resolution": "refunded_elsewhere", "reference": "desk-1", "note": "taken back"}
    answer = await line.studio.post(f"{path}/refunds/{first.id}/resolve", **said)
    assert answer.status_code == 200, answer.text
    assert await line.broken() == set()


async def test_a_look_up_of_a_leg_that_is_followed_alarms_nobody(line):
    first = await line.claim()
    await line.record((first, AS_VALUE))
    await take(line.db, LocalQueue(), InboundSource.PAYMENTS, event_id="e1", reference=first.id)
    second = await line.claim("credit")
    await line.record((second, policy.succeeded("sc_1")))
    assert [leg[2] for leg in await line.legs()] == ["processing", "succeeded"]
    assert await line.broken() == set()


async def test_a_leg_that_stood_for_one_left_out_and_fails_after_all_is_a_persons(line):
    first = await line.claim()
    late = await line.claim()
    await line.record((late, AS_VALUE))
    await line.record((first, policy.succeeded("re_1")))
    async with line.db.write() as conn:
        await manual_changes.reopen_success(conn, line.job_id, first.id)
    again = await line.claim()
    failed = policy.rejected("declined", "by the bank", "re_1")
    update = await go_on(line, again, failed, PaymentNotFound())
    assert update == failed
    await line.record((again, update))
    assert await line.status() == "completed_with_failures"


async def go_on(line, claimed, refusal, answer):
    """What becomes of a refusal, where a read of the payment is answered so."""

    async def read(_):
        return answer

    place = LaneContext("studio", "snow", UpstreamMethod.PAYMENT, Pace(1, lambda: 1, lambda: 0.0))
    context = AttemptContext(claimed.attempts, 0.0, 3600.0, jitter=0.0)
    of = (line.db, Ladder(returns_rest=True), claimed, order_of(claimed, place), context)
    return await with_next_leg(*of, refusal, read_payment=read)


async def test_a_service_that_does_not_say_what_is_left_is_asked_again(line):
    exceeds = policy.rejected("amount_exceeds_remaining", "less is left")
    for _ in range(2):
        one = await line.claim()
        update = await go_on(line, one, exceeds, FactsUnknown("HTTP 500"))
        assert (update.status, update.new_key) == ("pending", True)
        await line.record((one, update))
        async with line.db.write() as conn:
            await conn.execute(sa.update(t.refunds).values(due_at=now()))
    one = await line.claim()
    facts = PaymentFacts(700, "CAD", captured=True, disputed=False)
    await line.record((one, await go_on(line, one, exceeds, facts)))
    assert [leg[:5] for leg in await line.legs()] == [
        (1, "original", "replaced", "amount_exceeds_remaining", 1800),
        (2, "original", "pending", None, 700),
    ]


@pytest.mark.parametrize(
    "facts",
    [
        PaymentFacts(700, "CAD", captured=True, disputed=True),
        PaymentFacts(700, "USD", captured=True, disputed=False),
    ],
    ids=["its payer disputes it", "it is of another currency"],
)
async def test_what_is_left_of_a_payment_is_not_returned_where(line, facts):
    exceeds = policy.rejected("amount_exceeds_remaining", "less is left")
    assert await go_on(line, await line.claim(), exceeds, facts) == exceeds


async def test_value_that_was_given_for_a_payment_has_returned_nothing_of_it(line):
    first = await line.claim()
    await line.record((first, AS_VALUE))
    second = await line.claim("credit")
    await line.record((second, policy.succeeded("sc_1")))
    async with line.db.read() as conn:
        assert await ceilings.sibling_of(conn, first.id) is None
