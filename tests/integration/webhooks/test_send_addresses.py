"""Where an attempt goes: no address but an allowed one is connected to, whatever names say.

What listeners hear decides.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time

import httpcore
import pytest
from integration.webhooks.attempts import OK, Names, post_once, poster, within
from worlds.peers import answering

from app.webhooks.addresses import AddressPolicy, GuardedBackend, Resolver
from app.webhooks.send import AttemptResult, DeliveryError


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
