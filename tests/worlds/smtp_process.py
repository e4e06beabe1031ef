"""The process of `smtp_server`: aiosmtpd with faults, and a book of what it took."""

import argparse
import asyncio
import base64
import ssl
import warnings
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult
from worlds.smtp_script import Script


class Scripted(SMTP):
    """One connection. A fault of a stage is played before the stage is."""

    def __init__(self, handler, script, max_mails, **options):
        self.script, self.max_mails, self.mails = script, max_mails, 0
        self.number, self.recipient = 0, ""
        super().__init__(handler, **options)

    def connection_made(self, transport):
        if not self.number:  # a second time under STARTTLS
            self.number = self.script.next_connection()
            self.script.write("connected", connection=self.number)
        super().connection_made(transport)

    def connection_lost(self, error):
        self.script.write("closed", connection=self.number)
        super().connection_lost(error)

    async def is_met(self, stage):
        """Whether a fault took this stage's place."""
        fault = self.script.met(stage, self.recipient, self.number)
        if fault is None:
            return False
        await asyncio.sleep(fault["seconds"])
        match fault["act"]:
            case "delay":
                return False
            case "hold":
                while any(one["id"] == fault["id"] for one in self.script.faults()):  # noqa: ASYNC110 - a file
                    await asyncio.sleep(0.01)
                return False
            case "answer":
                await super().push(f"{fault['code']} {fault['text']}")
                if fault["code"] == 421:
                    self.transport.close()
            case "bytes":
                self.transport.write(base64.b64decode(fault["text"]))
            case "drop":
                self.transport.abort()
            case "silence":
                await asyncio.Event().wait()
        return True

    async def push(self, status):
        text = status if isinstance(status, str) else status.decode()
        if not text:
            return
        if text.startswith("220 relay.test") and await self.is_met("greeting"):
            return
        await super().push(status)
        # What was asked for now comes, and whatever goes wrong does so meanwhile.
        if text.startswith("354 "):
            await self.is_met("content")
        elif text == "220 Ready to start TLS":
            await self.is_met("tls")

    async def smtp_EHLO(self, hostname):  # noqa: N802 - aiosmtpd's name
        if not await self.is_met("ehlo"):
            await super().smtp_EHLO(hostname)

    async def smtp_AUTH(self, arg):  # noqa: N802 - aiosmtpd's name
        if not await self.is_met("auth"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg):  # noqa: N802 - aiosmtpd's name
        self.recipient = ""
        self.script.write("mail", connection=self.number)
        if self.max_mails and self.mails >= self.max_mails:
            await self.push("452 4.5.3 Too many recipients: Too many messages sent")
        elif not await self.is_met("mail"):
            self.mails += 1
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):  # noqa: N802 - aiosmtpd's name
        self.recipient = (arg or "").partition("<")[2].partition(">")[0]
        if not await self.is_met("rcpt"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):  # noqa: N802 - aiosmtpd's name
        if not await self.is_met("data"):
            await super().smtp_DATA(arg)


class Book:
    """aiosmtpd's handler: takes what no fault stops."""

    def __init__(self, script):
        self._script = script

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if await server.is_met("dot"):
            return ""
        self._script.write(
            "taken",
            connection=server.number,
            sender=envelope.mail_from,
            recipient=envelope.rcpt_tos[0],
            recipients=len(envelope.rcpt_tos),
            raw=base64.b64encode(envelope.original_content).decode(),
        )
        if await server.is_met("taken"):
            return ""
        return f"250 2.0.0 taken on {server.number}"


async def serve(given):
    script = Script(given.folder)
    context = None
    if given.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate)
    user, _, password = (given.login or "").partition(":")

    def log_in(server, session, envelope, mechanism, data):
        wanted = (data.login.decode(), data.password.decode()) == (user, password)
        return AuthResult(success=wanted, handled=False)

    options = {"authenticator": log_in, "auth_required": True} if given.login else {}

    def connection():
        return Scripted(
            Book(script),
            script,
            given.max_mails,
            tls_context=None if given.implicit else context,
            auth_require_tls=False,
            enable_SMTPUTF8=given.smtputf8,
            hostname="relay.test",
            ident="test",
            timeout=3600,
            **options,
        )

    server = await asyncio.get_running_loop().create_server(
        connection, "127.0.0.1", given.port, ssl=context if given.implicit else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--implicit", action="store_true", help="TLS from the first byte on")
    parser.add_argument("--login", help="USER:PASSWORD, without which no mail is taken")
    parser.add_argument("--max-mails", type=int, default=0, help="of a connection; 0: no limit")
    parser.add_argument("--smtputf8", action="store_true")
    warnings.simplefilter("ignore")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
