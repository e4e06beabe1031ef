"""Commands about accounts and tokens at upstreams: what is sealed, and is never shown."""

import asyncio
import base64

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from app.cli import cli
from app.db.access import stripe_accounts, upstream_tokens
from app.db.access.encrypted import credits_token, payments_token, stripe_key
from app.db.access.stripe_accounts import StripeAccount
from app.db.access.upstream_tokens import EncryptedTokens
from app.db.core.engine import Database
from app.encryption import SecretBox

# At whose Stripe account a business's payments are.

SEALING_KEY = "c2VhbGluZyBrZXkgb2YgMzIgYnl0ZXMsIG5vIG1vcmU="
STRIPE_KEY = "rk_test_51AbCdEf"


async def account_of(url, business):
    db = Database(url)
    async with db.read() as conn:
        account = await stripe_accounts.account_of_business(conn, business)
    await db.close()
    return account


def test_a_business_s_payments_are_where_the_operator_says_and_its_key_is_sealed_and_never_shown(
    studio, database_url
):
    def now(*arguments, **more):
        code, out, err = studio.run(
            "business", "stripe", "studio", *arguments, secrets_key=SEALING_KEY, **more
        )
        assert (code, out) == (0, ""), err
        return err, asyncio.run(account_of(database_url, "studio"))

    assert asyncio.run(account_of(database_url, "studio")) == StripeAccount()
    said, account = now("--account=acct_1AbC")
    assert "acct_1AbC" in said
    assert account == StripeAccount("acct_1AbC")
    said, account = now("--key-stdin", stdin=f"{STRIPE_KEY}\n")
    assert STRIPE_KEY not in said
    assert account.connected is None
    assert STRIPE_KEY not in account.encrypted_key
    assert (
        SecretBox([SEALING_KEY]).decrypt(account.encrypted_key, stripe_key("studio")) == STRIPE_KEY
    )
    said, account = now("--none", "--reverse-transfer", "--refund-application-fee")
    assert "the transfer and the platform's fee come back" in said
    assert account == StripeAccount(reverse_transfer=True, refund_application_fee=True)
    _, account = now("--none")
    assert account == StripeAccount()


def test_an_operator_is_told_that_what_is_under_way_moves_too(studio, database_url):
    async def a_job_is_open():
        db = Database(database_url)
        async with db.write() as conn:
            await conn.execute(
                sa.text(
                    "INSERT INTO jobs (id, business_id, idempotency_key, request_fingerprint, "
                    "status, date_from, date_to, include_attended, requested_by, requested_at, "
                    "due_at, accepted_sessions, expanded_sessions, totals, outcome_seq) "
                    "SELECT '019aab00-0000-7000-8000-000000000001', id, 'k', 'f', 'queued', "
                    "'2027-01-04', '2027-01-04', false, 'x', created_at, created_at, 0, 0, '{}', 0 "
                    "FROM businesses"
                )
            )
        await db.close()

    quiet = studio.run("business", "stripe", "studio", "--account=acct_1")[2]
    asyncio.run(a_job_is_open())
    told = studio.run("business", "stripe", "studio", "--account=acct_2")[2]
    assert "under way" not in quiet
    assert "under way" in told


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--account=acct_1", "--none"],
        ["--account=acct_1", "--key-stdin"],
        ["--key-stdin", "--none"],
        ["--account="],
        ["--account=acct_"],
        ["--account=1"],
        ["--account=sk_test_1"],
        ["--account=acct_1\nacct_2"],
        [f"--account=acct_{'1' * 251}"],
        ["--key-stdin=sk_test_1"],
        ["--reverse-transfer"],
        ["--account=acct_1", "--refund-application-fee"],
        ["--key-stdin", "--reverse-transfer"],
    ],
)
def test_what_is_no_account_or_more_than_one_is_a_wrong_usage(arguments):
    ended = CliRunner().invoke(cli, ["business", "stripe", "studio", *arguments], input="sk_test_1")
    assert ended.exit_code == 2, ended.output


@pytest.mark.parametrize(
    "key", [" \n", "pk_live_1", "sk_live_1 sk_live_2", "sk_live_ä", "x" * 10_000]
)
def test_what_is_no_secret_key_is_refused_and_not_repeated(studio_on_sqlite, key):
    line = studio_on_sqlite.told(
        "business", "stripe", "studio", "--key-stdin", stdin=key, secrets_key=SEALING_KEY
    )
    assert "no secret key of Stripe's" in line
    assert not key.strip() or key not in line


async def tokens_of(url, business):
    db = Database(url)
    async with db.read() as conn:
        tokens = await upstream_tokens.tokens_of_business(conn, business)
    await db.close()
    return tokens


TOKEN = "a-token|of:their/own=="
PLATFORMS = "the platform's token"


def test_a_business_s_token_for_an_upstream_is_sealed_and_what_is_set_is_said_without_it(
    studio, database_url
):
    def now(*arguments, **more):
        code, out, err = studio.run(
            "business", "upstream", "studio", *arguments, secrets_key=SEALING_KEY, **more
        )
        assert code == 0, err
        assert TOKEN not in out + err
        return out, err

    def shown(payments, credits_):
        return (f"payments\t{payments}\ncredits\t{credits_}\n", "")

    secret_box = SecretBox([SEALING_KEY])
    assert now() == shown(PLATFORMS, PLATFORMS)
    out, said = now("credits", "--token-stdin", stdin=f"{TOKEN}\n")
    assert out == ""
    assert "credits" in said
    assert "its own token" in said
    tokens = asyncio.run(tokens_of(database_url, "studio"))
    assert TOKEN not in tokens.credits
    assert secret_box.decrypt(tokens.credits, credits_token("studio")) == TOKEN
    assert now() == shown(PLATFORMS, "its own token")
    now("payments", "--token-stdin", stdin=TOKEN)
    tokens = asyncio.run(tokens_of(database_url, "studio"))
    assert secret_box.decrypt(tokens.payments, payments_token("studio")) == TOKEN
    assert now("payments") == ("payments\tits own token\n", "")
    other = base64.urlsafe_b64encode(bytes(32)).decode()
    out, _ = studio.run("business", "upstream", "studio", "credits", secrets_key=other)[1:]
    assert "can't be opened here" in out
    _, said = now("credits", "--none")
    assert PLATFORMS in said
    assert now() == shown("its own token", PLATFORMS)
    assert asyncio.run(tokens_of(database_url, "studio")) == EncryptedTokens(tokens.payments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--none"],
        ["--token-stdin"],
        ["payments", "--none", "--token-stdin"],
        ["stripe"],
        ["payments", "--token-stdin=t"],
    ],
)
def test_a_token_is_for_one_upstream_and_is_never_an_argument(arguments):
    ended = CliRunner().invoke(cli, ["business", "upstream", "studio", *arguments], input="t")
    assert ended.exit_code == 2, ended.output


@pytest.mark.parametrize("token", ["", " \n", "two tokens", "t\u00f6ken", "x" * 5000])
def test_what_is_no_bearer_token_is_refused_and_not_repeated(studio_on_sqlite, token):
    of_payments = ("business", "upstream", "studio", "payments")
    line = studio_on_sqlite.told(
        *of_payments, "--token-stdin", stdin=token, secrets_key=SEALING_KEY
    )
    assert "no bearer token" in line
    assert not token.strip() or token not in line
    assert studio_on_sqlite.ok(*of_payments) == f"payments\t{PLATFORMS}\n"


def test_a_token_needs_a_business_a_kept_secret_and_payments_that_are_not_at_stripe(
    studio_on_sqlite,
):
    put = ("business", "upstream", "studio", "payments", "--token-stdin")
    line = studio_on_sqlite.told(*put, stdin=TOKEN, redis_url="redis://127.0.0.1:1")
    assert "BULK_CANCEL_SECRETS_KEY is not set" in line
    at_stripe = {
        "payments_provider": "stripe",
        "payments_token": "sk_test_1",
        "secrets_key": SEALING_KEY,
    }
    at_stripe |= {"payments_url": "http://127.0.0.1:1", "credits_url": "http://127.0.0.1:1"}
    assert "business stripe studio" in studio_on_sqlite.told(*put, stdin=TOKEN, **at_stripe)
    assert (
        studio_on_sqlite.ok("business", "upstream", "studio", "payments")
        == f"payments\t{PLATFORMS}\n"
    )
    for arguments in ([], ["credits", "--none"], ["credits", "--token-stdin"]):
        line = studio_on_sqlite.told("business", "upstream", "nobody", *arguments, stdin=TOKEN)
        assert line == "bulk-cancel: There is no business nobody."


def test_after_sealing_anew_the_old_key_may_go(studio):
    old, new = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    columns = ("stripe_key_sealed", "payments_token_sealed", "credits_token_sealed")
    put = ("business", "stripe", "studio", "--key-stdin")
    assert studio.run(*put, stdin=STRIPE_KEY, secrets_key=old)[0] == 0
    for which in ("payments", "credits"):
        put = ("business", "upstream", "studio", which, "--token-stdin")
        assert studio.run(*put, stdin=TOKEN, secrets_key=old)[0] == 0
    line = studio.told("reencrypt", secrets_key=new)
    assert all(column in line for column in columns)
    code, _, said = studio.run("reencrypt", secrets_key=f"{new} {old}")
    assert (code, said) == (0, "Encrypted 3 secrets with the first key.\n")
    assert studio.run("reseal", secrets_key=new)[0] == 0
    assert (
        studio.ok("business", "upstream", "studio", "payments", secrets_key=new)
        == "payments\tits own token\n"
    )
    line = studio.told("reseal", secrets_key=old)
    assert all(column in line for column in columns)


def test_a_sandbox_is_told_the_tokens_of_businesses(on_sqlite):
    assert on_sqlite.run("sandbox", "--port=0", "--token-of=studio")[0] == 2


def test_where_no_secrets_are_kept_a_key_is_not_taken_and_there_must_be_a_business(
    studio_on_sqlite,
):
    in_production = {"redis_url": "redis://127.0.0.1:1"}
    stripe = ("business", "stripe")
    line = studio_on_sqlite.told(
        *stripe, "studio", "--key-stdin", stdin=STRIPE_KEY, **in_production
    )
    assert "BULK_CANCEL_SECRETS_KEY is not set" in line
    assert studio_on_sqlite.run(*stripe, "studio", "--account=acct_1", **in_production)[0] == 0
    assert (
        studio_on_sqlite.told(*stripe, "nobody", "--none")
        == "bulk-cancel: There is no business nobody."
    )
    broken = studio_on_sqlite.cwd / "broken.key"
    broken.write_text("no key")
    line = studio_on_sqlite.told(
        *stripe, "studio", "--key-stdin", stdin=STRIPE_KEY, secrets_file=broken
    )
    assert "holds no key" in line
