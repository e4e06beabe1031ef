"""Where a webhook may go, judged by the addresses of a name.

They are looked up once, all of them are checked, and one of those is used. What an endpoint's name
means can change between any two look-ups, so that only the check of the very address that is
connected to counts. A refusal reads like a name that has no address: who saves URLs can't map our
network by the words.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, Self

import httpcore

from app.config.settings import Settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[..., Iterable[tuple[Any, ...]]]

LOOPBACK: Final[tuple[Address, ...]] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
MAX_LOOK_UPS: Final = 128
# Of a name's addresses: one with hundreds would have us knock at all of them.
_MAX_TRIED: Final = 8
_NO_ADDRESS: Final = "the name has no address"

# The IANA registries of special-purpose addresses (RFC 6890 and what has updated it), as far as
# `is_global` does not say so on every Python since 3.11. Of IPv6 only 2000::/3 is handed out (RFC
# 4291, 2.4): all else may lead to an IPv4 address (::/96, 64:ff9b::/96, 64:ff9b:1::/48), to a site
# (fec0::/10) or to a segment router (5f00::/16).
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NOT_PUBLIC: Final[tuple[Network, ...]] = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments; one cloud has had its metadata here
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "224.0.0.0/4",  # multicast, RFC 5771
        # In no registry: where a host of Azure's speaks to its machines, under a public number.
        "168.63.129.16/32",
        "2001::/23",  # IETF protocol assignments, Teredo among them, RFC 2928
        "2002::/16",  # 6to4: any IPv4 address, RFC 3056
        "3fff::/20",  # documentation, RFC 9637
    )
)


def unmapped(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped one stands for; any other as it is."""
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def is_public(address: Address) -> bool:
    """True for an address that anybody on the Internet can reach.

    An IPv4-mapped one is judged as what it maps.
    """
    address = unmapped(address)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where endpoints may be.

    Public addresses on `ports`, anything in the operator's `networks`, and with `loopback_http`
    this machine itself, without TLS too.
    """

    ports: frozenset[int]
    networks: tuple[Network, ...] = ()
    loopback_http: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the operator has set it."""
        return cls(
            ports=frozenset(int(port) for port in settings.webhook_ports.split()),
            networks=tuple(
                ip_network(network) for network in (settings.webhook_networks or "").split()
            ),
            loopback_http=settings.webhook_loopback,
        )

    def allows(self, address: Address, port: int) -> bool:
        """True if an endpoint may be at this address and port."""
        address = unmapped(address)
        if any(address in network for network in self.networks) or (
            self.loopback_http and address.is_loopback
        ):
            return True
        return port in self.ports and is_public(address)


def is_localhost(host: str) -> bool:
    """True for the names that always mean this machine (RFC 6761, 6.3).

    `host` is in lower case, without a last dot.
    """
    return host == "localhost" or host.endswith(".localhost")


class Resolver:
    """Looks names up in threads of its own, shared by all endpoints of a process.

    asyncio's own pool has few threads, so that some names whose servers never answer would hold up
    everybody's. Here all who ask for one name at one time wait for one look-up: a slow name takes
    one thread.
    """

    def __init__(
        self, resolve: Resolve = socket.getaddrinfo, *, most_look_ups: int = MAX_LOOK_UPS
    ) -> None:
        """Nothing is started yet.

        Args:
            resolve: called in a thread as `socket.getaddrinfo` is, and answers or raises as that
                does.
            most_look_ups: names looked up at a time; one more waits.
        """
        self._resolve = resolve
        self._free = asyncio.Semaphore(most_look_ups)
        self._under_way: dict[str, asyncio.Task[tuple[Address, ...]]] = {}

    async def addresses(self, host: str) -> tuple[Address, ...]:
        """The addresses of a name, in the system's order.

        None if it has none, or if this resolver is closed meanwhile.

        It takes as long as the system's look-up does: the caller has the deadline.
        """
        look_up = self._under_way.get(host)
        if look_up is None:
            look_up = self._under_way[host] = asyncio.create_task(self._look_up(host))
            look_up.add_done_callback(lambda _: self._under_way.pop(host))
        await asyncio.wait([look_up])  # who gives up does not take the look-up from the others
        return () if look_up.cancelled() else look_up.result()

    async def aclose(self) -> None:
        """End all look-ups; threads that hang are left to end by themselves."""
        under_way = list(self._under_way.values())
        for look_up in under_way:
            look_up.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _look_up(self, host: str) -> tuple[Address, ...]:
        async with self._free:
            answer: asyncio.Future[tuple[Address, ...]] = asyncio.get_running_loop().create_future()
            # A daemon, unlike the threads of the library's pools: no process waits for a name
            # server before it ends.
            threading.Thread(
                target=self._ask, args=(host, answer), name="look-up", daemon=True
            ).start()
            return await answer

    def _ask(self, host: str, answer: asyncio.Future[tuple[Address, ...]]) -> None:
        found: tuple[Address, ...] = ()
        try:
            with suppress(OSError, UnicodeError):  # the latter for what can't be a name
                infos = self._resolve(host, None, type=socket.SOCK_STREAM)
                found = tuple(
                    dict.fromkeys(ip_address(socket_address[0]) for *_, socket_address in infos)
                )
        finally:
            with suppress(RuntimeError):  # the loop has been closed meanwhile
                answer.get_loop().call_soon_threadsafe(_settle, answer, found)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """What an httpcore pool connects by: only to addresses that `policy` allows.

    Never by a Unix socket.
    """

    def __init__(self, policy: AddressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the name's addresses that takes it, all within `timeout` seconds.

        Each address gets an equal part of the time that is left, so that a dead one leaves some to
        the next.

        Raises:
            httpcore.ConnectError: no address, one that is not allowed among them, or no connection
                to any.
            httpcore.ConnectTimeout: not in time.
        """
        try:
            async with asyncio.timeout(timeout) as deadline:
                addresses = await self._addresses(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        until = deadline.when()
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for tried, address in enumerate(addresses):
            left = None if until is None else max(until - asyncio.get_running_loop().time(), 0)
            share = None if left is None else left / (len(addresses) - tried)
            try:
                return await self._network.connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(_NO_ADDRESS)

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - httpcore's interface
        timeout: float | None = None,  # noqa: ASYNC109, ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """No URL leads here.

        Raises:
            httpcore.ConnectError: always.
        """
        raise httpcore.ConnectError(_NO_ADDRESS)

    async def _addresses(self, host: str, port: int) -> tuple[Address, ...]:
        addresses = _known(host) or await self._resolver.addresses(host)
        are_allowed = all(self._policy.allows(address, port) for address in addresses)
        return addresses[:_MAX_TRIED] if are_allowed else ()


def _known(host: str) -> tuple[Address, ...]:
    # Not asked for, so that no server of names can send what is for this machine, perhaps without
    # TLS, elsewhere.
    if is_localhost(host):
        return LOOPBACK
    with suppress(ValueError):
        return (ip_address(host),)
    return ()


def _settle(answer: asyncio.Future[tuple[Address, ...]], found: tuple[Address, ...]) -> None:
    if not answer.done():
        answer.set_result(found)
