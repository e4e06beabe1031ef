"""The machine of the database is lost in mid-job; what deploy/database restores is gone on with.

First it is tried on a copy, as an operator should often: the drill says what a restore would take
and what it would lose. Then it is done.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from crash.own_postgresql import BreakablePostgresql, own_postgresql
from crash.processes import ROOT, until
from crash.week import assert_audit_tells_the_books, assert_once, audit_rows, week

from app.db.schema import migrate

HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}
SCRIPTS = ROOT / "deploy" / "database"
MADE = week(400)


@pytest.fixture
def primary() -> Iterator[BreakablePostgresql]:
    with own_postgresql() as one:
        migrate(one.url)
        yield one


@contextmanager
def backed_up(primary: BreakablePostgresql) -> Iterator[tuple[Path, Path]]:
    """A base backup, and a folder that receives all that is committed, from before it on."""
    backup, wal = primary.another("backup"), primary.another("wal")
    (wal.folder / "data").mkdir()
    shutil.chown(wal.folder / "data", primary.owner)
    primary.ask("SELECT pg_create_physical_replication_slot('backup', true)::text")
    receiving = subprocess.Popen(
        [
            primary.programs / "pg_receivewal",
            *primary.whence,
            "--slot=backup",
            f"--directory={wal.folder / 'data'}",
            "--synchronous",
            "--no-loop",
        ],
        user=primary.user,
        cwd=primary.folder,
    )
    try:
        until(lambda: primary.ask("SELECT count(*) FROM pg_stat_replication"))
        backup.run("pg_basebackup", *primary.whence, "--checkpoint=fast", "--wal-method=none")
        wait_for_wal(primary)
        yield backup.folder / "data", wal.folder / "data"
    finally:
        receiving.terminate()
        receiving.wait()


def wait_for_wal(primary: BreakablePostgresql) -> None:
    """Until all that is committed by now has been received."""
    # A transaction: what is not committed is not even written on a quiet server.
    is_there = "SELECT bool_and(flush_lsn >= '{}')::int FROM pg_stat_replication"
    until(
        partial(
            primary.ask,
            is_there.format(primary.ask("SELECT pg_logical_emit_message(true, '', '')::text")),
        )
    )


def script(
    primary: BreakablePostgresql, name: str, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts, with PostgreSQL's programs and ours on the PATH."""
    programs = f"{primary.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [SCRIPTS / name, *arguments],
        cwd=primary.folder,
        env={"PATH": programs, "LANG": "C.UTF-8", "TMPDIR": str(primary.folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_lost_database_is_tried_and_then_restored_and_gone_on_with(
    primary, found_towns, redis_url, violations
):
    town = found_towns(primary.url, redis_url=redis_url, concurrency=3, log_level="warning")
    town.settle_in(MADE)
    town.faults(**HARD, latency_seconds=0.05)
    servers = [town.api(), town.worker()]
    with backed_up(primary) as (backup, wal):
        job_id = town.cancel_all()
        until(lambda: town.effects() > len(MADE.lines) // 4)
        live = primary.url.replace("+asyncpg", "")
        tried = script(primary, "drill", backup, wal, "postgres", live)
        assert tried.returncode == 0, tried.stderr
        print(f"\n{tried.stdout}")
        assert re.search(r"^recovery time   \d+ s: copied in", tried.stdout, re.MULTILINE)
        assert re.search(r"^recovery point  [\d.]+ s behind", tried.stdout, re.MULTILINE)
        assert "books           in order" in tried.stdout
        primary.stop_at_once()
    for server in servers:
        server.kill()

    restored = primary.another("restored")
    done = script(primary, "restore", backup, wal, restored.folder / "data")
    assert done.returncode == 0, done.stderr
    restored.start()
    until(lambda: not restored.ask("SELECT pg_is_in_recovery()::int"))
    town.settings |= {"database_url": restored.url, "look_up_first": "true"}
    town.api()
    town.worker()
    assert town.wait_for(job_id)["status"] == "completed"
    books = town.books()
    assert_once(books, MADE.lines)
    assert_audit_tells_the_books(books, audit_rows(town.audit(job_id)))
    for server in town.servers[1:]:
        server.kill()
    assert not violations(restored.url)
    restored.stop_at_once()


def test_a_restore_of_what_is_no_backup_says_so_and_leaves_nothing(primary):
    empty, target = primary.another("empty"), primary.another("target")
    done = script(primary, "restore", empty.folder, empty.folder, target.folder / "data")
    assert done.returncode == 1
    assert "is no base backup" in done.stderr
    assert not (target.folder / "data").exists()
    over = script(primary, "restore", primary.folder / "data", empty.folder, target.folder)
    assert over.returncode == 1
    assert "is there already" in over.stderr


def test_a_drill_of_books_that_are_not_in_order_says_so(primary, found_towns, redis_url):
    town = found_towns(primary.url, redis_url=redis_url, log_level="warning")
    town.settle_in(MADE)
    town.api()
    town.worker()
    with backed_up(primary) as (backup, wal):
        job_id = town.cancel_all()
        town.wait_for(job_id)
        for server in town.servers[1:]:
            server.kill()
        primary.administer(
            "UPDATE refunds SET amount_minor = amount_minor + 1 WHERE amount_minor > 0"
        )
        wait_for_wal(primary)
        tried = script(primary, "drill", backup, wal, "postgres")
    assert tried.returncode == 1, tried.stderr
    assert "books           not in order" in tried.stdout
    assert job_id in tried.stdout + tried.stderr
    assert not list(primary.folder.glob("tmp.*")), "the copy is still there"
