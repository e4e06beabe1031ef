"""Payments at Stripe accounts of businesses' own.

A Stripe that keeps books by account and by key is the judge.
"""

import asyncio
import itertools
from collections import defaultdict

import pytest
import sqlalchemy as sa
from alembic import command
from cryptography.fernet import Fernet
from starlette.responses import JSONResponse
from worlds.stripe import StripeApi, form_of, page_of, paid_by_stripe, refund_of
from worlds.studio import Desk, caller

from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.db import schema, tables
from app.db.access import stripe_accounts
from app.db.access.businesses import create as create_business
from app.db.access.encrypted import stripe_key
from app.db.access.stripe_accounts import StripeAccount
from app.db.core.engine import Database
from app.encryption import SecretBox
from app.refunds.runtime import Runtime
from app.refunds.slices.run import run_slice

PLATFORM, OWN = "sk_test_platform", "rk_test_oftheirown"
CONNECTED = "acct_1Connected"
SEALING_KEY = Fernet.generate_key().decode()


class Stripe(StripeApi):
    """A Stripe that knows some payments, each at one account, and shows nobody another's."""

    def __init__(self):
        self.at = {}  # the account of each payment
        self.keys = {PLATFORM: "platform", OWN: "their own"}
        self.refunds = defaultdict(list)  # by account, newest first
        self.asked = []  # (method, account) of every call
        self.answers_lost = 0  # refunds that are made and not answered for
        self._numbers = itertools.count(1)

    def account_of(self, request):
        """Whose a call is, by exactly one key, and by exactly one account if by any.

        None: the key is none.
        """
        [authorization] = request.headers.getlist("authorization")
        named = request.headers.getlist("stripe-account")
        account = self.keys.get(authorization.removeprefix("Bearer "))
        if named:
            assert account == "platform", "only the platform speaks for others"
            [account] = named
        self.asked.append((request.method, account))
        return account

    async def create(self, request):
        account = self.account_of(request)
        if account is None:
            return JSONResponse(
                {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}, 401
            )
        form = await form_of(request)
        if self.at.get(form["payment_intent"]) != account:
            error = {
                "type": "invalid_request_error",
                "code": "resource_missing",
                "message": "No such payment_intent",
            }
            return JSONResponse({"error": error}, 404)
        refund = refund_of(form, f"re_{next(self._numbers)}")
        self.refunds[account].insert(0, refund)
        if self.answers_lost:
            self.answers_lost -= 1
            return JSONResponse({"error": {"type": "api_error"}}, 500)
        return JSONResponse(refund)

    async def listed(self, request):
        account = self.account_of(request)
        payment = request.query_params["payment_intent"]
        found = [one for one in self.refunds[account] if one["payment_intent"] == payment]
        return page_of(found)

    def books(self):
        """The payments that were refunded at each account."""
        return {
            account: sorted(one["payment_intent"] for one in made)
            for account, made in self.refunds.items()
            if made
        }


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        payments_provider="stripe",
        payments_token=PLATFORM,
        upstream_timeout_seconds=2,
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=4,
        secrets_key=SEALING_KEY,
    )


@pytest.fixture
def peer():
    return Stripe()


@pytest.fixture
async def studio(studio, settings, peer):
    async with paid_by_stripe(studio, settings, peer):
        yield studio


@pytest.fixture
async def accepted_at(studio, db, peer):
    """Found a business at an account, with a booking of two payments there, and cancel it all.

    Gives the job's id.
    """

    async def accepted(business, account, at):
        async with db.write() as conn:
            await create_business(conn, business, name=business, timezone="UTC", currency="CAD")
            await stripe_accounts.put(conn, business, account)
        key = await create_key(db, business, "desk", Scope)
        http = caller(studio.app, key)
        desk = Desk(http)
        await desk.load(desk.record("client", "kim"), desk.record("session", "yoga"))
        booking = desk.record("booking", "two", "yoga", ("CAD", 2000), ("CAD", 700))
        for number, line in enumerate(booking["payments"]):
            line["payment_id"] = f"pi_{business}_{number}"
            peer.at[line["payment_id"]] = at
        await desk.load(booking)
        job = await desk.accepted()
        answer = await http.get("/v1/business")
        assert answer.status_code == 200, answer.text
        assert not any(word in answer.text for word in ("acct_", "stripe", OWN)), (
            "no API shows the account"
        )
        await http.aclose()
        return job["id"]

    return accepted


def own_key(key=OWN, *, sealed_by=SEALING_KEY, of="b"):
    return StripeAccount(encrypted_key=SecretBox([sealed_by]).encrypt(key, stripe_key(of)))


def refunds_at(*businesses):
    return sorted(f"pi_{business}_{number}" for business in businesses for number in (0, 1))


async def states(db, job_id):
    """Status and failure code of the job's refunds."""
    columns = (tables.refunds.c.status, tables.refunds.c.failure_code)
    async with db.read() as conn:
        found = await conn.execute(sa.select(*columns).where(tables.refunds.c.job_id == job_id))
        return sorted(map(tuple, found))


async def run(studio, job_id, **settings):
    runtime = studio.runtime
    if settings:
        runtime = Runtime(
            runtime.db,
            runtime.queue,
            runtime.gateways,
            runtime.settings.model_copy(update=settings),
            lambda: 0.0,
        )
    return await run_slice(runtime, job_id, seconds=5)


async def test_each_business_is_refunded_at_its_own_account_and_by_its_own_key(
    studio, db, accepted_at, peer, capfd
):
    jobs = [
        await accepted_at("on-the-platform", StripeAccount(), "platform"),
        await accepted_at("connected", StripeAccount(CONNECTED), CONNECTED),
        await accepted_at("with-a-key", own_key(of="with-a-key"), "their own"),
    ]
    for job_id in jobs:
        await studio.work(job_id)
        assert await states(db, job_id) == [("succeeded", None)] * 2
    assert peer.books() == {
        "platform": refunds_at("on-the-platform"),
        CONNECTED: refunds_at("connected"),
        "their own": refunds_at("with-a-key"),
    }
    kept = repr(await studio.everything())
    assert CONNECTED in kept
    assert OWN not in kept
    assert OWN not in "".join(capfd.readouterr())


@pytest.mark.parametrize("account", [CONNECTED, "their own", "platform"])
async def test_what_was_never_answered_is_looked_up_where_it_was_sent(
    studio, db, accepted_at, peer, account
):
    given = {
        CONNECTED: StripeAccount(CONNECTED),
        "their own": own_key(),
        "platform": StripeAccount(),
    }[account]
    job_id = await accepted_at("b", given, account)
    peer.answers_lost = 2
    await studio.work(job_id)
    assert await states(db, job_id) == [("succeeded", None)] * 2
    assert sorted(peer.asked) == [("GET", account)] * 2 + [("POST", account)] * 2
    assert peer.books() == {account: refunds_at("b")}


async def test_a_business_that_moves_is_asked_for_at_its_new_account_from_the_next_slice_on(
    studio, db, accepted_at, peer
):
    job_id = await accepted_at("b", own_key("sk_test_revoked"), CONNECTED)
    assert await run(studio, job_id) > 0
    assert set(peer.asked) == {("POST", None)}
    assert await states(db, job_id) == [("pending", "unavailable")] * 2
    async with db.write() as conn:
        await stripe_accounts.put(conn, "b", StripeAccount(CONNECTED))
    await studio.work(job_id)
    assert peer.books() == {CONNECTED: refunds_at("b")}


@pytest.mark.parametrize(
    "why",
    ["another sealing key", "no sealing key", "no seal", "a broken file", "another row's seal"],
)
async def test_with_a_key_that_cannot_be_opened_nothing_is_sent_and_others_go_on(
    studio, db, accepted_at, peer, why, tmp_path, capfd
):
    account = own_key(of="unreadable")
    account = (
        own_key(sealed_by=Fernet.generate_key(), of="unreadable")
        if why == "another sealing key"
        else account
    )
    account = own_key(of="readable") if why == "another row's seal" else account
    account = StripeAccount(encrypted_key="not a seal") if why == "no seal" else account
    broken = tmp_path / "secrets.key"
    broken.write_text("no key")
    changes = {
        "no sealing key": {"secrets_key": None, "redis_url": "redis://127.0.0.1:1"},
        "a broken file": {"secrets_key": None, "secrets_file": broken},
    }.get(why, {})
    job_id = await accepted_at("unreadable", account, "their own")
    assert await run(studio, job_id, **changes) > 0
    assert peer.asked == [], "nothing, and least of all by the platform's key"
    assert await states(db, job_id) == [("pending", "unavailable")] * 2
    said = "".join(capfd.readouterr())
    assert "stripe_key.unreadable" in said
    assert '"level":"error"' in said.replace(" ", "")
    other = await accepted_at("readable", own_key(of="readable"), "their own")
    await studio.work(other)
    assert peer.books() == {"their own": refunds_at("readable")}
    async with db.read() as conn:
        attempts = await conn.scalars(
            sa.select(tables.refunds.c.attempts).where(tables.refunds.c.job_id == job_id)
        )
        assert set(attempts) == {0}
    async with db.write() as conn:
        await stripe_accounts.put(conn, "unreadable", own_key(of="unreadable"))
    await studio.work(job_id)
    assert peer.books() == {"their own": refunds_at("readable", "unreadable")}


async def test_while_a_refund_is_looked_up_a_key_that_cannot_be_opened_tells_nothing(
    studio, db, accepted_at, peer
):
    job_id = await accepted_at("b", own_key(), "their own")
    peer.answers_lost = 2
    await run(studio, job_id)
    async with db.write() as conn:
        await stripe_accounts.put(conn, "b", own_key(sealed_by=Fernet.generate_key()))
        await conn.execute(sa.update(tables.refunds).values(due_at=tables.now()))
    asked = list(peer.asked)
    await run(studio, job_id)
    assert peer.asked == asked
    assert [status for status, _ in await states(db, job_id)] == ["indeterminate"] * 2
    async with db.write() as conn:
        await stripe_accounts.put(conn, "b", own_key())
    await studio.work(job_id)
    assert peer.books() == {"their own": refunds_at("b")}


async def test_a_business_is_at_one_account_at_most(db, studio):
    with pytest.raises(sa.exc.IntegrityError, match="at_one_stripe_account"):
        async with db.write() as conn:
            await stripe_accounts.put(conn, "studio", StripeAccount(CONNECTED, "x"))


async def test_a_secret_box_is_made_once_in_a_process_and_only_where_a_secret_is_encrypted(
    studio, settings, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "var" / "secrets.key"
    own = settings.model_copy(update={"secrets_key": None, "secrets_file": file})
    runtime = Runtime(studio.db, studio.queue, {}, own)
    assert not file.exists()
    assert runtime.secret_box() is runtime.secret_box()
    assert file.exists()


def test_businesses_and_what_is_theirs_outlive_the_revision_up_and_down(database_url):
    async def found(*, make=False):
        db = Database(database_url)
        if make:
            async with db.write() as conn:
                await create_business(conn, "b", name="B", timezone="UTC", currency="CAD")
                await stripe_accounts.put(conn, "b", StripeAccount(CONNECTED))
            await create_key(db, "b", "desk", Scope)
        columns = ("id", "name", "timezone", "currency", "created_at")
        async with db.read() as conn:
            kept = (
                await conn.execute(sa.select(*(tables.businesses.c[name] for name in columns)))
            ).all()
            # The others are of later revisions.
            of_keys = ("id", "business_id", "prefix", "secret_hash", "name", "created_at")
            keys = (
                await conn.execute(sa.select(*(tables.api_keys.c[name] for name in of_keys)))
            ).all()
            broken = (
                []
                if db.is_postgresql
                else (await conn.exec_driver_sql("PRAGMA foreign_key_check")).all()
            )
        await db.close()
        assert not broken
        return kept, keys

    before = asyncio.run(found(make=True))
    assert all(map(len, before))
    config = schema._config()
    config.attributes["database_url"] = database_url
    command.downgrade(config, "0005")
    assert asyncio.run(found()) == before
    command.upgrade(config, "head")
    assert asyncio.run(found()) == before
