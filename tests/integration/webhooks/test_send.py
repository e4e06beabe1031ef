"""One attempt of a webhook against peers, name servers and networks that mean harm.

What listeners hear decides.
"""

import asyncio
import contextlib
import gzip
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import httpcore
import pytest
from worlds.peers import (
    answers_never,
    closes_after_reading,
    closes_at_once,
    resets_after_reading,
    resets_at_once,
)

from app.webhooks.addresses import AddressPolicy, GuardedBackend, Resolver
from app.webhooks.send import MAX_ANSWER_BYTES, AttemptResult, DeliveryError, EndpointClient

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


def answering(*answers):
    """A peer that answers a connection's nth request with the nth answer, the last for ever."""

    async def talk(peer, reader, writer):
        left = list(answers)
        while True:
            await peer.read(reader)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

    return talk


def port_free_on(*hosts):
    while True:
        with contextlib.ExitStack() as stack:
            port = 0
            with contextlib.suppress(OSError):  # somebody has it on one of the others
                for host in hosts:
                    bound = stack.enter_context(socket.socket())
                    bound.bind((host, port))
                    port = bound.getsockname()[1]
                return port


async def test_an_attempt_sends_the_bytes_as_they_are_and_tells_what_came(peer_on):
    peer = await peer_on(answering(OK))
    posted = await post_once(f"http://127.0.0.1:{peer.port}/hooks?x=%20y")
    assert replace(posted, milliseconds=0) == AttemptResult(200, None, "ok", 0, None)
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    line, *fields = head.decode().split("\r\n")
    assert line == "POST /hooks?x=%20y HTTP/1.1"
    assert sorted(fields) == [
        "Accept-Encoding: identity",
        "Content-Length: 7",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{peer.port}",
        "User-Agent: bulk-cancel",
        "webhook-id: msg_1",
    ]


async def test_connections_are_kept_and_never_more_than_may_be(peer_on):
    peer = await peer_on(answering(OK))
    async with poster(most_connections=2) as made:
        url = f"http://127.0.0.1:{peer.port}/"
        assert {(await made.post(url, {}, b"{}")).status for _ in range(3)} == {200}
        assert peer.connections == 1
        assert {
            posted.status
            for posted in await asyncio.gather(*(made.post(url, {}, b"{}") for _ in range(20)))
        } == {200}
    assert peer.connections == 2
    assert len(peer.requests) == 23


# Where an attempt may go.


async def test_the_checked_address_is_connected_to_though_the_name_means_another_by_then(
    peer_on, authority
):
    port = port_free_on("127.0.0.2", "127.0.0.1")
    tls = authority.server_context(["hooks.example"])
    right = await peer_on(
        answering(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")),
        host="127.0.0.2",
        port=port,
        tls=tls,
    )
    wrong = await peer_on(answering(OK), host="127.0.0.1", port=port, tls=tls)
    names = Names(hooks_example=[["127.0.0.2"], ["127.0.0.1"]])
    async with poster(within("127.0.0.2/32"), names, authority.client_context()) as made:
        assert (await made.post(f"https://hooks.example:{right.port}/", {}, b"{}")).status == 200
        assert names.asked == ["hooks.example"]
        assert (
            await made.post(f"https://hooks.example:{right.port}/", {}, b"{}")
        ).error is DeliveryError.NO_CONNECTION
    assert names.asked == ["hooks.example"] * 2
    assert (right.connections, wrong.connections) == (1, 0)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["127.0.0.2", "127.0.0.1"],
        ["127.0.0.1", "127.0.0.2"],
        ["127.0.0.2", "::ffff:127.0.0.1"],
        ["127.0.0.2", "169.254.169.254"],
        ["127.0.0.2", *(f"127.0.1.{n}" for n in range(30)), "127.0.0.1"],
    ],
)
async def test_one_address_that_is_not_allowed_refuses_them_all(peer_on, addresses):
    port = port_free_on("127.0.0.2", "127.0.0.1")
    right = await peer_on(answering(OK), host="127.0.0.2", port=port)
    wrong = await peer_on(answering(OK), host="127.0.0.1", port=port)
    reach = within("127.0.0.2/32", "127.0.1.0/24")
    posted = await post_once(
        f"https://hooks.example:{right.port}/", reach, Names(hooks_example=[addresses])
    )
    assert posted.error is DeliveryError.NO_CONNECTION
    assert (right.connections, wrong.connections) == (0, 0)


async def test_a_refusal_reads_like_a_name_that_there_is_not(peer_on):
    peer = await peer_on(answering(OK))
    names = Names(
        inside_example=[["127.0.0.1"]], mixed_example=[["8.8.8.8", "10.0.0.1"]], none_example=[[]]
    )
    backend = GuardedBackend(
        AddressPolicy(frozenset({443, peer.port})), resolver := Resolver(names)
    )
    words = set()
    for name in (
        "inside.example",
        "mixed.example",
        "none.example",
        "no.such.example",
        "127.0.0.1",
        "10.0.0.1",
    ):
        with pytest.raises(httpcore.ConnectError) as refused:
            await backend.connect_tcp(name, peer.port, 5)
        words.add((type(refused.value), str(refused.value)))
    with pytest.raises(httpcore.ConnectError) as refused:
        await backend.connect_unix_socket("/var/run/docker.sock")
    words.add((type(refused.value), str(refused.value)))
    await resolver.aclose()
    assert len(words) == 1
    assert peer.connections == 0


async def test_this_machine_is_named_by_nobody_else(peer_on):
    peer = await peer_on(answering(OK))
    names = Names(localhost=[["127.0.0.2"]])
    for host in ("localhost", "Hooks.Localhost."):
        assert (await post_once(f"http://{host}:{peer.port}/", resolve=names)).status == 200
    assert names.asked == []


async def test_what_was_allowed_once_is_checked_again(peer_on):
    peer = await peer_on(answering(OK))
    for url in (
        f"http://127.0.0.1:{peer.port}/",
        f"http://localhost:{peer.port}/",
        "https://127.0.0.1/",
        "nonsense",
    ):
        assert await post_once(url, within("10.0.0.0/8")) == AttemptResult(
            None, DeliveryError.NOT_ALLOWED, None, 0, None
        )
    assert (
        await post_once(f"http://127.0.0.1:{peer.port}/", within("127.0.0.0/8"))
    ).error is DeliveryError.NOT_ALLOWED
    assert peer.connections == 0


async def test_a_redirect_is_an_answer_and_not_followed(peer_on):
    target = await peer_on(answering(OK))
    for status in (301, 302, 303, 307, 308):
        moved = (
            f"HTTP/1.1 {status} Moved\r\nlocation: http://127.0.0.1:{target.port}/\r\n"
            "content-length: 0\r\n\r\n"
        )
        peer = await peer_on(answering(moved.encode()))
        posted = await post_once(f"http://127.0.0.1:{peer.port}/")
        assert (posted.status, posted.error, posted.response) == (status, None, "")
    assert target.connections == 0


async def test_a_proxy_of_the_environment_hears_nothing(peer_on, monkeypatch):
    proxy = await peer_on(answering(OK))
    peer = await peer_on(answering(OK))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert (await post_once(f"http://127.0.0.1:{peer.port}/")).status == 200
    names = Names(hooks_example=[["127.0.0.2"]])
    assert (
        await post_once("https://hooks.example/", within("127.0.0.2/32"), names)
    ).error is DeliveryError.NO_CONNECTION
    assert proxy.connections == 0


# How names are looked up.


async def test_the_next_address_is_tried_where_nothing_listens(peer_on):
    peer = await peer_on(answering(OK), host="127.0.0.4")
    names = Names(hooks_example=[["127.0.0.2", "::1", "127.0.0.3", "127.0.0.4"]])
    resolver = Resolver(names)
    backend = GuardedBackend(within("127.0.0.0/8", "::1/128"), resolver)
    stream = await backend.connect_tcp("hooks.example", peer.port, 5)
    assert stream.get_extra_info("server_addr")[0] == "127.0.0.4"
    await stream.aclose()
    await resolver.aclose()


async def test_an_address_that_never_answers_leaves_time_for_the_next(peer_on, authority):
    port = port_free_on("127.0.0.3", "127.0.0.2")
    peer = await peer_on(
        answering(OK), host="127.0.0.3", port=port, tls=authority.server_context(["hooks.example"])
    )
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.2", peer.port))
        full.listen(0)
        for _ in range(3):  # with its queue full, it leaves whoever knocks without an answer
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(full.getsockname())
        reach, names = (
            within("127.0.0.0/8"),
            Names(hooks_example=[["127.0.0.2", "127.0.0.3"]], dead_example=[["127.0.0.2"]]),
        )
        resolver = Resolver(names)
        with pytest.raises(httpcore.ConnectTimeout):
            await GuardedBackend(reach, resolver).connect_tcp("dead.example", peer.port, 0.3)
        await resolver.aclose()
        url, context = f"https://hooks.example:{peer.port}/", authority.client_context()
        assert (await post_once(url, reach, names, context, total_seconds=2)).status == 200


async def test_a_name_with_hundreds_of_addresses_has_few_of_them_knocked_at(peer_on):
    peer = await peer_on(answering(OK), host="127.0.0.9")
    many = [f"127.0.1.{n}" for n in range(100)]
    resolver = Resolver(Names(hooks_example=[[*many, "127.0.0.9"]]))
    with pytest.raises(httpcore.ConnectError):
        await GuardedBackend(within("127.0.0.0/8"), resolver).connect_tcp(
            "hooks.example", peer.port, 5
        )
    await resolver.aclose()
    assert peer.connections == 0


class HangingNames(Names):
    """Names under `hung.example` are answered when the test lets them be; nothing else waits."""

    def __init__(self, **answers):
        super().__init__(**answers)
        self.let = threading.Event()

    def __call__(self, host, port, *, type):  # noqa: A002
        if host.endswith("hung.example"):
            self.asked.append(host)
            self.let.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return super().__call__(host, port, type=type)


async def test_names_whose_servers_never_answer_hold_up_no_other(peer_on):
    peer = await peer_on(answering(OK))
    names = HangingNames(hooks_example=[["127.0.0.1"]])
    resolver = Resolver(names)
    backend = GuardedBackend(within("127.0.0.1/32"), resolver)
    hung = [
        asyncio.create_task(backend.connect_tcp(f"{n}.hung.example", 443, 30)) for n in range(100)
    ]
    while len(names.asked) < 100:  # noqa: ASYNC110 - the names are asked for in threads
        await asyncio.sleep(0.01)
    begun = time.monotonic()
    stream = await backend.connect_tcp("hooks.example", peer.port, 5)
    assert time.monotonic() - begun < 2
    await stream.aclose()
    names.let.set()
    ended = await asyncio.gather(*hung, return_exceptions=True)
    assert {type(error) for error in ended} == {httpcore.ConnectError}
    await resolver.aclose()


async def test_a_name_that_hangs_takes_one_thread_however_many_ask_and_give_up(peer_on):
    peer = await peer_on(answering(OK))
    names = HangingNames(hooks_example=[["127.0.0.1"]])
    resolver = Resolver(names, most_look_ups=2)
    backend = GuardedBackend(within("127.0.0.1/32"), resolver)
    asking = [backend.connect_tcp("hung.example", 443, 0.2) for _ in range(50)]
    assert {type(error) for error in await asyncio.gather(*asking, return_exceptions=True)} == {
        httpcore.ConnectTimeout
    }
    with pytest.raises(httpcore.ConnectTimeout):
        await backend.connect_tcp("hung.example", 443, 0.05)
    assert names.asked == ["hung.example"]
    stream = await backend.connect_tcp("hooks.example", peer.port, 5)
    await stream.aclose()
    names.let.set()
    await resolver.aclose()


async def test_no_more_names_are_looked_up_at_a_time_than_may_be():
    names = HangingNames()
    resolver = Resolver(names, most_look_ups=3)
    asking = [asyncio.create_task(resolver.addresses(f"{n}.hung.example")) for n in range(5)]
    await asyncio.sleep(0.2)
    assert len(names.asked) == 3
    names.let.set()
    assert await asyncio.gather(*asking) == [()] * 5
    assert len(names.asked) == 5
    await resolver.aclose()


async def test_closing_ends_the_wait_for_names_that_hang():
    names = HangingNames()
    resolver = Resolver(names)
    asking = [asyncio.create_task(resolver.addresses("hung.example")) for _ in range(3)]
    while not names.asked:  # noqa: ASYNC110 - in a thread
        await asyncio.sleep(0.01)
    await resolver.aclose()
    async with asyncio.timeout(1):
        assert await asyncio.gather(*asking) == [()] * 3
    names.let.set()


async def test_an_attempt_ends_in_time_though_its_name_hangs():
    names = HangingNames()
    posted = await post_once("https://hung.example/", resolve=names, total_seconds=0.3)
    assert (posted.error, posted.status) == (DeliveryError.TIMED_OUT, None)
    assert 290 <= posted.milliseconds < 2000
    names.let.set()


def test_a_process_ends_though_a_name_hangs():
    program = (
        "import asyncio, time\n"
        "from app.webhooks.addresses import Resolver\n"
        "async def main():\n"
        "    resolver = Resolver(lambda *_, **__: time.sleep(60))\n"
        "    try:\n"
        "        await asyncio.wait_for(resolver.addresses('hung.example'), 0.2)\n"
        "    except TimeoutError:\n"
        "        print('gave up', flush=True)\n"
        "    await resolver.aclose()\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert (ended.stdout, ended.stderr) == ("gave up\n", "")


async def test_the_systems_own_look_up_finds_names_and_misses_others():
    resolver = Resolver()
    assert {str(address) for address in await resolver.addresses("127.0.0.1")} == {"127.0.0.1"}
    assert await resolver.addresses("a" * 70 + ".example") == ()
    await resolver.aclose()


# TLS.


@pytest.fixture
def names_of_hooks():
    return Names(hooks_example=[["127.0.0.2"]], other_example=[["127.0.0.2"]])


async def test_tls_is_spoken_with_the_name_though_an_address_is_connected_to(
    peer_on, authority, names_of_hooks
):
    seen = []
    context = authority.server_context(["hooks.example"])
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    peer = await peer_on(answering(OK), host="127.0.0.2", tls=context)
    async with poster(within("127.0.0.2/32"), names_of_hooks, authority.client_context()) as made:
        for _ in range(2):
            assert (await made.post(f"https://hooks.example:{peer.port}/", {}, b"{}")).status == 200
    assert seen == ["hooks.example"]
    assert f"\r\nHost: hooks.example:{peer.port}\r\n".encode() in peer.requests[0]
    assert peer.connections == 1


async def test_a_certificate_of_an_address_is_good_for_that_address(peer_on, authority):
    peer = await peer_on(answering(OK), host="::1", tls=authority.server_context(["::1"]))
    posted = await post_once(
        f"https://[::1]:{peer.port}/", EMBEDDED, None, authority.client_context()
    )
    assert posted.status == 200
    assert f"\r\nHost: [::1]:{peer.port}\r\n".encode() in peer.requests[0]


async def test_a_certificate_that_nobody_trusts_is_refused(peer_on, authority, names_of_hooks):
    peer = await peer_on(
        answering(OK), host="127.0.0.2", tls=authority.server_context(["hooks.example"])
    )
    posted = await post_once(
        f"https://hooks.example:{peer.port}/", within("127.0.0.2/32"), names_of_hooks
    )
    assert (posted.error, peer.requests) == (DeliveryError.TLS, [])


async def test_a_certificate_without_its_authority_s_key_identifier_is_refused_by_strict_pythons(
    peer_on, authority, names_of_hooks
):
    tls = authority.server_context(["hooks.example"], as_rfc_5280_has_it=False)
    peer = await peer_on(answering(OK), host="127.0.0.2", tls=tls)
    url, reach = f"https://hooks.example:{peer.port}/", within("127.0.0.2/32")
    strict, lenient = authority.client_context(), authority.client_context()
    lenient.verify_flags &= ~ssl.VERIFY_X509_STRICT
    assert (await post_once(url, reach, names_of_hooks, strict)).error is DeliveryError.TLS
    assert (await post_once(url, reach, names_of_hooks, lenient)).status == 200
    by_default = ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT
    assert bool(by_default) is (sys.version_info >= (3, 13)), (
        "docs/upgrading.md says from which Python on"
    )


async def test_a_certificate_of_another_name_is_refused(peer_on, authority, names_of_hooks):
    peer = await peer_on(
        answering(OK),
        host="127.0.0.2",
        tls=authority.server_context(["hooks.example", "127.0.0.2"]),
    )
    reach, context = within("127.0.0.2/32"), authority.client_context()
    posted = await post_once(f"https://other.example:{peer.port}/", reach, names_of_hooks, context)
    assert (posted.error, peer.requests) == (DeliveryError.TLS, [])


async def test_a_peer_that_asks_for_a_certificate_of_ours_is_tls_trouble(authority, names_of_hooks):
    # In a thread, as asyncio's own TLS tells the other side nothing of why it hangs up. Since TLS
    # 1.3 it is told only when it reads, after all seemed well.
    context = authority.server_context(["hooks.example"], asks_for_certificate=True)
    with socket.create_server(("127.0.0.2", 0)) as listener:

        def refuses():
            with context.wrap_socket(
                listener.accept()[0], server_side=True, do_handshake_on_connect=False
            ) as peer:
                with contextlib.suppress(ssl.SSLError):
                    peer.do_handshake()
                over.wait(10)

        over = threading.Event()
        refusing = asyncio.create_task(asyncio.to_thread(refuses))
        url, reach = f"https://hooks.example:{listener.getsockname()[1]}/", within("127.0.0.2/32")
        assert (
            await post_once(url, reach, names_of_hooks, authority.client_context())
        ).error is DeliveryError.TLS
        over.set()
        await refusing


async def test_a_peer_that_hangs_in_the_handshake_is_given_up_in_time_and_hung_up_on(
    peer_on, names_of_hooks
):
    hung_up = asyncio.Event()

    async def says_nothing(_peer, reader, _writer):
        await reader.read()
        hung_up.set()

    peer = await peer_on(says_nothing, host="127.0.0.2")
    async with poster(within("127.0.0.2/32"), names_of_hooks, total_seconds=0.3) as made:
        posted = await made.post(f"https://hooks.example:{peer.port}/", {}, b"{}")
        assert posted.error is DeliveryError.TIMED_OUT
        async with asyncio.timeout(2):
            await hung_up.wait()


def saying(answer):
    async def talk(peer, reader, writer):
        await peer.read(reader)
        writer.write(answer)
        await writer.drain()

    return talk


def repeating(beginning, part):
    async def talk(peer, reader, writer):
        await peer.read(reader)
        writer.write(beginning)
        await asyncio.sleep(0.05)  # so that what is read does not end where the limit does
        while True:
            writer.write(part)
            await writer.drain()

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        closes_at_once,
        resets_at_once,
        closes_after_reading,
        resets_after_reading,
        saying(b"HTTP/1.1 20"),
        saying(b"220 smtp ready\r\n\r\n"),
        saying(b"HTTP/1.1 abc OK\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nx y: z\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n"),
        saying(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
        ),
        saying(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        saying(b"\x00" * 1000),
        saying(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2**20 + b"\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000 + b"\r\n"),
        repeating(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
async def test_a_peer_that_gives_no_status_is_broken_and_raises_nothing(peer_on, talk):
    peer = await peer_on(talk)
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert (posted.status, posted.error, posted.response) == (None, DeliveryError.BROKEN, None)
    assert posted.milliseconds < 4000


async def test_where_nothing_listens_there_is_no_connection():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        posted = await post_once(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert (posted.status, posted.error) == (None, DeliveryError.NO_CONNECTION)


async def never_reads(_peer, reader, _):
    reader._transport.pause_reading()
    await asyncio.sleep(30)


async def drips_its_head(peer, reader, writer):
    await peer.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("talk", [answers_never, never_reads, drips_its_head])
async def test_a_peer_that_gives_no_status_in_time_has_timed_out(peer_on, talk):
    peer = await peer_on(talk)
    async with poster(total_seconds=0.4) as made:
        posted = await made.post(
            f"http://127.0.0.1:{peer.port}/", {}, b"x" * 2**24 if talk is never_reads else b"{}"
        )
    assert (posted.status, posted.error, posted.response) == (None, DeliveryError.TIMED_OUT, None)
    assert 390 <= posted.milliseconds < 2000


async def drips_its_body(peer, reader, writer):
    await peer.read(reader)
    writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 1000\r\nretry-after: 7\r\n\r\n")
    while True:
        writer.write(b"z")
        await writer.drain()
        await asyncio.sleep(0.02)


async def test_a_status_that_came_counts_though_the_answer_never_ends(peer_on):
    peer = await peer_on(drips_its_body)
    posted = await post_once(f"http://127.0.0.1:{peer.port}/", total_seconds=0.4)
    assert (posted.status, posted.error, posted.retry_after_seconds) == (202, None, 7.0)
    assert posted.response
    assert set(posted.response) == {"z"}
    assert 390 <= posted.milliseconds < 2000


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n",
    ],
)
async def test_a_status_that_came_counts_though_the_answer_breaks_off(peer_on, answer):
    peer = await peer_on(saying(answer))
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert (posted.status, posted.error, posted.response) == (202, None, "half")


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"content-length: 99999999999\r\n", b"x" * 65536),
        (b"connection: close\r\n", b"x" * 65536),
        (b"transfer-encoding: chunked\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (b"transfer-encoding: chunked\r\n", b"1\r\nx\r\n" * 4096),
    ],
)
async def test_an_endless_answer_is_read_for_a_while_and_its_connection_dropped(
    peer_on, head, part
):
    peer = await peer_on(repeating(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", part))
    async with poster(most_connections=1) as made:
        for connections in (1, 2):
            posted = await made.post(f"http://127.0.0.1:{peer.port}/", {}, b"{}")
            assert (posted.status, posted.error, posted.response) == (200, None, "x" * 1024)
            assert posted.milliseconds < 4000
            assert peer.connections == connections


@pytest.mark.parametrize(("beyond", "connections"), [(0, 1), (1, 2)])
async def test_an_answer_is_read_to_its_end_up_to_64_kib_and_no_byte_further(
    peer_on, beyond, connections
):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
    length = MAX_ANSWER_BYTES - len(head % 12345) + beyond
    peer = await peer_on(answering(head % length + b"x" * length))
    async with poster(most_connections=1) as made:
        for _ in range(2):
            assert (await made.post(f"http://127.0.0.1:{peer.port}/", {}, b"{}")).status == 200
    assert peer.connections == connections


async def test_a_compressed_answer_is_not_unpacked(peer_on):
    bomb = gzip.compress(b"\0" * 2**25)[:30_000]
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"
    peer = await peer_on(answering(head.encode() + bomb))
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert posted.response == bomb[:1024].decode(errors="replace").replace("\0", "")


async def test_what_an_answer_says_is_kept_as_text_that_a_database_takes(peer_on):
    said = b"\xff\x00caf\xc3\xa9\x00" + b"\xed\xa0\x80"
    peer = await peer_on(
        answering(b"HTTP/1.1 500 No\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))
    )
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert (posted.status, posted.response) == (500, "\ufffdcaf\u00e9\ufffd\ufffd\ufffd")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("Retry-After: 120", 120.0),
        ("retry-after: 99999999", 86_400.0),
        ("Retry-After: Mon, 23 Nov 2026 12:01:00 GMT", 60.0),
        ("Retry-After: Mon, 23 Nov 2026 12:01:00 GMT\r\nDate: Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Retry-After: Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Retry-After: -1", None),
        ("Retry-After: soon", None),
        ("Retry-After: 1e9", None),
        ("Retry-After: nan", None),
        ("Retry-After: " + "9" * 400, None),
        ("Retry-After: Mon, 99 Foo 99999 99:99:99 +9999", None),
        ("Retry-After: \xb2\xff", None),
        ("Retry-After:", None),
        ("X: 1", None),
    ],
)
async def test_retry_after_is_understood_and_nonsense_is_none(peer_on, headers, seconds):
    peer = await peer_on(
        answering(f"HTTP/1.1 503 No\r\n{headers}\r\ncontent-length: 0\r\n\r\n".encode("latin-1"))
    )
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert (posted.status, posted.retry_after_seconds) == (503, seconds)


async def test_a_cancelled_attempt_is_cancelled_and_leaves_its_place_to_the_next(peer_on):
    async def answers_second(peer, reader, writer):
        await peer.read(reader)
        if peer.connections == 1:
            await reader.read()
        writer.write(OK)
        await writer.drain()

    peer = await peer_on(answers_second)
    async with poster(most_connections=1) as made:
        url = f"http://127.0.0.1:{peer.port}/"
        attempt = asyncio.create_task(made.post(url, {}, b"{}"))
        while not peer.requests:  # noqa: ASYNC110 - the peer has a list and no event
            await asyncio.sleep(0.01)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert (await made.post(url, {}, b"{}")).status == 200


async def test_closing_breaks_attempts_under_way_off(peer_on):
    peer = await peer_on(answers_never)
    async with poster() as made:
        attempt = asyncio.create_task(made.post(f"http://127.0.0.1:{peer.port}/", {}, b"{}"))
        while not peer.requests:  # noqa: ASYNC110 - the peer has a list and no event
            await asyncio.sleep(0.01)
        await made.aclose()
        assert (await attempt).error is DeliveryError.BROKEN


async def test_a_header_that_cannot_be_sent_is_the_callers_mistake(peer_on):
    peer = await peer_on(answering(OK))
    async with poster() as made:
        with pytest.raises(httpcore.LocalProtocolError):
            await made.post(f"http://127.0.0.1:{peer.port}/", {"x": "a\r\nb: c"}, b"{}")
    assert peer.requests == []
