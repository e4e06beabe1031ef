"""The command `demo`: everything in one process, made anew at each start.

Nothing but `var/demo.db` and `var/demo-outbox` is touched.
"""

from pathlib import Path
from typing import Final

from app.cli.servers import Port, listening
from app.cli.terminal import run
from app.db.schema import migrate
from app.gateways.email.outbox import kept_mails
from app.telemetry import configure_logging

_DATABASE: Final = Path("var/demo.db")
_OUTBOX: Final = Path("var/demo-outbox")


def demo(port: Port = 8000) -> None:
    """Run everything in one process, with a sample studio's next week to cancel.

    Nothing else is needed.
    """
    from app.cli.demo_server import run_studio  # noqa: PLC0415 - as in servers.py

    configure_logging(json_lines=False, level="warning")
    with listening("127.0.0.1", port) as listener:
        for suffix in ("", "-wal", "-shm"):
            _DATABASE.with_name(_DATABASE.name + suffix).unlink(missing_ok=True)
        for mail in kept_mails(_OUTBOX):
            mail.unlink(missing_ok=True)
        url = f"sqlite+aiosqlite:///{_DATABASE}"
        migrate(url)
        run(run_studio(url, _OUTBOX, listener))
