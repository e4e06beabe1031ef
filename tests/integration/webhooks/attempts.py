"""One attempt of a webhook, by a client whose addresses and names a test decides."""

import contextlib
import socket
import ssl
from datetime import UTC, datetime
from ipaddress import ip_network

from app.webhooks.addresses import AddressPolicy, Resolver
from app.webhooks.send import AttemptResult, EndpointClient

EMBEDDED = AddressPolicy(frozenset({443, 8443}), loopback_http=True)
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def within(*networks):
    return AddressPolicy(
        frozenset({443}), networks=tuple(ip_network(network) for network in networks)
    )


class Names:
    """A name server: each name's answers in turn, the last for ever, and how often it was asked."""

    def __init__(self, **answers):
        self.answers = {name.replace("_", "."): list(turns) for name, turns in answers.items()}
        self.asked = []

    def __call__(self, host, port, *, type):  # noqa: A002 - as socket.getaddrinfo has it
        self.asked.append(host)
        turns = self.answers.get(host)
        if not turns:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                type,
                6,
                "",
                (one, port, 0, 0)[: 4 if ":" in one else 2],
            )
            for one in addresses
        ]


@contextlib.asynccontextmanager
async def poster(
    reach=EMBEDDED, resolve=None, context=None, *, most_connections=4, total_seconds=5.0
):
    resolver = Resolver(resolve or Names())
    made = EndpointClient(
        reach,
        resolver,
        context or ssl.create_default_context(),
        most_connections=most_connections,
        total_seconds=total_seconds,
        now=lambda: NOW,
    )
    try:
        yield made
    finally:
        await made.aclose()
        await resolver.aclose()


async def post_once(url, reach=EMBEDDED, resolve=None, context=None, **settings) -> AttemptResult:
    async with poster(reach, resolve, context, **settings) as made:
        return await made.post(url, {"webhook-id": "msg_1"}, b'{"a":1}')
