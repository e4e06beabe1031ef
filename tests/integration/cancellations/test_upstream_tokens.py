"""Businesses with tokens of their own at both upstreams.

The upstreams' books say by whose token each call was made.
"""

import dataclasses
import itertools

import httpx
import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from worlds.studio import Desk, caller

from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.db import tables
from app.db.access import encrypted, stripe_accounts, upstream_tokens
from app.db.access.businesses import create as create_business
from app.db.access.stripe_accounts import StripeAccount
from app.domain.statuses import Method
from app.encryption import SecretBox
from app.gateways.outcomes import (
    ConnectedAccount,
    PlatformAccount,
    SecretKeyAccount,
    UpstreamMethod,
)
from app.refunds import payment_account
from app.refunds.runtime import Runtime, gateways
from app.refunds.slices.run import run_slice
from app.sandbox.app import create_sandbox
from app.serving import served

PLATFORM = "the platform"
TOKENS = {"own": "token-of-own", "second": "token-of-second"}
SEALING_KEY = Fernet.generate_key().decode()
PLACES = {Method.PAYMENT: encrypted.payments_token, Method.CREDIT: encrypted.credits_token}
BOOK = {Method.PAYMENT: "payments", Method.CREDIT: "credits"}
BOTH = tuple(PLACES)


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        payments_token="token-of-the-platform",
        credits_token="token-of-the-platform",
        upstream_timeout_seconds=2,
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=4,
        secrets_key=SEALING_KEY,
    )


@pytest.fixture
async def studio(studio, settings):
    """The studio at upstreams that know the platform's token, and those of two businesses."""
    app = create_sandbox(token="token-of-the-platform", tokens_of=TOKENS)
    async with (
        served(app) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=False) as upstream,
    ):
        calls = gateways(
            settings, payments_url=f"{address}/payments", credits_url=f"{address}/credits"
        )
        studio.runtime = dataclasses.replace(studio.runtime, gateways=calls)
        studio.upstream = upstream
        yield studio
        await studio.runtime.aclose()


def seal(method, of, token=None, *, sealed_by=SEALING_KEY):
    return SecretBox([sealed_by]).encrypt(token or TOKENS[of], PLACES[method](of))


async def put(studio, business, tokens):
    async with studio.db.write() as conn:
        for method, token in tokens.items():
            await upstream_tokens.put(conn, business, method, token)


@pytest.fixture
def accepted_for(studio, db):
    """Found a business, with a booking of a payment and of credits, and cancel it all.

    Gives the job's id.
    """

    async def accepted(business, tokens):
        async with db.write() as conn:
            await create_business(conn, business, name=business, timezone="UTC", currency="CAD")
        await put(studio, business, tokens)
        key = await create_key(db, business, "desk", Scope)
        async with caller(studio.app, key) as http:
            desk = Desk(http)
            await desk.load(desk.record("client", "kim"), desk.record("session", "yoga"))
            await desk.load(
                desk.record("booking", f"{business}-booking", "yoga", ("CAD", 2000), ("credits", 2))
            )
            job = await desk.accepted()
            answer = await http.get("/v1/business")
            assert "token" not in answer.text, "no API shows one"
        return job["id"]

    return accepted


async def callers(studio):
    """Of each upstream, whose tokens its calls had, by method."""
    return {
        name: book["callers"] for name, book in (await studio.upstream.get("/books")).json().items()
    }


async def made(studio):
    """(business, whose token) of each refund that an upstream made."""
    books = (await studio.upstream.get("/books")).json()
    return sorted(
        (one["business"], one["caller"]) for book in books.values() for one in book["effects"]
    )


async def states(db, job_id, *columns):
    columns = columns or ("method", "status", "failure_code")
    async with db.read() as conn:
        query = sa.select(*(tables.refunds.c[name] for name in columns)).where(
            tables.refunds.c.job_id == job_id
        )
        return sorted(map(tuple, await conn.execute(query)))


DONE = [("credit", "succeeded", None), ("payment", "succeeded", None)]


async def test_each_business_is_given_back_by_its_own_token_and_the_others_by_the_platforms(
    studio, db, accepted_for, capfd
):
    jobs = [await accepted_for(of, {method: seal(method, of) for method in BOTH}) for of in TOKENS]
    jobs.append(await accepted_for("without", {}))
    for job_id in jobs:
        await studio.work(job_id)
        assert await states(db, job_id) == DONE
    assert await made(studio) == sorted(
        [("own", "own"), ("second", "second"), ("without", PLATFORM)] * 2
    )
    of_each = {caller: {"POST": 1} for caller in (*TOKENS, PLATFORM)}
    assert await callers(studio) == {"payments": of_each, "credits": of_each}
    kept, said = repr(await studio.everything()), "".join(capfd.readouterr())
    assert not any(token in kept or token in said for token in TOKENS.values())


@pytest.mark.parametrize("method", BOTH)
async def test_a_token_for_one_upstream_is_sent_to_that_one_alone(studio, db, accepted_for, method):
    job_id = await accepted_for("own", {method: seal(method, "own")})
    await run_slice(studio.runtime, job_id, seconds=5)
    with_own = BOOK[method]
    [without] = set(BOOK.values()) - {with_own}
    assert await callers(studio) == {
        with_own: {"own": {"POST": 1}},
        without: {PLATFORM: {"POST": 1}},
    }
    assert await made(studio) == [("own", "own")], (
        "where the business has a token, the platform's speaks for nothing"
    )


@pytest.mark.parametrize("faults", [{"drop_after": 1}, {"pending": 1, "pending_seconds": 0.1}])
async def test_what_is_not_known_is_looked_up_by_the_token_that_asked_for_it(
    studio, db, accepted_for, faults
):
    job_id = await accepted_for("own", {method: seal(method, "own") for method in BOTH})
    await studio.faults(**faults, look_ups=False)
    await studio.work(job_id)
    assert await states(db, job_id) == DONE
    for of_upstream in (await callers(studio)).values():
        assert of_upstream.keys() == {"own"}
        assert of_upstream["own"]["POST"] == 1, "found, and not asked for again"
        assert of_upstream["own"]["GET"] >= 1
    assert await made(studio) == [("own", "own")] * 2


@pytest.mark.parametrize("look_up_first", [False, True])
async def test_after_a_revoked_token_the_new_one_is_sent_from_the_next_slice_on(
    studio, db, accepted_for, look_up_first
):
    if look_up_first:
        changed = studio.runtime.settings.model_copy(update={"look_up_first": True})
        studio.runtime = dataclasses.replace(studio.runtime, settings=changed)
    job_id = await accepted_for("own", {method: seal(method, "own", "revoked") for method in BOTH})
    assert await run_slice(studio.runtime, job_id, seconds=5) > 0
    assert await callers(studio) == {"payments": {}, "credits": {}}, (
        "known by no token: refused, all of them"
    )
    assert not {status for _, status, _ in await states(db, job_id)} & {"succeeded", "rejected"}
    await put(studio, "own", {method: seal(method, "own") for method in BOTH})
    await studio.work(job_id)
    assert await states(db, job_id) == DONE
    assert await made(studio) == [("own", "own")] * 2


WHY = [
    "another sealing key",
    "no sealing key",
    "no seal",
    "a broken file",
    "another row's seal",
    "another column's",
]


def unreadable(method, why):
    (other,) = set(BOTH) - {method}
    return {
        "another sealing key": seal(method, "own", sealed_by=Fernet.generate_key()),
        "no seal": "not a seal",
        "another row's seal": seal(method, "second"),
        "another column's": seal(other, "own"),
    }.get(why, seal(method, "own"))


@pytest.mark.parametrize(("why", "method"), [*zip(WHY, itertools.cycle(BOTH))])
async def test_with_a_token_that_cannot_be_opened_nothing_is_sent_there_and_all_else_goes_on(
    studio, db, accepted_for, method, why, tmp_path, capfd
):
    broken = tmp_path / "secrets.key"
    broken.write_text("no key")
    changes = {
        "no sealing key": {"secrets_key": None, "redis_url": "redis://127.0.0.1:1"},
        "a broken file": {"secrets_key": None, "secrets_file": broken},
    }.get(why, {})
    runtime = studio.runtime
    there = Runtime(
        runtime.db, runtime.queue, runtime.gateways, runtime.settings.model_copy(update=changes)
    )
    job_id = await accepted_for("own", {method: unreadable(method, why)})
    assert await run_slice(there, job_id, seconds=5) > 0
    asked = await callers(studio)
    assert asked.pop(BOOK[method]) == {}, "nothing, and least of all by the platform's token"
    assert [*asked.values()] == [{PLATFORM: {"POST": 1}}], (
        "the other upstream's calls are not in its way"
    )
    assert (method, "pending", "unavailable", 0) in await states(
        db, job_id, "method", "status", "failure_code", "attempts"
    )
    said = "".join(capfd.readouterr())
    assert "upstream_token.unreadable" in said
    assert '"level":"error"' in said.replace(" ", "")
    other = await accepted_for("second", {one: seal(one, "second") for one in BOTH})
    await studio.work(other)
    assert await states(db, other) == DONE
    await put(studio, "own", {method: seal(method, "own")})
    await studio.work(job_id)
    assert [one for one in await made(studio) if one[0] == "own"] == [("own", "own")]


async def test_while_it_is_looked_up_a_token_that_cannot_be_opened_tells_nothing(
    studio, db, accepted_for
):
    job_id = await accepted_for("own", {method: seal(method, "own") for method in BOTH})
    await studio.faults(answer_500_after=1, look_ups=True)
    await run_slice(studio.runtime, job_id, seconds=5)
    await studio.faults()
    await put(studio, "own", dict.fromkeys(BOTH, "not a seal"))
    async with db.write() as conn:
        await conn.execute(sa.update(tables.refunds).values(due_at=tables.now()))
    asked = await callers(studio)
    await run_slice(studio.runtime, job_id, seconds=5)
    assert await callers(studio) == asked
    assert {status for _, status, _ in await states(db, job_id)} == {"indeterminate"}
    await put(studio, "own", {method: seal(method, "own") for method in BOTH})
    await studio.work(job_id)
    assert await states(db, job_id) == DONE
    assert await made(studio) == [("own", "own")] * 2


@pytest.mark.parametrize(
    ("provider", "account", "payments"),
    [
        ("http", StripeAccount("acct_1"), SecretKeyAccount("t-payments")),
        ("stripe", StripeAccount("acct_1"), ConnectedAccount("acct_1")),
        ("stripe", StripeAccount(), None),
        (
            "stripe",
            StripeAccount(reverse_transfer=True),
            PlatformAccount(reverse_transfer=True),
        ),
    ],
)
async def test_beside_payments_at_stripe_credits_have_their_token_and_no_payment_has_one(
    studio, db, settings, provider, account, payments
):
    tokens = {
        Method.PAYMENT: seal(Method.PAYMENT, "studio", "t-payments"),
        Method.CREDIT: seal(Method.CREDIT, "studio", "t-credits"),
    }
    await put(studio, "studio", tokens)
    async with db.write() as conn:
        await stripe_accounts.put(conn, "studio", account)
        runtime = Runtime(
            db, studio.queue, {}, settings.model_copy(update={"payments_provider": provider})
        )
        found = await payment_account.accounts_of_business(runtime, conn, "studio")
    assert found == {
        UpstreamMethod.PAYMENT: payments,
        UpstreamMethod.CREDIT: SecretKeyAccount("t-credits"),
    }
