"""Commands that run until SIGTERM: the API, a worker under a supervisor, the sandbox."""

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

from app.cli.terminal import CommandError, configured, opened, run, say
from app.config.production import require_safe
from app.config.settings import Settings, WorkerPart
from app.serving import address_of, listen, serve

log = structlog.get_logger()

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]

# The worker is a child, because nothing in app imports workers.
_WORKER: Final = (sys.executable, "-m", "workers")
_FIRST_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 30.0
_STEADY_SECONDS: Final = 60.0  # a worker that lived so long starts again without a growing pause


def listening(host: str, port: int) -> socket.socket:
    """`serving.listen`, with a sentence for what can go wrong."""
    try:
        return listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"Port {port} on {host} is in use; choose another with --port."
            ) from error
        raise CommandError(f"Can't listen on {host} port {port}: {error.strerror}.") from error


def api(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the API; without BULK_CANCEL_REDIS_URL the worker loop runs in this process too."""
    config = configured()
    config.require_upstreams()
    require_safe(config, listens_on=host)
    with listening(host, port) as listener:
        run(_api(config, listener))


async def _api(config: Settings, listener: socket.socket) -> None:
    # Here, because it takes most of a second, which commands that serve nothing need not wait.
    from app.main import create_app  # noqa: PLC0415

    async with opened(config):
        address = address_of(listener)
        say(f"Serving on {address} (documentation: {address}/docs)")
        if config.test_mode:
            say("Test mode: the sandbox answers for payments and credits, and no money moves.")
        await serve(
            create_app(config),
            listener,
            silence_seconds=config.silence_seconds,
            keep_alive_seconds=config.keep_alive_seconds,
        )


def sandbox(
    port: Port = 8090,
    host: Host = "127.0.0.1",
    books: Annotated[Path | None, typer.Option(help="Keep the books in this file.")] = None,
    token: Annotated[str | None, typer.Option(help="Bearer token that callers must send.")] = None,
    token_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BUSINESS=TOKEN", help="A business's own token; repeat it for several."
        ),
    ] = None,
) -> None:
    """Serve payment and credit services to try things against.

    /books is what they did, PUT /faults breaks them.
    """
    from app.sandbox.app import create_sandbox  # noqa: PLC0415 - as above

    configured()
    tokens = dict(_pair(one) for one in token_of or ())
    with listening(host, port) as listener:
        address = address_of(listener)
        app = create_sandbox(books, token=token, tokens_of=tokens)
        app.state.stopping = asyncio.Event()
        say("BULK_CANCEL_PAYMENTS_URL=sandbox")
        say("BULK_CANCEL_CREDITS_URL=sandbox")
        say(f"BULK_CANCEL_SANDBOX_URL={address}")
        run(serve(app, listener, parser="httptools"))


def _pair(text: str) -> tuple[str, str]:
    business, equals, token = text.partition("=")
    if not (business and equals and token):
        raise typer.BadParameter("BUSINESS=TOKEN is needed")
    return business, token


def worker(
    only: Annotated[
        WorkerPart | None, typer.Option(help="Do one thing, and leave the other to other workers.")
    ] = None,
) -> None:
    """Run a worker for refunds and webhook deliveries.

    Start it again should it ever end by itself.
    """
    config = configured()
    config.require_redis()
    config.upstream_urls()
    require_safe(config)
    run(supervise([*_WORKER, *([] if only is None else ["--only", only])]))


async def supervise(command: Sequence[str]) -> None:
    """Keeps one child process running until SIGTERM or SIGINT.

    The child gets that too; returns when it has ended then.
    """
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
        pause = min(pause * 2, _MAX_PAUSE_SECONDS)


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
