"""What an upstream says is believed no further than it goes.

A scripted payment service over real HTTP is the judge.
"""

import contextlib
import dataclasses

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.db import tables
from app.db.core.dialect import now
from app.refunds.runtime import gateways
from app.refunds.slices.run import run_slice
from app.serving import served

MADE = {"id": "re_1", "status": "succeeded"}
PENDING = {"id": "re_1", "status": "pending"}


class Upstream:
    """Answers each POST with the next of its `answers` (the last for ever).

    Look-ups are answered with what `listed` holds, from the `listed_from`th POST on.
    """

    def __init__(self, *answers, listed=(), listed_from=0):
        self.answers = list(answers)
        self.listed = list(listed)
        self.listed_from = listed_from
        self.keys = []

    async def post(self, request):
        self.keys.append(request.headers["idempotency-key"])
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return JSONResponse(body, status, headers)

    async def get(self, request):
        reference = {"reference": request.query_params["reference"]}
        listed = self.listed if len(self.keys) >= self.listed_from else []
        return JSONResponse({"data": [one | reference for one in listed]})

    def app(self):
        return Starlette(
            routes=[Route("/refunds", self.post, methods=["POST"]), Route("/refunds", self.get)]
        )


def answer(status, body=None, **headers):
    return status, body or {}, {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def scripted(week, settings):
    """Put a scripted payment service in the place of the sandbox's.

    Gives a function that runs what is due.
    """

    @contextlib.asynccontextmanager
    async def scripted(upstream, session_ids):
        async with served(upstream.app()) as address:
            calls = gateways(settings, payments_url=address, credits_url="http://127.0.0.1:1")
            runtime = dataclasses.replace(week.runtime, gateways=calls)
            job = await week.accepted(session_ids)

            async def work(turns):
                for _ in range(turns):
                    async with week.db.write() as conn:  # as if the pauses were over
                        await conn.execute(
                            sa.update(tables.refunds)
                            .where(tables.refunds.c.due_at > now())
                            .values(due_at=now())
                        )
                    # A runtime of its own has a pace of its own, that knows of no quiet.
                    if await run_slice(dataclasses.replace(runtime), job["id"], seconds=5) is None:
                        break
                return await week.refunds(job["id"])

            yield job, work
            await runtime.aclose()

    return scripted


async def test_a_refund_that_was_accepted_is_not_sent_again_because_a_look_up_is_empty(scripted):
    upstream = Upstream(answer(201, PENDING))
    async with scripted(upstream, ["over"]) as (_job, work):
        [refund] = await work(5)
        assert refund["status"] == "processing"
        assert len(upstream.keys) == 1
        upstream.listed = [MADE]
        [refund] = await work(2)
    assert (refund["status"], len(upstream.keys)) == ("succeeded", 1)


async def test_a_refusal_after_a_call_that_was_not_heard_is_believed_after_a_look_only(scripted):
    # A look-up finds nothing, so it is sent again; and only then is the first call seen to have
    # landed.
    refusal = answer(422, {"code": "amount_exceeds_remaining"})
    upstream = Upstream(answer(500), refusal, listed=[MADE], listed_from=2)
    async with scripted(upstream, ["over"]) as (job, work):
        [refund] = await work(1)
        assert refund["status"] == "indeterminate"
        [refund] = await work(5)
    assert (refund["status"], refund["upstream_reference"]) == ("succeeded", "re_1")
    assert (len(upstream.keys), len(set(upstream.keys))) == (2, 1)
    assert job["totals"]["refunds"] == 1


async def test_a_retry_that_fails_as_well_is_told_and_not_sent_again(week, scripted):
    upstream = Upstream(
        answer(201, MADE | {"status": "failed"}), answer(201, PENDING | {"id": "re_2"})
    )
    async with scripted(upstream, ["over"]) as (job, work):
        [refund] = await work(1)
        assert (refund["status"], refund["upstream_reference"]) == ("rejected", "re_1")
        await week.post(f"/bulk-cancellations/{job['id']}/retry")
        [refund] = await work(1)
        assert refund["status"] == "processing"
        upstream.listed = [{"id": "re_2", "status": "failed"}, {"id": "re_1", "status": "failed"}]
        [refund] = await work(5)
    assert (refund["status"], refund["upstream_reference"]) == ("rejected", "re_2")
    assert upstream.keys == [refund["id"], f"{refund['id']}.1"]


async def test_calls_that_surely_had_no_effect_use_up_none_of_a_refund_s_attempts(scripted):
    upstream = Upstream(*[answer(503)] * 10, answer(500), answer(201, MADE))
    async with scripted(upstream, ["over"]) as (_job, work):
        [refund] = await work(20)
    assert (refund["status"], refund["attempts"]) == ("succeeded", 2)


class RepeatsUnderAKey(Upstream):
    """Answers a key that came before as it did then, refusals too: so does Stripe, for a day."""

    def __init__(self, *answers):
        super().__init__(*answers)
        self.told = {}

    async def post(self, request):
        key = request.headers["idempotency-key"]
        if key not in self.told:
            self.told[key] = await super().post(request)
        return self.told[key]


async def test_a_refusal_for_lack_of_balance_is_not_asked_for_again_by_its_key(scripted):
    poor = answer(402, {"code": "insufficient_balance"})
    upstream = RepeatsUnderAKey(poor, poor, answer(201, MADE))
    async with scripted(upstream, ["over"]) as (_job, work):
        [refund] = await work(5)
    assert (refund["status"], refund["attempts"]) == ("succeeded", 1)
    assert upstream.keys == [refund["id"], f"{refund['id']}.1", f"{refund['id']}.2"]


async def test_an_upstream_that_asks_to_wait_is_left_alone_by_the_business_s_other_refunds(
    week, scripted
):
    lines = [("CAD", 100)]
    await week.load(week.record("session", "full", starts_in_hours=30))
    await week.load(*(week.record("booking", f"full-{n}", "full", *lines) for n in range(60)))
    upstream = Upstream(answer(429, retry_after="60"))
    async with scripted(upstream, ["full"]) as (_job, work):
        refunds = await work(1)
    # Eight in a row, and the calls that were open when the last of them came.
    assert len(upstream.keys) <= 8 + 8
    assert {one["status"] for one in refunds} == {"pending"}
    assert {one["attempts"] for one in refunds} == {0}


async def test_a_person_resolves_only_what_no_machine_is_at_work_on(week, scripted):
    upstream = Upstream(answer(500))
    async with scripted(upstream, ["over"]) as (job, work):
        [refund] = await work(1)
        path = f"/bulk-cancellations/{job['id']}/refunds/{refund['id']}/resolve"
        refused = await week.post(path, resolution="refunded_elsewhere", reference="bank 1")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-resolvable")


async def test_a_code_of_an_upstream_can_t_pass_for_our_own_word(week, scripted):
    upstream = Upstream(answer(422, {"code": "withdrawn"}))
    async with scripted(upstream, ["over"]) as (_job, work):
        [refund] = await work(1)
    assert (refund["status"], refund["failure_code"]) == ("rejected", "withdrawn")
    [booking] = (await week.get("/sessions/over/bookings"))["data"]
    assert [one["status"] for one in booking["refunds"]] == ["rejected"]
