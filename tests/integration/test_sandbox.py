"""The sandbox keeps true books, replays by key, and does to a connection what its switches say."""

import asyncio
import logging
from pathlib import Path

import httpx
import pytest
from worlds.orders import CREDIT_BODY, PAYMENT_BODY

from app.sandbox.app import create_sandbox


async def refund(sandbox, key="k1", **changes):
    return await sandbox.http.post(
        "/payments/refunds", json=PAYMENT_BODY | changes, headers={"Idempotency-Key": key}
    )


async def credit(sandbox, key="k1", **changes):
    body = CREDIT_BODY | changes
    return await sandbox.http.post(
        "/credits/credit-returns", json=body, headers={"Idempotency-Key": key}
    )


async def test_a_refund_is_in_the_books_with_all_that_it_was_made_of(upstream_sandbox):
    answer = await refund(upstream_sandbox)
    assert answer.status_code == 201
    books = await upstream_sandbox.books()
    assert books["totals"] == {"succeeded": 1, "pending": 0, "failed": 0, "sums": {"USD": 2500}}
    (effect,) = books["effects"]
    assert effect["id"] == answer.json()["id"]
    assert effect["key"] == "k1"
    assert (effect["subject"], effect["amount"], effect["currency"]) == ("pay1", 2500, "USD")
    assert (effect["reference"], effect["status"]) == ("r1", "succeeded")
    assert effect["created_at"].endswith("Z")
    totals = (await upstream_sandbox.http.get("/books?effects=false")).json()
    assert "effects" not in totals["payments"]


async def test_the_same_key_with_the_same_body_answers_the_same_and_does_nothing(upstream_sandbox):
    first, again = await refund(upstream_sandbox), await refund(upstream_sandbox)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    books = await upstream_sandbox.books()
    assert books["requests"] == {"total": 2, "201": 2, "replays": 1}
    assert len(books["effects"]) == 1


async def test_the_same_key_with_another_body_is_refused(upstream_sandbox):
    await refund(upstream_sandbox)
    answer = await refund(upstream_sandbox, amount_minor=2499)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_reused")


async def test_the_same_key_while_the_first_call_is_under_way_is_refused(upstream_sandbox):
    await upstream_sandbox.faults(latency_seconds=0.3)
    answers = await asyncio.gather(*(refund(upstream_sandbox) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"idempotency_key_in_use"}


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"amount_minor": 0},
        {"amount_minor": "2500"},
        {"amount_minor": 25.0},
        {"amount_minor": True},
        {"currency": "usd"},
        {"payment_id": "a b"},
        {"reference": ""},
        {"reason": 7},
    ],
)
async def test_a_body_that_breaks_the_contract_is_refused_and_changes_nothing(
    upstream_sandbox, changes
):
    answer = await refund(upstream_sandbox, **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await upstream_sandbox.books())["effects"] == []


async def test_requests_that_are_not_of_the_contract_are_refused(upstream_sandbox):
    http = upstream_sandbox.http
    without_key = (await http.post("/payments/refunds", json=PAYMENT_BODY)).json()
    assert without_key["code"] == "idempotency_key_missing"
    assert (await refund(upstream_sandbox, key="k" * 256)).status_code == 400
    assert (await refund(upstream_sandbox, reason="x" * 70_000)).status_code == 413
    assert (await http.get("/payments/refunds")).status_code == 400
    assert (await http.get("/payments/other")).status_code == 404
    assert (await http.put("/payments/refunds/1")).status_code == 404
    assert (await http.delete("/payments/refunds")).status_code == 405


async def test_a_payment_is_refunded_up_to_its_amount_and_no_further(upstream_sandbox):
    registered = await upstream_sandbox.http.put(
        "/payments/pay1", json={"amount_minor": 3000, "currency": "USD"}
    )
    assert registered.status_code == 200
    assert (await refund(upstream_sandbox)).status_code == 201
    over = await refund(upstream_sandbox, key="k2", reference="r2", amount_minor=501)
    assert (over.status_code, over.json()["code"]) == (422, "amount_exceeds_remaining")
    other = await refund(
        upstream_sandbox, key="k2", reference="r2", amount_minor=500, currency="EUR"
    )
    assert other.json()["code"] == "currency_mismatch"
    rest = await refund(upstream_sandbox, key="k2", reference="r2", amount_minor=500)
    assert rest.status_code == 201
    none_left = await refund(upstream_sandbox, key="k3", reference="r3", amount_minor=1)
    assert (none_left.status_code, none_left.json()["code"]) == (422, "already_refunded")


async def test_the_first_refund_of_an_unknown_payment_defines_its_amount(upstream_sandbox):
    await refund(upstream_sandbox)
    again = await refund(upstream_sandbox, key="k2", reference="r2")
    assert again.json()["code"] == "already_refunded"


@pytest.mark.parametrize(
    ("send", "code"), [(refund, "payment_not_found"), (credit, "account_not_found")]
)
async def test_what_was_first_seen_with_one_business_is_not_there_for_another(
    upstream_sandbox, send, code
):
    assert (await send(upstream_sandbox)).status_code == 201
    others = await send(upstream_sandbox, key="k2", reference="r2", business_id="other")
    assert (others.status_code, others.json()["code"]) == (404, code)
    books = [await upstream_sandbox.books(service) for service in ("payments", "credits")]
    assert [effect["business"] for book in books for effect in book["effects"]] == ["studio"]


async def test_a_payment_is_its_businesss_before_anybody_asks(upstream_sandbox):
    mine = {"amount_minor": 2500, "currency": "USD", "business_id": "studio"}
    assert (await upstream_sandbox.http.put("/payments/pay1", json=mine)).status_code == 200
    others = await refund(upstream_sandbox, business_id="other")
    assert (others.status_code, others.json()["code"]) == (404, "payment_not_found")
    assert (await refund(upstream_sandbox)).status_code == 201


async def test_two_effects_under_one_reference_are_named_twice(upstream_sandbox):
    await upstream_sandbox.faults(ignore_keys=True, allow_excess=True)
    for send, service in ((refund, "payments"), (credit, "credits")):
        await send(upstream_sandbox)
        await send(upstream_sandbox)
        assert (await upstream_sandbox.books(service))["twice"] == {"r1": 2}


async def test_forgotten_amounts_leave_a_payment_as_it_stood(upstream_sandbox):
    whole = {"amount_minor": 2500, "currency": "USD"}
    for payment_id, facts in (("pay1", {}), ("pay2", {"captured": False})):
        document = whole | facts
        answer = await upstream_sandbox.http.put(f"/payments/{payment_id}", json=document)
        assert answer.status_code == 200
    assert (await refund(upstream_sandbox, "k0", amount_minor=1000)).status_code == 201
    await upstream_sandbox.faults(ignore_keys=True, forget_amounts=True)
    rest = {"payment_id": "pay1", "amount_minor": 1500, "reference": "r2"}
    for _ in range(2):  # what is left is made twice, and more than that is still refused
        assert (await refund(upstream_sandbox, **rest)).status_code == 201
        refused = await refund(upstream_sandbox, **rest | {"amount_minor": 1501})
        assert refused.json()["code"] == "amount_exceeds_remaining"
    refused = await refund(upstream_sandbox, payment_id="pay2")
    assert refused.json()["code"] == "not_captured"
    left = await upstream_sandbox.http.get("/payments/payments/pay1?business_id=studio")
    assert left.json()["remaining_minor"] == 1500
    assert (await upstream_sandbox.books("payments"))["twice"] == {"r2": 2}


async def test_forgotten_keys_make_a_second_effect(upstream_sandbox):
    await upstream_sandbox.faults(forget_keys=True)
    await credit(upstream_sandbox)
    await credit(upstream_sandbox)
    assert (await upstream_sandbox.books("credits"))["twice"] == {"r1": 2}


@pytest.mark.parametrize("final", ["succeeded", "failed"])
async def test_a_pending_refund_becomes_final_and_its_replay_stays_as_it_was(
    upstream_sandbox, final
):
    await upstream_sandbox.faults(pending=1, pending_then=final, pending_seconds=0.2)
    assert (await refund(upstream_sandbox)).json()["status"] == "pending"
    found = await upstream_sandbox.http.get("/payments/refunds", params={"reference": "r1"})
    assert [one["status"] for one in found.json()["data"]] == ["pending"]
    await asyncio.sleep(0.25)
    found = await upstream_sandbox.http.get("/payments/refunds", params={"reference": "r1"})
    assert [one["status"] for one in found.json()["data"]] == [final]
    assert (await refund(upstream_sandbox)).json()["status"] == "pending"
    assert (await upstream_sandbox.books())["totals"][final] == 1


async def test_a_failed_refund_leaves_the_payment_to_be_refunded(upstream_sandbox):
    await upstream_sandbox.faults(fail=1)
    assert (await refund(upstream_sandbox)).json()["failure_code"] == "declined_by_issuer"
    await upstream_sandbox.faults()
    assert (await refund(upstream_sandbox, key="k1:2")).json()["status"] == "succeeded"
    assert (await upstream_sandbox.books())["twice"] == {}


async def test_the_same_payments_are_refused_however_often_they_are_asked_for(upstream_sandbox):
    await upstream_sandbox.faults(
        refuse={"payment_disputed": 0.3}, refuse_ids={"named": "payment_not_found"}
    )

    async def round_of_calls():
        answers = [
            await refund(upstream_sandbox, key=f"k{n}", reference=f"r{n}", payment_id=f"p{n}")
            for n in range(60)
        ]
        return [answer.status_code for answer in answers]

    first = await round_of_calls()
    assert first == await round_of_calls()
    assert 8 <= first.count(422) <= 30
    named = await refund(upstream_sandbox, key="n", reference="n", payment_id="named")
    assert (named.status_code, named.json()["code"]) == (404, "payment_not_found")


@pytest.mark.parametrize(("switch", "effects"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_dropped_connection_closes_at_once_and_quietly(
    upstream_sandbox, caplog, switch, effects
):
    await upstream_sandbox.faults(**{switch: 1})
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await refund(upstream_sandbox)  # a time-out would be another error
    assert not caplog.records
    books = await upstream_sandbox.books()
    assert len(books["effects"]) == effects
    assert books["requests"]["dropped"] == 5


async def test_look_ups_go_wrong_only_where_the_switch_says_so(upstream_sandbox):
    await upstream_sandbox.faults(answer_503=1)
    found = await upstream_sandbox.http.get("/payments/refunds", params={"reference": "r1"})
    assert found.json() == {"data": []}
    await upstream_sandbox.faults(answer_503=1, look_ups=True, retry_after_seconds=9)
    down = await upstream_sandbox.http.get("/payments/refunds", params={"reference": "r1"})
    assert (down.status_code, down.headers["retry-after"]) == (503, "9")


async def test_a_refusal_by_accident_does_nothing_and_says_when_to_come_again(upstream_sandbox):
    await upstream_sandbox.faults(answer_429=1, retry_after_seconds=3)
    refused = await credit(upstream_sandbox)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
    assert not (await upstream_sandbox.books("credits"))["effects"]
    await upstream_sandbox.faults(answer_429=1, retry_after="none")
    assert "retry-after" not in (await credit(upstream_sandbox)).headers


async def test_the_throttle_lets_a_seconds_worth_through_and_says_when_to_come_again(
    upstream_sandbox,
):
    await upstream_sandbox.faults(throttle_per_second=2)
    calls = (credit(upstream_sandbox, key=f"k{n}", reference=f"r{n}") for n in range(8))
    answers = await asyncio.gather(*calls)
    throttled = [answer for answer in answers if answer.status_code == 429]
    assert 2 <= len(answers) - len(throttled) <= 4
    assert {answer.headers["retry-after"] for answer in throttled} == {"1"}
    await asyncio.sleep(0.6)
    assert (await credit(upstream_sandbox, key="later", reference="later")).status_code == 201


async def test_the_same_seed_draws_the_same_faults(upstream_sandbox):
    async def draw(seed):
        await upstream_sandbox.faults(seed=seed, answer_503=0.5)
        return [
            (await credit(upstream_sandbox, key=f"{n}", reference=f"{n}")).status_code
            for n in range(24)
        ]

    first = await draw(7)
    assert first == await draw(7)
    assert first != await draw(8)


@pytest.mark.parametrize(
    "document",
    [
        {"payment": {}},
        {"payments": {"drop": 1}},
        {"payments": {"drop_before": 1.1}},
        {"payments": {"drop_before": -0.1}},
        {"payments": {"pending_then": "maybe"}},
        {"credits": {"latency_seconds": 1e9}},
        {"payments": {"refuse": {"Bad Code": 1}}},
        [],
    ],
)
async def test_faults_that_make_no_sense_are_refused_and_change_nothing(upstream_sandbox, document):
    await upstream_sandbox.faults(drop_before=0.5)
    answer = await upstream_sandbox.http.put("/faults", json=document)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation")
    kept = (await upstream_sandbox.http.get("/faults")).json()
    assert kept["payments"]["drop_before"] == 0.5
    cleared = await upstream_sandbox.http.put("/faults", json={})
    assert cleared.json()["payments"]["drop_before"] == 0


async def test_the_books_outlive_the_process(tmp_path: Path, upstream_running):
    path = tmp_path / "books.jsonl"
    async with upstream_running(create_sandbox(path)) as sandbox:
        await sandbox.faults(pending=1, pending_seconds=0)
        await refund(sandbox)
        await sandbox.faults(pending=1, pending_seconds=0.3)
        await refund(sandbox, key="k2", reference="r2", payment_id="pay2")
        await sandbox.faults()
        await credit(sandbox)
        await sandbox.http.put("/payments/pay9", json={"amount_minor": 100, "currency": "USD"})
        before = (await sandbox.http.get("/books")).json()
    with path.open("ab") as file:
        file.write(b'{"book": "payments", "refund": {"id": "rf_0')
    await asyncio.sleep(0.3)
    for _ in range(2):  # the line cut short is gone for good: a second start reads the same
        async with upstream_running(create_sandbox(path)) as sandbox:
            after = (await sandbox.http.get("/books")).json()
            assert after["credits"]["effects"] == before["credits"]["effects"]
            assert after["payments"]["effects"][0] == before["payments"]["effects"][0]
            assert after["payments"]["totals"]["succeeded"] == 2
            assert (await refund(sandbox)).headers["idempotent-replayed"] == "true"
            third = await refund(sandbox, key="k3", reference="r3")
            assert third.json()["code"] == "already_refunded"
            over = await refund(
                sandbox, key="k9", reference="r9", payment_id="pay9", amount_minor=101
            )
            assert over.json()["code"] == "amount_exceeds_remaining"
            others = await refund(
                sandbox, key="k10", reference="r10", payment_id="pay2", business_id="other"
            )
            assert others.json()["code"] == "payment_not_found"


async def test_cleared_books_are_empty_and_stay_so(tmp_path: Path, upstream_running):
    path = tmp_path / "books.jsonl"
    async with upstream_running(create_sandbox(path)) as sandbox:
        first = (await refund(sandbox)).json()["id"]
        assert (await sandbox.http.delete("/books")).status_code == 204
        assert (await sandbox.books())["effects"] == []
        assert (await refund(sandbox)).json()["id"] != first
    async with upstream_running(create_sandbox(path)) as sandbox:
        assert len((await sandbox.books())["effects"]) == 1


async def test_the_services_ask_for_their_token_and_the_books_do_not(upstream_running):
    async with upstream_running(create_sandbox(token="t0ken")) as sandbox:
        answer = await refund(sandbox)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        known = {"Authorization": "Bearer t0ken", "Idempotency-Key": "k1"}
        assert (
            await sandbox.http.post("/payments/refunds", json=PAYMENT_BODY, headers=known)
        ).status_code == 201
        assert (await sandbox.books())["requests"] == {"total": 2, "401": 1, "201": 1}


async def test_a_businesss_own_token_speaks_for_it_alone_and_the_books_say_whose_was_used(
    upstream_running, tmp_path
):
    path = tmp_path / "books"
    tokens = {"token": "the-platforms", "tokens_of": {"studio": "its-own"}}

    def by(token, key="k1"):
        return [("Authorization", f"Bearer {one}") for one in token.split()] + [
            ("Idempotency-Key", key)
        ]

    async with upstream_running(create_sandbox(path, **tokens)) as sandbox:

        async def asked(token, business="studio", key="k1"):
            body = PAYMENT_BODY | {
                "business_id": business,
                "payment_id": f"of-{business}",
                "reference": key,
            }
            answer = await sandbox.http.post("/payments/refunds", json=body, headers=by(token, key))
            return answer.status_code

        async def found(token, key="k1"):
            answer = await sandbox.http.get(
                "/payments/refunds", params={"reference": key}, headers=by(token)
            )
            return len(answer.json()["data"])

        assert await asked("its-own") == 201
        assert await asked("the-platforms") == 404, "nor is it told that the key was used"
        assert await asked("its-own", "another", "k2") == 404
        assert await asked("the-platforms", "another", "k2") == 201
        assert await asked("its-own the-platforms") == 401
        assert [await found(token) for token in ("its-own", "the-platforms")] == [1, 0]
        assert [await found(token, "k2") for token in ("its-own", "the-platforms")] == [0, 1]
    async with upstream_running(create_sandbox(path, **tokens)) as sandbox:
        books = await sandbox.books()
        assert [(one["business"], one["caller"]) for one in books["effects"]] == [
            ("studio", "studio"),
            ("another", "the platform"),
        ]


async def test_whose_tokens_calls_had_is_counted_by_method(upstream_running):
    async with upstream_running(create_sandbox(tokens_of={"studio": "its-own"})) as sandbox:
        assert (await refund(sandbox)).status_code == 404
        known = {"Authorization": "Bearer its-own", "Idempotency-Key": "k1"}
        assert (
            await sandbox.http.post("/payments/refunds", json=PAYMENT_BODY, headers=known)
        ).status_code == 201
        await sandbox.http.get("/payments/refunds", params={"reference": "r1"}, headers=known)
        assert (await sandbox.books())["callers"] == {
            "the platform": {"POST": 1},
            "studio": {"POST": 1, "GET": 1},
        }
