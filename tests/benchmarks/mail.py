"""Mails: through the pool, beside the bare client's loop on the same relay.

Both send the same ready bytes on as many connections, so the ratio is what the pool costs.
"""

import asyncio
import time
from itertools import islice
from typing import Final

from aiosmtplib import SMTP
from benchmarks.bench import Bench
from benchmarks.figures import AT_LEAST, Figure, Goal, in_turns
from worlds.smtp_server import smtp_server

from app.config.mail_values import smtp_url_parts
from app.gateways.email.connections import MAX_MAILS
from app.gateways.email.mail import Mail, MailSent
from app.gateways.email.relay import Relay

CONNECTIONS: Final = 4
_SENDER: Final = "bounces@studio.example"
_RECIPIENT: Final = "ada@client.example"
_LINE: Final = "Your booking of Yoga is cancelled, and 12.00 EUR have come back to you.\r\n"


async def measure(bench: Bench) -> list[Figure]:
    """A relay that answers at once, in a process of its own."""
    count = bench.size(10_000, 120)
    mails = [_mail(number) for number in range(count)]
    with smtp_server(bench.folder / "relay") as relay:
        taken = await in_turns(
            bench.rounds,
            bare=lambda: _bare(relay.port, mails),
            ours=lambda: _ours(relay.url, mails),
        )
        if len(relay.taken()) != 2 * bench.rounds * count:
            raise RuntimeError("not every mail was taken once")
    return [
        Figure(
            "mails sent",
            "1/s",
            taken["ours"],
            "the bare client's loop",
            taken["bare"],
            Goal(AT_LEAST, 0.8),
            f"{count:,} ready mails of 1.2 kB on {CONNECTIONS} connections, to aiosmtpd",
        )
    ]


def _mail(number: int) -> Mail:
    raw = f"Message-ID: <{number}@studio.example>\r\n\r\n{_LINE * 16}".encode()
    return Mail(f"{number}", _SENDER, _RECIPIENT, raw)


async def _bare(port: int, mails: list[Mail]) -> float:
    left = iter(mails)

    async def keep_sending() -> None:
        # As many of a connection as the pool sends: measured, aiosmtpd grows slower with each mail
        # of one, so that a floor on one connection for all would be too low.
        while some := list(islice(left, MAX_MAILS)):
            client = SMTP(hostname="localhost", port=port, start_tls=False, local_hostname="bare")
            async with client:
                for mail in some:
                    await client.sendmail(mail.envelope_from, [mail.recipient], mail.raw)

    return await _rate(len(mails), keep_sending)


async def _ours(url: str, mails: list[Mail]) -> float:
    left = iter(mails)
    relay = Relay(
        smtp_url_parts(url),
        hello_as="studio.example",
        max_connections=CONNECTIONS,
        total_seconds=60,
    )

    async def keep_sending() -> None:
        for mail in left:
            result = await relay.send(mail)
            if not isinstance(result, MailSent):
                raise TypeError(f"not sent: {result}")

    rate = await _rate(len(mails), keep_sending)
    await relay.aclose()
    return rate


async def _rate(count, keep_sending) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(keep_sending() for _ in range(CONNECTIONS)))
    return count / (time.perf_counter() - started)
