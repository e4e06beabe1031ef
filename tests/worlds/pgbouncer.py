"""Debian's PgBouncer in front of one database, lending its few sessions for a transaction each."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from worlds.smtp_server import wait_until

# As it comes: it takes no start-up parameter but those that it keeps for each caller itself.
_CONFIGURATION = """\
[databases]
* = host={host} port={port} user={user} {password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listens}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 500
logfile = {folder}/log
pidfile = {folder}/pid
"""


def found() -> str:
    """Where it is; the test is not run, or in CI fails, where it is not."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("PgBouncer is missing")
    return program


@contextlib.contextmanager
def in_front_of(database_url: str, *, sessions: int) -> Iterator[str]:
    """The address of that database through PgBouncer, with so many sessions for all callers."""
    program = found()
    with tempfile.TemporaryDirectory() as name:  # a test's own folder may be read by nobody else
        folder = Path(name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [program, str(_written(folder, database_url, port, sessions))]
        if os.geteuid() == 0:  # which it refuses to be
            shutil.chown(folder, "nobody")
            command += ["-u", "nobody"]
        process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: _listens(port) or process.poll() is not None)
            assert process.poll() is None, (folder / "log").read_text()
            # It asks nobody for a password, and has the database's own.
            through = sa.make_url(database_url).set(host="127.0.0.1", port=port, username="anybody")
            yield through.render_as_string(hide_password=False)
        finally:
            process.kill()  # at once: callers may still hold sessions
            process.wait()


def _written(folder: Path, database_url: str, port: int, sessions: int) -> Path:
    url = sa.make_url(database_url)
    password = "" if url.password is None else url.password.replace("'", "''")
    written = folder / "pgbouncer.ini"
    written.write_text(
        _CONFIGURATION.format(
            host=url.host or "127.0.0.1",
            port=url.port or 5432,
            user=url.username,
            password=f"password='{password}'" if password else "",
            listens=port,
            sessions=sessions,
            folder=folder,
        )
    )
    written.chmod(0o644)
    return written


def _listens(port: int) -> bool:
    with socket.socket() as ours:
        return ours.connect_ex(("127.0.0.1", port)) == 0
