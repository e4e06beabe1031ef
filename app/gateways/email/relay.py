"""Sends mails through one relay by SMTP, and says of each what is known.

The invariants: one recipient a mail; no clear text where TLS was asked for; no mail is sent again
by itself once DATA began. aiosmtplib's exceptions do not tell how far a mail had come: its stage
here does, and `tests/integration/email` holds each case to it.
"""

import asyncio
import ssl
from typing import Final

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected

from app.config.mail_values import SmtpUrlParts
from app.domain.mail_address import MailAddress
from app.gateways.email.answers import Stage, is_of_connection, result_of_answer
from app.gateways.email.connections import IDLE_SECONDS, Connection, Connections
from app.gateways.email.mail import (
    Mail,
    MailLater,
    MailRefused,
    MailResult,
    MailSent,
    MailUnknown,
    RelayAway,
    without_addresses,
)

# TLS that fails raises no SMTPException; and a certificate's errors are ValueErrors too.
_FAILURES: Final = (SMTPException, OSError, ValueError)


class _Broken(Exception):  # noqa: N818 - the end of a try, never seen by callers
    """A connection that broke, or was refused more mails, before this mail was sent on it."""


class Relay:
    """A `Mailer` over a pool of connections to one relay."""

    def __init__(
        self,
        relay: SmtpUrlParts,
        *,
        hello_as: str,
        max_connections: int,
        total_seconds: float,
        tls: ssl.SSLContext | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Make the pool; nothing is connected yet.

        Args:
            relay: where it is, and as whom we log in there.
            hello_as: the domain that we say we are.
            max_connections: mails under way at a time; one more waits within its deadline.
            total_seconds: the deadline of a mail, from waiting for a connection to the last answer.
            tls: what is trusted; None: what the machine trusts.
            idle_seconds: after how long a connection that is not used is closed.
        """
        self._total_seconds = total_seconds
        self._connections = Connections(
            relay,
            hello_as=hello_as,
            max_connections=max_connections,
            tls=ssl.create_default_context() if tls is None else tls,
            idle_seconds=idle_seconds,
        )

    async def send(self, mail: Mail) -> MailResult:
        """Send once, within the deadline. Raises for nothing that the relay or the network does."""
        try:
            sender, recipient = (
                MailAddress.read(mail.envelope_from),
                MailAddress.read(mail.recipient),
            )
        except ValueError as error:
            return MailRefused(None, f"an address of this mail {error}")
        transfer = _Transfer(sender, recipient, mail.raw)
        try:
            async with (
                asyncio.timeout(self._total_seconds),
                self._connections.connection() as held,
            ):
                return await self._sent_on(held, transfer)
        except TimeoutError:
            return transfer.result_of_break("time was up")

    async def aclose(self) -> None:
        await self._connections.aclose()

    async def _sent_on(self, held: list[Connection], transfer: "_Transfer") -> MailResult:
        if held:
            connection = held[0]
            try:
                return await transfer.send_on(connection)
            except _Broken:
                held.clear()
                connection.client.close()
        transfer.stage = Stage.CONNECT
        try:
            connection = await self._connections.open()
        except TimeoutError:
            raise
        except _FAILURES as error:
            return RelayAway(_reason(error))
        held.append(connection)
        return await transfer.send_on(connection)


class _Transfer:
    """One mail under way, and how far it has come."""

    def __init__(self, sender: MailAddress, recipient: MailAddress, raw: bytes) -> None:
        self.stage = Stage.CONNECT
        self._sender, self._recipient, self._raw = sender, recipient, raw

    async def send_on(self, connection: Connection) -> MailResult:
        """The result on this connection, which is closed unless it ended cleanly.

        Raises:
            _Broken: the connection had been used, and was at its end; the mail was surely not sent.
        """
        client, is_used = connection.client, connection.mails > 0
        try:
            options = self._options(client)
            if isinstance(options, MailRefused):
                return options
            connection.mails += 1
            return MailSent(without_addresses(await self._told(connection, options), self._name))
        except SMTPResponseException as error:
            code, text = error.code, error.message
            if is_used and is_of_connection(self.stage, code):
                raise _Broken from error
            # MAIL still stands after a refused recipient, and after DATA that is refused at once.
            connection.needs_reset = self.stage >= Stage.RCPT
            if code < 0 or code == 421:  # noqa: PLR2004 - no SMTP at all; and the relay hangs up
                client.close()
            return result_of_answer(self.stage, code, text, self._name)
        except TimeoutError:
            client.close()
            return self.result_of_break("time was up")
        except _FAILURES as error:
            client.close()
            if is_used and self.stage < Stage.DATA:
                raise _Broken from error
            return self.result_of_break("the connection broke")

    def result_of_break(self, what: str) -> MailUnknown | MailLater | RelayAway:
        """What is known when no answer came."""
        match self.stage:
            case Stage.CONNECT:
                return RelayAway(f"{what} before there was a connection")
            case Stage.DATA:
                return MailUnknown(f"{what} after DATA")
            # Not the relay's: a mail whose words break connections would stop all others for ever.
            case stage:
                return MailLater(None, f"{what} at {stage.name}")

    @property
    def _name(self) -> str:
        return str(self._recipient)

    def _options(self, client: SMTP) -> list[str] | MailRefused:
        if not client.is_connected:
            # It has then forgotten what the relay offers, which would be no fault of the mail.
            raise SMTPServerDisconnected("it hung up")
        options = [f"SIZE={len(self._raw)}"] if client.supports_extension("size") else []
        if self._needs_smtputf8:
            if not client.supports_extension("smtputf8"):
                return MailRefused(
                    None, "the address is not in ASCII, and the relay lacks SMTPUTF8"
                )
            options.append("SMTPUTF8")
        if not self._raw.isascii():
            if not client.supports_extension("8bitmime"):
                return MailRefused(None, "the mail is not in ASCII, and the relay lacks 8BITMIME")
            options.append("BODY=8BITMIME")
        return options

    @property
    def _needs_smtputf8(self) -> bool:
        return self._sender.needs_smtputf8 or self._recipient.needs_smtputf8

    async def _told(self, connection: Connection, options: list[str]) -> str:
        client, encoding = connection.client, "utf-8" if self._needs_smtputf8 else "ascii"
        self.stage = Stage.MAIL
        if connection.needs_reset:
            try:
                await client.rset(timeout=None)
            except SMTPResponseException as error:
                raise _Broken from error
            connection.needs_reset = False
        await client.mail(str(self._sender), options=options, encoding=encoding, timeout=None)
        self.stage = Stage.RCPT
        await client.rcpt(str(self._recipient), encoding=encoding, timeout=None)
        self.stage = Stage.DATA
        return (await client.data(self._raw, timeout=None)).message


def _reason(error: Exception) -> str:
    """Why there is no connection, without a word of what was sent."""
    match error:
        case ssl.SSLError():
            said = getattr(error, "verify_message", None) or error.reason or "TLS failed"
        case SMTPResponseException():
            said = f"{error.code} {error.message}"
        case _:
            said = str(error)
    return without_addresses(f"no connection: {said}")
