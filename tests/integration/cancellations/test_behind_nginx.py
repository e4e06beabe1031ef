"""The audit through nginx, set as docs/proxies.md says: by line, whole, never half in silence."""

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from worlds import nginx

from app.serving import listen, served

DOCUMENTED = re.search(
    r"```nginx\n(.*?)```",
    (Path(__file__).parents[3] / "docs" / "proxies.md").read_text(),
    re.DOTALL,
)[1]
WITH_HTTP_1_0 = DOCUMENTED.replace("    proxy_http_version 1.1;\n", "")


@pytest.fixture
def behind(week, tmp_path):
    """The studio's API behind nginx: gives a caller of it."""

    @asynccontextmanager
    async def opened(location):
        with listen("127.0.0.1", 0) as listener:
            port = listener.getsockname()[1]
        async with served(week.app, parser="h11") as address:
            location = location.replace("http://127.0.0.1:8000", address)
            headers = {"Authorization": f"Bearer {week.key}"}
            base = f"http://127.0.0.1:{port}/v1/bulk-cancellations"
            with nginx.in_front(tmp_path, location, port=port):
                async with httpx.AsyncClient(
                    base_url=base, headers=headers, trust_env=False, timeout=30
                ) as http:
                    yield http

    return opened


async def test_a_whole_audit_arrives_whole(week, behind):
    job = await week.accepted()
    await week.work(job["id"])
    whole = await week.audit(job["id"])
    async with behind(DOCUMENTED) as http:
        answer = await http.get(f"/{job['id']}/audit.csv")
        head = await http.head(f"/{job['id']}/audit.csv")
        book = await http.get(f"/{job['id']}/audit.xlsx")
    assert answer.content == whole.content
    assert answer.headers["Audit-Lines"] == head.headers["Audit-Lines"] == str(len(whole))
    assert book.content.startswith(b"PK")


async def test_each_line_arrives_when_it_is_final_and_not_in_lumps(week, behind):
    job = await week.accepted()
    async with (
        behind(DOCUMENTED) as http,
        http.stream("GET", f"/{job['id']}/audit.csv?follow=true") as answer,
    ):
        lines = answer.aiter_lines()
        await anext(lines)
        # This line comes while all others are still to come.
        assert '"no_bookings"' in await asyncio.wait_for(anext(lines), 10)
        await week.work(job["id"])
        assert len([line async for line in lines]) == len(await week.audit(job["id"])) - 1


@pytest.mark.parametrize(
    "location", [DOCUMENTED, WITH_HTTP_1_0], ids=["as documented", "HTTP/1.0 to the API"]
)
async def test_an_audit_that_is_cut_short_is_broken_off_for_the_caller_too(week, behind, location):
    job = await week.accepted()
    async with (
        behind(location) as http,
        http.stream("GET", f"/{job['id']}/audit.csv?follow=true") as answer,
    ):
        lines = answer.aiter_lines()
        await anext(lines)
        week.app.state.stopping.set()
        with pytest.raises(httpx.TransportError):
            [line async for line in lines]
