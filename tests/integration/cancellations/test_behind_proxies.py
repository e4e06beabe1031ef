"""Through each proxy, set as docs/proxies.md says: an audit by line, whole, never half in silence.

And what a proxy has to pass on: the name that was asked for, who asked, and large bodies.
"""

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import orjson
import pytest
from worlds.proxies import APACHE, CADDY, HAPROXY, NGINX, PASSED_ON, ROOT_PATH, SERVED, TAKEN_OFF
from worlds.small_apps import live

from app.main import create_app
from app.serving import listen, served

ALL = pytest.mark.parametrize("proxy", [NGINX, HAPROXY, APACHE, CADDY], ids=lambda one: one.program)
OURS = re.compile(r"/(v1|problems|yours|choose|jobs|c)/")
AHEAD = re.compile(r'<link rel="modulepreload"[^>]*>')  # of one view or another
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


@pytest.fixture
def under_prefix(week, tmp_path):
    """The studio at the prefix of a site: gives a caller who is sent to whatever they are told."""

    def opened(proxy, way):
        settings = week.runtime.settings.model_copy(update={"root_path": ROOT_PATH})
        app = create_app(settings, database=week.db, queue=week.queue, runtime=week.runtime)
        headers = {"Authorization": f"Bearer {week.key}"}
        return through(proxy, tmp_path, app, documented=proxy.documented(way), headers=headers)

    return opened


def assert_within(answer):
    """Nothing that an answer names as ours is outside of the prefix."""
    told = [answer.headers.get("location", ROOT_PATH)]
    if "json" in answer.headers["Content-Type"]:
        told += [one for one in words(answer.json()) if OURS.match(one)]
    assert all(one.startswith(ROOT_PATH) for one in told), told


def words(value):
    """All texts of a JSON value."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        return [one for each in value for one in words(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("way", [PASSED_ON, TAKEN_OFF])
@ALL
async def test_a_week_is_cancelled_and_followed_under_a_prefix(week, under_prefix, proxy, way):
    async with under_prefix(proxy, way) as http:
        asked = {"json": week.body(["yoga", "spin"]), "headers": {"Idempotency-Key": "snow"}}
        accepted = await http.post(f"{ROOT_PATH}/v1/bulk-cancellations", **asked)
        assert accepted.status_code == 202, accepted.text
        replayed = await http.post(f"{ROOT_PATH}/v1/bulk-cancellations", **asked)
        assert replayed.headers["Idempotent-Replayed"] == "true"
        at = accepted.headers["Location"]
        assert at == replayed.headers["Location"]
        async with http.stream("GET", f"{at}/audit.csv?follow=true") as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            await week.work(accepted.json()["id"])
            followed = [line async for line in lines]
        job = await http.get(at)
        polled = await http.get(at, headers={"If-None-Match": job.headers["ETag"]})
        assert (job.json()["status"], polled.status_code) == ("completed", 304)
        audit = await http.get(f"{at}/audit.csv")
        assert len(followed) == int(audit.headers["Audit-Lines"])
        links = await http.get(f"{at}/client-links")
        client = await http.get(links.json()["data"][0]["link"])
        assert client.headers["Content-Type"].startswith("text/html")
        refused = await http.get(f"{at}x")
        kind = await http.get(refused.json()["type"], headers={"Accept": "application/json"})
        assert kind.status_code == 200
        document = await http.get(f"{ROOT_PATH}/openapi.json")
        assert document.json()["servers"] == [{"url": ROOT_PATH}]
        for answer in (accepted, replayed, job, links, refused, kind):
            assert_within(answer)
        schedule = "/v1/public/studio/schedule"
        for path in ("/livez", schedule, f"{schedule}.ics", "/", "/c/studio", "/docs"):
            assert (await http.get(ROOT_PATH + path)).status_code == 200, path
        for path in ("/", "/livez", "/v1/sessions", f"{ROOT_PATH}x/livez"):
            assert (await http.get(path)).status_code >= 400, path  # the site's, not ours
        if (proxy, way) != (APACHE, TAKEN_OFF):  # the page says so
            alone = await http.get(ROOT_PATH, follow_redirects=True)
            start = await http.get(f"{ROOT_PATH}/")
            assert alone.status_code == 200
            assert AHEAD.sub("", alone.text) == AHEAD.sub("", start.text)


def test_a_block_that_the_page_does_not_have_is_not_taken_for_one():
    with pytest.raises(AssertionError):
        replace(NGINX, language="none").documented()
