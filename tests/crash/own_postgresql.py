"""PostgreSQL clusters of a test's own, which it may break: one, or one and its standby."""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from crash.processes import free_port, until
from postgresql_databases import administer, ask, in_a_thread

# A server that is killed keeps what it has committed; fsync is for power cuts.
_OPTIONS: Final = "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"


class BreakablePostgresql:
    """A cluster on one port; what it says goes into its log."""

    def __init__(self, programs: Path, folder: Path, owner: str) -> None:
        self.programs, self.folder, self.owner, self.port = programs, folder, owner, free_port()
        self.url = f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/postgres"
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, owner)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs on the cluster's data."""
        command = [self.programs / program, "-D", self.folder / "data", *arguments]
        subprocess.run(
            command,
            check=True,
            cwd=self.folder,
            user=self.user,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    @property
    def user(self) -> str | None:
        """Whom PostgreSQL's programs are run as; None: as whoever runs the test."""
        return None if self.owner == getpass.getuser() else self.owner

    def make(self) -> None:
        """Make an empty cluster and start it."""
        self.run(
            "initdb",
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} {_OPTIONS}"
        self.run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop_at_once(self) -> None:
        """As in a crash: no goodbyes, and recovery at the next start."""
        if not (self.folder / "data" / "postmaster.pid").exists():
            return
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")

    @property
    def whence(self) -> Sequence[str]:
        """How PostgreSQL's programs are told to connect to it."""
        return "--host=127.0.0.1", f"--port={self.port}", "--username=postgres"

    def another(self, name: str) -> "BreakablePostgresql":
        """A cluster beside this one, without data."""
        return BreakablePostgresql(self.programs, self.folder.parent / name, self.owner)

    def standby(self) -> "BreakablePostgresql":
        """Make and start another that follows this one."""
        other = self.another("standby")
        other.run("pg_basebackup", *self.whence, "--write-recovery-conf", "--checkpoint=fast")
        other.start()
        return other

    def wait_for_standby(self, *, synchronous: bool) -> None:
        """Until the standby follows; then no commit is answered before it is there as well."""
        until(lambda: self.ask("SELECT count(*) FROM pg_stat_replication WHERE state='streaming'"))
        if synchronous:
            self.administer(
                "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"
            )
            until(
                lambda: self.ask(
                    "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
                )
            )

    def stop_following(self) -> None:
        """Have a standby hear no more of what is committed, until it is promoted."""
        self.administer("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        until(lambda: not self.ask("SELECT count(*) FROM pg_stat_wal_receiver"))

    def promote(self) -> None:
        """Have a standby take writes from now on."""
        self.run("pg_ctl", "-w", "promote")

    def administer(self, *statements: str) -> None:
        """Run statements, each by itself."""
        in_a_thread(administer(self.url, *statements))

    def ask(self, statement: str) -> Any:
        """The one value that a statement gives."""
        return in_a_thread(ask(self.url, statement))


def _programs() -> Path | None:
    found = shutil.which("initdb") or max(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None
    )
    return None if found is None else Path(found).resolve().parent


@contextmanager
def own_postgresql() -> Iterator[BreakablePostgresql]:
    """An empty cluster; where PostgreSQL's programs are missing the test is not run.

    In CI it fails there.
    """
    programs = _programs()
    if programs is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("initdb is missing")
    owner = "postgres" if os.geteuid() == 0 else getpass.getuser()
    with tempfile.TemporaryDirectory(prefix="bulk-cancel-pg-") as name:
        if os.geteuid() == 0:
            shutil.chown(name, owner)
        one = BreakablePostgresql(programs, Path(name) / "one", owner)
        one.make()
        try:
            yield one
        finally:
            one.stop_at_once()
