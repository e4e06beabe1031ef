import asyncio
import base64
import contextlib
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from app.auth.keys import Scope, authenticate
from app.cli import cli
from app.db.access import stripe_accounts, upstream_tokens
from app.db.access.encrypted import credits_token, payments_token, stripe_key
from app.db.access.stripe_accounts import StripeAccount
from app.db.access.upstream_tokens import SealedTokens
from app.db.core.engine import Database
from app.db.schema import found_in, newest_version
from app.encryption import SecretBox

COMMANDS = [
    ["demo"],
    ["api"],
    ["worker"],
    ["sandbox"],
    ["migrate"],
    ["business", "create"],
    ["business", "limits"],
    ["business", "stripe"],
    ["business", "upstream"],
    ["keys", "create"],
    ["keys", "list"],
    ["keys", "revoke"],
    ["import"],
    ["verify"],
]

SANDBOX = {"payments_url": "sandbox", "credits_url": "sandbox"}
PATIENCE_SECONDS = 300  # with what comes if all is well, on a busy machine; holds are longer


def environment(**settings):
    left_out = ("BULK_CANCEL_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    named = {f"BULK_CANCEL_{name.upper()}": str(value) for name, value in settings.items()}
    return inherited | named


class Terminal:
    """Runs the command line as an operator would, in a directory of its own: in a fork."""

    def __init__(self, zygote, cwd, **settings):
        self.zygote = zygote
        self.cwd = cwd
        self.settings = settings

    def start(self, *arguments, **more):
        """A server, and what ends it."""
        log = self.cwd / f"{arguments[0]}-{time.monotonic_ns()}.log"
        log.touch()
        return self.zygote.start(arguments, self._named(more), self.cwd, log)

    def _named(self, more):
        return {
            f"BULK_CANCEL_{name.upper()}": str(value)
            for name, value in (self.settings | more).items()
        }

    def run(self, *arguments, stdin="", **more):
        code, out, err = self.zygote.command(arguments, self._named(more), self.cwd, stdin)
        assert "Traceback" not in err
        return code, out, err

    def ok(self, *arguments, **more):
        code, out, err = self.run(*arguments, **more)
        assert code == 0, err
        return out

    def told(self, *arguments, code=1, **more):
        """The one line of an error."""
        got, out, err = self.run(*arguments, **more)
        assert got == code, err
        assert out == ""
        (line,) = err.splitlines()
        return line


@pytest.fixture
def terminal(zygote, database_url, tmp_path):
    return Terminal(zygote, tmp_path, database_url=database_url, **SANDBOX)


@pytest.fixture
def on_sqlite(zygote, sqlite_url, tmp_path):
    return Terminal(zygote, tmp_path, database_url=sqlite_url, **SANDBOX)


@pytest.fixture
def studio(terminal):
    terminal.ok(
        "business",
        "create",
        "studio",
        "--name=Studio",
        "--timezone=Europe/Lisbon",
        "--currency=EUR",
    )
    return terminal


@pytest.fixture
def studio_on_sqlite(on_sqlite):
    on_sqlite.ok(
        "business",
        "create",
        "studio",
        "--name=Studio",
        "--timezone=Europe/Lisbon",
        "--currency=EUR",
    )
    return on_sqlite


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/not/yet/there.db"
    return request.getfixturevalue("empty_postgresql_url")


@contextlib.contextmanager
def serving(terminal, *arguments, **more):
    """A server process, and the address it told; killed if it is still there at the end."""
    process = terminal.start(*arguments, **more)

    def told():
        assert process.alive, process.log.read_text()
        return re.search(r"http://127\.0\.0\.1:[1-9]\d*(?=\D)", process.log.read_text())

    try:
        yield process, wait_until(told)[0]
    finally:
        if process.alive:
            process.kill()


def wait_until(found, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.05)
    return pytest.fail("it did not happen in time")


@pytest.fixture
def ends_soon(zygote):
    """`ends_soon(process)`: it ends by itself when told to; a hold or a stream takes minutes."""

    def ends(process):
        process.end(PATIENCE_SECONDS)
        err = process.log.read_text()
        assert zygote.ended(process.pid) == 0, err
        assert "Traceback" not in err
        return True

    return ends


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command):
    explained = CliRunner().invoke(cli, [*command, "--help"], prog_name="bulk-cancel")
    assert explained.exit_code == 0
    assert explained.stdout.startswith(f"Usage: bulk-cancel {' '.join(command)}")


def test_four_processes_migrate_an_empty_database_at_once(zygote, empty_database_url, tmp_path):
    terminal = Terminal(zygote, tmp_path, database_url=empty_database_url)
    with ThreadPoolExecutor(4) as side_by_side:
        ended = list(side_by_side.map(lambda _: terminal.run("migrate"), range(4)))
    assert ended == [(0, "", f"The schema is at version {newest_version()}.\n")] * 4

    async def version():
        db = Database(empty_database_url)
        found = (await found_in(db)).version
        await db.close()
        return found

    assert asyncio.run(version()) == newest_version()


def test_a_key_is_printed_alone_and_works_until_it_is_revoked(studio, database_url):
    key = studio.ok(
        "keys", "create", "studio", "--scope=schedule:read", "--name=front desk"
    ).strip()

    async def caller():
        db = Database(database_url)
        try:
            return await authenticate(db, f"Bearer {key}")
        finally:
            await db.close()

    who = asyncio.run(caller())
    assert (who.name, who.scopes, who.timezone) == (
        "key:front desk",
        {"schedule:read"},
        "Europe/Lisbon",
    )
    prefix = key.split("_")[1]
    listed = studio.ok("keys", "list", "studio").split("\t")
    assert listed[:4] == [prefix, "studio", "front desk", "schedule:read"]
    assert listed[5] == "in force\n"
    studio.ok("keys", "revoke", key)
    assert "revoked 20" in studio.ok("keys", "list")
    assert "no key in force" in studio.told("keys", "revoke", prefix)


def test_a_key_has_all_scopes_unless_some_are_named(studio_on_sqlite):
    studio_on_sqlite.ok("keys", "create", "studio")
    assert studio_on_sqlite.ok("keys", "list").split("\t")[3] == " ".join(sorted(Scope))


def test_what_an_operator_can_mend_is_told_in_one_line(studio_on_sqlite, tmp_path):
    terminal = studio_on_sqlite
    create = ("business", "create", "studio", "--name=Studio", "--timezone=UTC", "--currency=EUR")
    assert terminal.told(*create) == "bulk-cancel: There is a business studio already."
    assert terminal.told("keys", "create", "nobody") == "bulk-cancel: There is no business nobody."
    assert terminal.told("import", "absent.ndjson", "--business=studio").endswith("absent.ndjson")
    (tmp_path / "empty.ndjson").touch()
    assert terminal.told("import", "empty.ndjson", "--business=nobody").endswith(
        "no business nobody."
    )
    assert "can't be reached" in terminal.told(
        "keys", "list", database_url="postgresql+asyncpg://postgres@127.0.0.1:1/none"
    )
    assert "can't be reached" in terminal.told(
        "keys", "list", database_url="sqlite+aiosqlite:////dev"
    )
    for command in (("api", "--port=0"), ("keys", "list"), ("verify",)):
        told = terminal.told(*command, database_url="sqlite+aiosqlite:///mistyped/new.db")
        assert "no database at" in told
        assert "bulk-cancel migrate" in told
    assert not (tmp_path / "mistyped").exists()
    (tmp_path / "new.db").touch()
    assert "no schema yet. Run: bulk-cancel migrate" in terminal.told(
        "api", "--port=0", database_url="sqlite+aiosqlite:///new.db"
    )
    assert "BULK_CANCEL_DATABASE_URL" in terminal.told("migrate", database_url="nonsense")
    assert "BULK_CANCEL_LOG_LEVEL" in terminal.told("keys", "list", log_level="loud")
    assert "BULK_CANCEL_REDIS_URL is not set" in terminal.told("worker")
    assert "BULK_CANCEL_SANDBOX_URL" in terminal.told("worker", redis_url="redis://127.0.0.1:1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} on 127.0.0.1 is in use" in terminal.told("api", f"--port={port}")
        assert f"Port {port} on 127.0.0.1 is in use" in terminal.told("sandbox", f"--port={port}")


@pytest.mark.parametrize(
    "wrong",
    [
        ["business", "create", "a b", "--name=N", "--timezone=UTC", "--currency=EUR"],
        ["business", "create", "a", "--name=N", "--timezone=Mars/Base", "--currency=EUR"],
        ["business", "create", "a", "--name=N", "--timezone=localtime", "--currency=EUR"],
        ["business", "create", "a", "--name=N", "--timezone=../etc/passwd", "--currency=EUR"],
        ["business", "create", "a", "--name=N", "--timezone=UTC", "--currency=euro"],
        ["business", "create", "a", "--name=N", "--timezone=UTC", "--currency=XAU"],
        ["business", "create", "a", "--name=", "--timezone=UTC", "--currency=EUR"],
        ["keys", "create", "a", "--scope=everything"],
        ["api", "--port=70000"],
        ["nonsense"],
    ],
)
def test_a_wrong_usage_exits_with_two(wrong):
    refused = CliRunner().invoke(cli, wrong)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Error: " in refused.stderr


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


WEEK = (
    {"type": "client", "id": "c1", "name": "Ada"},
    {
        "type": "session",
        "id": "s1",
        "name": "Yoga",
        "starts_at": "2026-11-23T09:00:00Z",
        "ends_at": "2026-11-23T10:00:00Z",
    },
    {
        "type": "booking",
        "id": "b1",
        "session_id": "s1",
        "client_id": "c1",
        "status": "booked",
        "payments": [],
    },
)
NEW = "sessions: 1 created, 0 updated, 0 unchanged\nclients: 1 created, 0 updated, 0 unchanged\n"
SAME = "sessions: 0 created, 0 updated, 1 unchanged\nclients: 0 created, 0 updated, 1 unchanged\n"


def test_a_schedule_is_imported_and_the_same_file_again_changes_nothing(studio, tmp_path):
    (tmp_path / "week.ndjson").write_text(lines(*WEEK))
    (tmp_path / "week.ndjson.gz").write_bytes(gzip.compress(lines(*WEEK).encode()))
    assert studio.ok("import", "week.ndjson.gz", "--business=studio").startswith(NEW)
    assert studio.ok("import", "week.ndjson", "--business=studio").startswith(SAME)
    assert studio.ok("import", "-", "--business=studio", stdin=lines(*WEEK)).startswith(SAME)


def test_lines_that_are_refused_are_named_and_the_good_ones_kept(studio, tmp_path):
    (tmp_path / "week.ndjson").write_text(
        lines(*WEEK, {"type": "session", "id": "s2"}) + "{nonsense\n"
    )
    code, out, err = studio.run("import", "week.ndjson", "--business=studio")
    assert code == 1
    assert out.startswith(NEW)
    assert "line 4: /" in err
    assert "line 5: " in err
    assert err.splitlines()[-1] == "bulk-cancel: 2 of 5 lines were refused; the others are in."


def test_a_truncated_gzip_changes_nothing(studio, tmp_path):
    whole = gzip.compress(lines(*WEEK).encode())
    (tmp_path / "cut.ndjson.gz").write_bytes(whole[: len(whole) - 9])
    told = studio.told("import", "cut.ndjson.gz", "--business=studio")
    assert told.startswith("bulk-cancel: cut.ndjson.gz: The file is truncated or damaged")
    (tmp_path / "week.ndjson").write_text(lines(*WEEK))
    assert studio.ok("import", "week.ndjson", "--business=studio").startswith(NEW)


def test_the_books_are_checked_and_a_row_that_breaks_a_rule_is_named(studio, database_url):
    key = studio.ok("keys", "create", "studio").strip()
    studio.ok("import", "-", "--business=studio", stdin=lines(*WEEK))
    with serving(studio, "api", "--port=0") as (_, address):
        body = {
            "date_from": "2026-11-23",
            "date_to": "2026-11-23",
            "session_ids": "all",
            "hold_seconds": 600,
        }
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}
        accepted = httpx.post(
            f"{address}/v1/bulk-cancellations", json=body, headers=headers, timeout=PATIENCE_SECONDS
        )
    assert accepted.status_code == 202, accepted.text
    assert studio.ok("verify") == ""
    assert studio.ok("verify", "--business=studio") == ""
    assert studio.told("verify", "--business=nobody") == "bulk-cancel: There is no business nobody."

    async def misplace_the_cancellation():
        db = Database(database_url)
        async with db.write() as conn:
            await conn.exec_driver_sql(
                "UPDATE sessions SET status = 'scheduled', job_id = NULL, cancelled_at = NULL"
            )
        await db.close()

    asyncio.run(misplace_the_cancellation())
    code, out, err = studio.run("verify")
    assert code == 1
    assert accepted.json()["id"] in out
    assert "break an invariant" in err


def test_the_api_serves_embedded_and_ends_soon_after_sigterm(terminal, ends_soon):
    with (
        serving(terminal, "api", "--port=0") as (process, address),
        httpx.Client(base_url=address, timeout=PATIENCE_SECONDS) as client,
    ):
        assert client.get("/livez").json() == {"status": "alive"}
        assert client.get("/readyz").json()["status"] == "ready"
        assert "server" not in client.get("/livez").headers
        assert "cdn" not in client.get("/docs").text
        assert client.get("/docs/assets/swagger-ui-bundle.js").status_code == 200
        assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
        # The client's idle connection is still open, and must not keep the process.
        assert ends_soon(process)


def test_the_api_is_ready_though_degraded_without_its_redis(on_sqlite, ends_soon):
    with serving(
        on_sqlite,
        "api",
        "--port=0",
        redis_url="redis://127.0.0.1:1",
        sandbox_url="http://127.0.0.1:1",
    ) as (process, address):
        ready = httpx.get(f"{address}/readyz", timeout=PATIENCE_SECONDS)
        assert (ready.status_code, ready.json()["status"], ready.json()["redis"]) == (
            200,
            "degraded",
            "unreachable",
        )
        assert ends_soon(process)


def test_the_demo_is_up_with_a_week_that_can_be_cancelled_by_the_lines_it_prints(
    zygote, tmp_path, ends_soon
):
    with serving(Terminal(zygote, tmp_path), "demo", "--port=0") as (process, address):
        wait_until(lambda: "Ctrl-C" in process.log.read_text())
        told = process.log.read_text()
        key = re.search(r"bck_\w+", told)[0]
        body = json.loads(re.search(r"/plan -d '(.*)'", told)[1])
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "snow-day"}
        with httpx.Client(
            base_url=f"{address}/v1", headers=headers, timeout=PATIENCE_SECONDS
        ) as client:
            plan = client.post("/bulk-cancellations/plan", json=body).json()
            assert plan["totals"]["sessions"] == 45
            job = client.post("/bulk-cancellations", json=body).json()
            assert next(iter(job)) == "id"  # the printed line takes it from there
            audit = client.get(
                f"/bulk-cancellations/{job['id']}/audit.csv", params={"follow": "true"}
            ).text
            assert audit.count('"succeeded"') == plan["totals"]["refunds"]
            assert client.get(f"/bulk-cancellations/{job['id']}").json()["status"] == "completed"
        assert ends_soon(process)


def test_streams_end_at_once_on_sigterm_and_an_audit_that_is_not_whole_by_a_reset(
    studio, ends_soon
):
    """A follower of a job on hold would otherwise keep the process as long as the hold lasts."""
    key = studio.ok("keys", "create", "studio").strip()
    studio.ok("import", "-", "--business=studio", stdin=lines(*WEEK))
    body = {
        "date_from": "2026-11-23",
        "date_to": "2026-11-23",
        "session_ids": "all",
        "hold_seconds": 600,
    }
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}
    with (
        serving(studio, "api", "--port=0") as (process, address),
        httpx.Client(base_url=f"{address}/v1", headers=headers, timeout=PATIENCE_SECONDS) as client,
    ):
        accepted = client.post("/bulk-cancellations", json=body)
        assert accepted.status_code == 202, accepted.text
        job = f"/bulk-cancellations/{accepted.json()['id']}"
        with (
            client.stream("GET", f"{job}/events") as events,
            client.stream("GET", f"{job}/audit.csv?follow=true") as audit,
        ):
            assert b"event: progress" in next(events.iter_raw())
            parts = audit.iter_raw()
            assert b"job_id" in next(parts)
            assert ends_soon(process)
            with pytest.raises(httpx.TransportError):
                list(parts)


def test_the_sandbox_command_serves_both_upstreams(on_sqlite, ends_soon):
    with serving(on_sqlite, "sandbox", "--port=0", "--token=t") as (process, address):
        assert httpx.get(f"{address}/books", timeout=PATIENCE_SECONDS).status_code == 200
        look_up = f"{address}/payments/refunds?reference=x"
        assert httpx.get(look_up, timeout=PATIENCE_SECONDS).status_code == 401
        assert ends_soon(process)


def test_a_worker_that_ends_by_itself_is_started_again_and_sigterm_ends_both(on_sqlite, redis_url):
    upstream = "http://127.0.0.1:1"
    named = {"redis_url": redis_url, "payments_url": upstream, "credits_url": upstream}
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "worker"],
        cwd=on_sqlite.cwd,
        env=environment(**on_sqlite.settings | named),
        stderr=subprocess.PIPE,
    )
    try:
        first = wait_until(lambda: psutil.Process(supervisor.pid).children())[0]
        first.kill()
        second = wait_until(
            lambda: [c for c in psutil.Process(supervisor.pid).children() if c.pid != first.pid]
        )[0]
        wait_until(lambda: any("workers" in part for part in second.cmdline()))
        supervisor.send_signal(signal.SIGTERM)
        supervisor.communicate(timeout=PATIENCE_SECONDS)
        assert supervisor.returncode == 0
        assert not second.is_running()
    finally:
        supervisor.kill()
        supervisor.communicate()


def test_a_businesss_limits_are_printed_and_changed_one_by_one(studio):
    limits = ("business", "limits", "studio")
    assert studio.ok(*limits) == "credits-per-line\t1000\n"
    assert studio.ok(*limits, "--credits-per-line=2500") == "credits-per-line\t2500\n"
    for wrong in ("0", "-1", "1000000001", "2.5", "many", ""):
        code, out, err = studio.run(*limits, f"--credits-per-line={wrong}")
        assert (code, out) == (2, ""), err
        assert "--credits-per-line" in err
    assert studio.ok(*limits) == "credits-per-line\t2500\n"
    assert (
        studio.told("business", "limits", "nobody") == "bulk-cancel: There is no business nobody."
    )


# At whose Stripe account a business's payments are.

SEALING_KEY = "c2VhbGluZyBrZXkgb2YgMzIgYnl0ZXMsIG5vIG1vcmU="
STRIPE_KEY = "rk_test_51AbCdEf"


async def account_of(url, business):
    db = Database(url)
    async with db.read() as conn:
        account = await stripe_accounts.of_business(conn, business)
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
    assert STRIPE_KEY not in account.key_sealed
    assert SecretBox([SEALING_KEY]).open(account.key_sealed, stripe_key("studio")) == STRIPE_KEY
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
        tokens = await upstream_tokens.of_business(conn, business)
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

    seals = SecretBox([SEALING_KEY])
    assert now() == shown(PLATFORMS, PLATFORMS)
    out, said = now("credits", "--token-stdin", stdin=f"{TOKEN}\n")
    assert out == ""
    assert "credits" in said
    assert "its own token" in said
    tokens = asyncio.run(tokens_of(database_url, "studio"))
    assert TOKEN not in tokens.credits
    assert seals.open(tokens.credits, credits_token("studio")) == TOKEN
    assert now() == shown(PLATFORMS, "its own token")
    now("payments", "--token-stdin", stdin=TOKEN)
    tokens = asyncio.run(tokens_of(database_url, "studio"))
    assert seals.open(tokens.payments, payments_token("studio")) == TOKEN
    assert now("payments") == ("payments\tits own token\n", "")
    other = base64.urlsafe_b64encode(bytes(32)).decode()
    out, _ = studio.run("business", "upstream", "studio", "credits", secrets_key=other)[1:]
    assert "can't be opened here" in out
    _, said = now("credits", "--none")
    assert PLATFORMS in said
    assert now() == shown("its own token", PLATFORMS)
    assert asyncio.run(tokens_of(database_url, "studio")) == SealedTokens(tokens.payments)


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
    line = studio.told("reseal", secrets_key=new)
    assert all(column in line for column in columns)
    code, _, said = studio.run("reseal", secrets_key=f"{new} {old}")
    assert (code, said) == (0, "Sealed 3 secrets with the first key.\n")
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
