"""The audit through nginx, set as docs/proxies.md says: by line, whole, never half in silence."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.serving import listen, served

DOCUMENTED = re.search(
    r"```nginx\n(.*?)```",
    (Path(__file__).parents[3] / "docs" / "proxies.md").read_text(),
    re.DOTALL,
)[1]
WITH_HTTP_1_0 = DOCUMENTED.replace("    proxy_http_version 1.1;\n", "")
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u;
    scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


def listens(port):
    with socket.socket() as ours:
        return ours.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def nginx():
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("nginx is missing")
    return found


@pytest.fixture
def behind(nginx, week, tmp_path):
    """The studio's API behind nginx: gives a caller of it."""

    @asynccontextmanager
    async def opened(location):
        with listen("127.0.0.1", 0) as listener:
            port = listener.getsockname()[1]
        async with served(week.app, parser="h11") as address:
            location = location.replace("http://127.0.0.1:8000", address)
            written = tmp_path / "nginx.conf"
            written.write_text(CONFIGURATION.format(folder=tmp_path, port=port, location=location))
            process = await asyncio.create_subprocess_exec(
                nginx, "-p", str(tmp_path), "-c", str(written), stderr=subprocess.DEVNULL
            )
            try:
                async with asyncio.timeout(20):
                    while not listens(port):
                        assert process.returncode is None, (tmp_path / "errors").read_text()
                        await asyncio.sleep(0.02)
                headers = {"Authorization": f"Bearer {week.key}"}
                base = f"http://127.0.0.1:{port}/v1/bulk-cancellations"
                async with httpx.AsyncClient(
                    base_url=base, headers=headers, trust_env=False, timeout=30
                ) as http:
                    yield http
            finally:
                process.terminate()
                await process.wait()

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
