"""Commands as an operator types them: what they do, and one line for what can be mended."""

import asyncio
import datetime as dt
import gzip
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from acceptance.terminal import PATIENCE_SECONDS, WEEK, Terminal, lines, serving
from typer.testing import CliRunner

from app.auth.keys import Scope, authenticate
from app.auth.roles import SCOPES_OF_ROLES, Role
from app.cli import cli
from app.db.core.engine import Database
from app.db.schema import found_in, newest_version
from app.errors import Unauthenticated

COMMANDS = [
    ["demo"],
    ["api"],
    ["worker"],
    ["sandbox"],
    ["migrate"],
    ["business", "create"],
    ["business", "list"],
    ["business", "show"],
    ["business", "set"],
    ["business", "limits"],
    ["business", "stripe"],
    ["business", "upstream"],
    ["database", "isolate"],
    ["database", "show"],
    ["keys", "create"],
    ["keys", "list"],
    ["keys", "rotate"],
    ["keys", "revoke"],
    ["messages", "bounce"],
    ["import"],
    ["verify"],
    ["check-audit"],
]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/not/yet/there.db"
    return request.getfixturevalue("empty_postgresql_url")


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
    assert listed[5:] == ["in force", "-", "-", "-", "-\n"]
    studio.ok("keys", "revoke", key)
    assert "revoked 20" in studio.ok("keys", "list")
    assert "no key in force" in studio.told("keys", "revoke", prefix)


def test_a_key_has_all_scopes_unless_some_are_named(studio_on_sqlite):
    studio_on_sqlite.ok("keys", "create", "studio")
    assert studio_on_sqlite.ok("keys", "list").split("\t")[3] == " ".join(sorted(Scope))


def test_a_key_is_limited_to_locations_and_then_has_nothing_of_the_whole_business(studio_on_sqlite):
    places = ("--location=Harbour", "--location=Hill, above")
    code, _, refused = studio_on_sqlite.run("keys", "create", "studio", *places)
    assert code == 2
    assert "can't have business:manage, schedule:write, terms:write, webhooks:manage" in refused
    studio_on_sqlite.ok("keys", "create", "studio", "--role=front_desk", *places)
    listed = studio_on_sqlite.ok("keys", "list").rstrip("\n").split("\t")
    assert listed[-1] == "Harbour, Hill, above"


def test_a_key_has_a_role_and_an_end_and_is_rotated_with_an_overlap(studio, database_url):
    key = studio.ok("keys", "create", "studio", "--role=front_desk", "--expires-in-days=30").strip()
    renewed = studio.ok("keys", "rotate", key).strip()
    assert renewed.split("_")[1] == key.split("_")[1]
    assert renewed != key

    async def scopes_of(*tokens):
        db = Database(database_url)
        try:
            return [(await authenticate(db, f"Bearer {one}")).scopes for one in tokens]
        finally:
            await db.close()

    assert asyncio.run(scopes_of(key, renewed)) == [SCOPES_OF_ROLES[Role.FRONT_DESK]] * 2
    listed = studio.ok("keys", "list", "studio").rstrip("\n").split("\t")
    assert listed[3] == " ".join(sorted(SCOPES_OF_ROLES[Role.FRONT_DESK]))
    assert (listed[5], listed[6]) == ("in force", "front_desk")
    end = dt.datetime.fromisoformat(listed[7]) - dt.datetime.fromisoformat(listed[4])
    assert abs(end - dt.timedelta(days=30)) < dt.timedelta(hours=1)

    last = studio.ok("keys", "rotate", key, "--overlap-hours=0").strip()
    with pytest.raises(Unauthenticated):
        asyncio.run(scopes_of(renewed))
    assert asyncio.run(scopes_of(last))
    assert "no key in force" in studio.told("keys", "rotate", "x" * 12)


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
        ["business", "set", "a"],
        ["business", "set", "a", "--timezone=Mars/Base"],
        ["business", "set", "a", "--currency=euro"],
        ["business", "set", "a", "--suspend= "],
        ["business", "set", "a", "--suspend=unpaid", "--unsuspend"],
        ["keys", "create"],
        ["keys", "create", "a", "--platform"],
        ["keys", "create", "--platform", "--role=owner"],
        ["keys", "create", "a", "--scope=platform:admin"],
        ["keys", "create", "a", "--scope=everything"],
        ["keys", "create", "a", "--role=king"],
        ["keys", "create", "a", "--role=owner", "--scope=audit:read"],
        ["keys", "create", "a", "--expires-in-days=0"],
        ["keys", "rotate", "a", "--overlap-hours=-1"],
        ["api", "--port=70000"],
        ["nonsense"],
    ],
)
def test_a_wrong_usage_exits_with_two(wrong):
    refused = CliRunner().invoke(cli, wrong)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Error: " in refused.stderr


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
            f"{address}/v1/bulk-cancellations",
            json=body,
            headers=headers,
            timeout=PATIENCE_SECONDS,
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
