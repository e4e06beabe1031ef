"""A pool of connections to one relay: at most so many, each used for so many mails.

A connection is kept only by who gives it back after a clean end; whatever else happens closes it.
Measured on aiosmtplib 5.1: one whose answer nobody waited for still says that it is connected, and
the next mail on it would hang until its time is up.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from aiosmtplib import SMTP, SMTPException

from app.config.mail_values import SmtpTls, SmtpUrlParts

# OpenSMTPD answers 452 from the 101st mail of a connection on, and others have limits of their own.
MAX_MAILS: Final = 50
# Shorter than most relays' patience with a connection that says nothing (RFC 5321: 5 minutes).
IDLE_SECONDS: Final = 20.0
_QUIT_SECONDS: Final = 5.0


@dataclass(slots=True)
class Connection:
    """An open connection; `mails` were sent on it, and `needs_reset` before the next."""

    client: SMTP
    mails: int = 0
    needs_reset: bool = False
    idle_since: float = field(default=0.0)


class Connections:
    """The pool. `connection` lends one; nothing here waits for a relay but to connect."""

    def __init__(
        self,
        relay: SmtpUrlParts,
        *,
        hello_as: str,
        max_connections: int,
        tls: ssl.SSLContext,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._relay = relay
        self._hello_as = hello_as
        self._tls = tls
        self._slots = asyncio.Semaphore(max_connections)
        self._idle_seconds = idle_seconds
        self._idle: list[Connection] = []
        self._timer: asyncio.TimerHandle | None = None
        self._quitting: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[list[Connection]]:
        """Hold one of the pool's places.

        The list holds its connection as long as it may be kept; who makes a new one puts it there.
        """
        async with self._slots:
            held = [one for one in (self._unused(),) if one is not None]
            try:
                yield held
            except BaseException:
                _close(held)
                raise
            self._keep(held)

    async def open(self) -> Connection:
        """A new connection, greeted, under TLS where the relay's URL says so, and logged in.

        Raises:
            SMTPException, OSError, ValueError: there is none to be had.
        """
        relay = self._relay
        client = SMTP(
            hostname=relay.host,
            port=relay.port,
            username=relay.user,
            password=relay.password,
            local_hostname=self._hello_as,
            # Both said, always: without a word the client goes on in clear text where STARTTLS is
            # not offered.
            use_tls=relay.tls is SmtpTls.IMPLICIT,
            start_tls=relay.tls is SmtpTls.STARTTLS,
            tls_context=None if relay.tls is SmtpTls.NONE else self._tls,
            timeout=None,  # the caller's deadline is over all of it
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except BaseException:
            client.close()
            raise
        return Connection(client)

    async def aclose(self) -> None:
        """Say goodbye on what is idle, and lend nothing that is kept any more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for one in self._idle:
            self._quit(one)
        self._idle.clear()
        while self._quitting:
            await asyncio.wait(self._quitting)

    def _unused(self) -> Connection | None:
        # The last that was given back comes first, so that those that are not needed grow idle.
        while self._idle:
            connection = self._idle.pop()
            if connection.client.is_connected:
                return connection
        return None

    def _keep(self, held: list[Connection]) -> None:
        for connection in held:
            if not connection.client.is_connected:
                continue
            if self._is_closed or connection.mails >= MAX_MAILS:
                self._quit(connection)
                continue
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            at = min(one.idle_since for one in self._idle) + self._idle_seconds
            self._timer = loop.call_at(at, self._close_idle)

    def _close_idle(self) -> None:
        self._timer = None
        long_ago = asyncio.get_running_loop().time() - self._idle_seconds
        for one in [one for one in self._idle if one.idle_since <= long_ago]:
            self._idle.remove(one)
            self._quit(one)
        if self._idle:
            self._set_timer()

    def _quit(self, connection: Connection) -> None:
        # Beside the mails: what became of one is known, and waits for no goodbye.
        task = asyncio.get_running_loop().create_task(_say_goodbye(connection.client))
        self._quitting.add(task)
        task.add_done_callback(self._quitting.discard)


async def _say_goodbye(client: SMTP) -> None:
    try:
        with suppress(SMTPException, OSError):
            async with asyncio.timeout(_QUIT_SECONDS):
                await client.quit(timeout=None)
    finally:
        client.close()


def _close(held: list[Connection]) -> None:
    for connection in held:
        connection.client.close()
