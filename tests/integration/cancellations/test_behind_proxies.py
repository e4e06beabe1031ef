"""Through each proxy, set as docs/proxies.md says: an audit by line, whole, never half in silence.

And what a proxy has to pass on: the name that was asked for, who asked, and large bodies.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import orjson
import pytest
from worlds.proxies import APACHE, CADDY, HAPROXY, NGINX, SERVED
from worlds.small_apps import live

from app.serving import listen, served

ALL = pytest.mark.parametrize("proxy", [NGINX, HAPROXY, APACHE, CADDY], ids=lambda one: one.program)
LARGE = b"x" * 5_000_000


@asynccontextmanager
async def through(proxy, folder, app, *, documented=None, **caller):
    """A caller of this app through a proxy."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    async with served(app, parser="h11") as address:
        documented = (documented or proxy.documented()).replace(
            SERVED, address.removeprefix("http://")
        )
        with proxy.in_front(folder, documented, port=port):
            base_url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(
                base_url=base_url, trust_env=False, timeout=30, **caller
            ) as http:
                yield http


@pytest.fixture
def behind(week, tmp_path):
    """The studio's API behind a proxy: gives a caller of it."""

    def opened(proxy, documented=None):
        headers = {"Authorization": f"Bearer {week.key}"}
        return through(proxy, tmp_path, week.app, documented=documented, headers=headers)

    return opened


def jobs(path):
    return f"/v1/bulk-cancellations/{path}"


@ALL
async def test_a_whole_audit_arrives_whole(week, behind, proxy):
    job = await week.accepted()
    await week.work(job["id"])
    whole = await week.audit(job["id"])
    async with behind(proxy) as http:
        answer = await http.get(jobs(f"{job['id']}/audit.csv"))
        head = await http.head(jobs(f"{job['id']}/audit.csv"))
        book = await http.get(jobs(f"{job['id']}/audit.xlsx"))
    assert answer.content == whole.content
    assert answer.headers["Audit-Lines"] == head.headers["Audit-Lines"] == str(len(whole))
    assert book.content.startswith(b"PK")


@ALL
async def test_each_line_arrives_when_it_is_final_and_not_in_lumps(week, behind, proxy):
    job = await week.accepted()
    async with (
        behind(proxy) as http,
        http.stream("GET", jobs(f"{job['id']}/audit.csv?follow=true")) as answer,
    ):
        lines = answer.aiter_lines()
        await anext(lines)
        # This line comes while all others are still to come.
        assert '"no_bookings"' in await asyncio.wait_for(anext(lines), 10)
        await week.work(job["id"])
        assert len([line async for line in lines]) == len(await week.audit(job["id"])) - 1


@asynccontextmanager
async def cut_short(week, behind, proxy, documented=None):
    """The lines of an audit that the API breaks off after its first."""
    job = await week.accepted()
    async with (
        behind(proxy, documented) as http,
        http.stream("GET", jobs(f"{job['id']}/audit.csv?follow=true")) as answer,
    ):
        lines = answer.aiter_lines()
        await anext(lines)
        week.app.state.stopping.set()
        yield lines


@pytest.mark.parametrize("proxy", [NGINX, HAPROXY, APACHE], ids=lambda one: one.program)
async def test_an_audit_that_is_cut_short_is_broken_off_for_the_caller_too(week, behind, proxy):
    async with cut_short(week, behind, proxy) as lines:
        with pytest.raises(httpx.TransportError):
            [line async for line in lines]


async def test_so_it_is_through_nginx_with_http_1_0_to_the_api(week, behind):
    documented = NGINX.documented().replace("    proxy_http_version 1.1;\n", "")
    async with cut_short(week, behind, NGINX, documented) as lines:
        with pytest.raises(httpx.TransportError):
            [line async for line in lines]


async def test_caddy_of_debian_makes_a_half_look_whole_as_the_page_says(week, behind):
    async with cut_short(week, behind, CADDY) as lines:
        assert len([line async for line in lines]) < 3


async def told(scope, receive, send):
    """Tells what came: the name that was asked for, who asked, and the body's length."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message["body"]), message.get("more_body", False)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    came = {"host": headers["host"], "for": headers.get("x-forwarded-for"), "length": length}
    content = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": content})
    await send({"type": "http.response.body", "body": orjson.dumps(came)})


@ALL
async def test_the_name_the_address_and_the_body_arrive(tmp_path, proxy):
    async with through(proxy, tmp_path, told) as http:
        asked = {"Host": "studio.example", "X-Forwarded-For": "203.0.113.9"}
        answer = await http.post("/v1/schedule/import", content=LARGE, headers=asked)
    assert answer.status_code == 200
    came = answer.json()
    assert came["host"] == "studio.example"
    assert came["length"] == len(LARGE)
    # Whatever a caller claims, the last is whom the proxy saw.
    assert [one.strip() for one in came["for"].split(",")][-1] == "127.0.0.1"


def test_a_block_that_the_page_does_not_have_is_not_taken_for_one():
    with pytest.raises(AssertionError):
        replace(NGINX, language="none").documented()
