"""An attempt over TLS: the name is checked though an address is connected to."""

import asyncio
import contextlib
import socket
import ssl
import sys
import threading

import pytest
from integration.webhooks.attempts import EMBEDDED, OK, Names, post_once, poster, within
from worlds.peers import answering

from app.webhooks.send import DeliveryError

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
