"""Commands that run a process until SIGTERM: the API, a worker under a supervisor, the sandbox."""

import asyncio
import contextlib
import errno
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer

from app.cli.terminal import Trouble, configured, opened, run, say
from app.config import Settings
from app.serving import address_of, listen, serve

log = structlog.get_logger()

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]

_WORKER: Final = (sys.executable, "-m", "workers")  # a child, because nothing in app imports workers
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_STEADY_SECONDS: Final = 60.0  # a worker that lived so long starts again without a growing pause


def listening(host: str, port: int) -> socket.socket:
    """`serving.listen`, with a sentence for what can go wrong."""
    try:
        return listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Trouble(f"Port {port} on {host} is in use; choose another with --port.") from error
        raise Trouble(f"Can't listen on {host} port {port}: {error.strerror}.") from error


def api(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the API; without BULK_CANCEL_REDIS_URL the worker loop runs in this process too."""
    config = configured()
    with listening(host, port) as listener:
        run(_api(config, listener))


async def _api(config: Settings, listener: socket.socket) -> None:
    # Here, because it takes most of a second, which commands that serve nothing need not wait.
    from app.main import create_app  # noqa: PLC0415

    async with opened(config):
        address = address_of(listener)
        say(f"Serving on {address} (documentation: {address}/docs)")
        await serve(create_app(config), listener)


def sandbox(
    port: Port = 8090,
    host: Host = "127.0.0.1",
    books: Annotated[Path | None, typer.Option(help="Keep the books in this file.")] = None,
    token: Annotated[str | None, typer.Option(help="Bearer token that callers must send.")] = None,
) -> None:
    """Serve payment and credit services to try things against: /books is what they did, PUT /faults breaks them."""
    from app.sandbox.app import create_sandbox  # noqa: PLC0415 - as above

    configured()
    with listening(host, port) as listener:
        address = address_of(listener)
        app = create_sandbox(books, token=token)
        app.state.stopping = asyncio.Event()
        say(f"BULK_CANCEL_PAYMENTS_URL={address}/payments")
        say(f"BULK_CANCEL_CREDITS_URL={address}/credits")
        run(serve(app, listener, parser="httptools"))


def worker() -> None:
    """Run an arq worker, and start it again should it ever end by itself."""
    config = configured()
    if config.redis_url is None:
        raise Trouble("BULK_CANCEL_REDIS_URL is not set; without it the API process runs the worker loop itself.")
    if config.payments_url is None or config.credits_url is None:
        raise Trouble(
            "A worker needs BULK_CANCEL_PAYMENTS_URL and BULK_CANCEL_CREDITS_URL; "
            "`bulk-cancel sandbox` serves both to try it."
        )
    run(supervise(_WORKER))


async def supervise(command: Sequence[str]) -> None:
    """Keeps one child process running until SIGTERM or SIGINT, which it gets too; returns when it has ended then."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    pause = _FIRST_PAUSE_SECONDS
    while not stopping.is_set():
        started = time.monotonic()
        child = await asyncio.create_subprocess_exec(*command)
        code = await _ended(child, stopping)
        if stopping.is_set():
            return
        if time.monotonic() - started > _STEADY_SECONDS:
            pause = _FIRST_PAUSE_SECONDS
        log.warning("worker.ended", exit_code=code, restart_in_seconds=pause)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


async def _ended(child: asyncio.subprocess.Process, stopping: asyncio.Event) -> int:
    """The child's exit code; once stopping, it is asked to end and waited for."""
    exits = asyncio.create_task(child.wait())
    stops = asyncio.create_task(stopping.wait())
    await asyncio.wait((exits, stops), return_when=asyncio.FIRST_COMPLETED)
    stops.cancel()
    if not exits.done():
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
    return await exits
