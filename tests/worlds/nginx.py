"""Debian's nginx in front of what a test serves."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest
from worlds.smtp_server import wait_until

_CONFIGURATION: Final = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u;
    scgi_temp_path {folder}/s;
    {upstream}
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


def found() -> str:
    """Where it is; the test is not run, or in CI fails, where it is not."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("nginx is missing")
    return program


@contextmanager
def in_front(folder: Path, location: str, *, upstream: str = "", port: int) -> Iterator[None]:
    """Have it listen at `port`, with these blocks `location` and `upstream`."""
    program = found()
    written = folder / "nginx.conf"
    written.write_text(
        _CONFIGURATION.format(folder=folder, port=port, location=location, upstream=upstream)
    )
    process = psutil.Popen(
        [program, "-p", str(folder), "-c", str(written)], stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _listens(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "errors").read_text()
        yield
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as ours:
        return ours.connect_ex(("127.0.0.1", port)) == 0
