"""What `docs/integrating.md` shows, run as it stands there against a live server.

It must print what the page says.
"""

import asyncio
import contextlib
import dataclasses
import json
import re
from pathlib import Path

import httpx
import pytest
from contract.clients.live import live
from contract.clients.programs import BIN, needs, run, typescript
from crash.processes import free_port
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from app.document import document as generated
from app.domain.events import EventType
from app.serving import served

PAGE = Path(__file__).parents[2] / "docs" / "integrating.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"(?:#|//) ([\w.-]+)\n")
END = "\x1e"  # printed after each block of shell, which prints none itself


def sections():
    """The page's sections by heading, the words before the first under ""."""
    parts = re.split(r"^## (.*)\n", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


def blocks(section):
    """The fenced blocks of a section: (language, text)."""
    return FENCE.findall(sections()[section])


def agrees(claimed, printed):
    """Whether an output is as claimed, where `…` is whatever came on that line."""
    pattern = ".*".join(re.escape(part) for part in claimed.rstrip("\n").split("…"))
    return re.fullmatch(pattern, printed.rstrip("\n")) is not None


def files(section):
    """The files that a section would have saved, by name."""
    return {
        NAME.match(text)[1]: text
        for language, text in blocks(section)
        if language not in ("sh", "text")
    }


def shell(section):
    """The blocks of shell of a section, each with what is claimed to come of it, if anything is."""
    found = []
    for language, text in blocks(section):
        if language == "sh":
            found.append((text, None))
        if language == "text":
            command, claimed = found.pop()
            assert claimed is None, f"two outputs of one block:\n{command}"
            found.append((command, text))
    return found


async def check(sections_to_run, folder, environment):
    """Save the sections' files, run their shell from first to last block, compare the output."""
    for section in sections_to_run:
        for name, text in files(section).items():
            (folder / name).write_text(text)
    steps = [step for section in sections_to_run for step in shell(section)]
    script = "set -euo pipefail\n" + "".join(f"{command}printf '\\036'\n" for command, _ in steps)
    printed = await run("bash", "-c", script, folder=folder, seconds=500, **environment)
    *outputs, rest = printed.split(END)
    assert rest == ""
    for (command, claimed), output in zip(steps, outputs, strict=True):
        assert claimed is None or agrees(claimed, output), (
            f"{command}\nis said to print\n{claimed}\nand prints\n{output}"
        )


@pytest.fixture
async def server(sqlite_url, tmp_path):
    async with live(sqlite_url, tmp_path) as server:
        yield server


@contextlib.asynccontextmanager
async def breaking(server, method, ending, *, after_bytes):
    """The server behind a proxy that breaks off its first answer to such a request.

    Gives the proxied server, and what has been broken off.
    """
    broken = []

    async def forward(request):
        breaks = request.method == method and request.url.path.endswith(ending) and not broken
        if breaks:
            broken.append(request.url.path)
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        url = f"{request.url.path}?{request.url.query}"
        asked = http.build_request(
            request.method, url, headers=headers, content=await request.body()
        )
        answer = await http.send(asked, stream=True)

        async def body():
            left = after_bytes
            async with contextlib.aclosing(answer):
                async for chunk in answer.aiter_raw():
                    yield chunk[:left] if breaks else chunk
                    left -= len(chunk)
                    if breaks and left <= 0:
                        raise ConnectionAbortedError

        return StreamingResponse(body(), answer.status_code, dict(answer.headers))

    methods = ["GET", "POST", "PATCH", "DELETE"]
    async with (
        httpx.AsyncClient(base_url=server.api, trust_env=False, verify=False, timeout=30) as http,
        served(Starlette(routes=[Route("/{path:path}", forward, methods=methods)])) as address,
    ):
        yield dataclasses.replace(server, api=address), broken


@contextlib.asynccontextmanager
async def demo(folder):
    """What `make demo` runs, with what its line to paste exports."""
    process = await asyncio.create_subprocess_exec(
        BIN / "bulk-cancel",
        "demo",
        "--port",
        str(free_port()),
        cwd=folder,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        while not (
            pasted := re.match(r" *export (.*)", (await process.stderr.readline()).decode())
        ):
            assert process.returncode is None
        told = asyncio.create_task(process.stderr.read())
        exported = dict(one.split("=", 1) for one in pasted[1].split())
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as http:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    await http.get(f"{exported['API']}/livez")
                    break
        yield exported | {"PORT": str(free_port()), "NO_PROXY": "127.0.0.1"}
    finally:
        process.terminate()
        await process.wait()
        await told


@pytest.mark.timeout(600)
async def test_the_page_is_a_tour_that_runs_from_top_to_bottom_in_one_demo(tmp_path):
    needs("bash", "curl", "jq")
    workshop = await typescript(tmp_path)
    # The page makes its own of these.
    for left in ("bulk-cancel.d.ts", "journey.ts", "tsconfig.json", "package.json"):
        (workshop / left).unlink()
    async with demo(tmp_path) as exported:
        await check(sections(), workshop, exported)


async def test_a_front_end_whose_stream_breaks_sees_each_refund_once(server, tmp_path):
    needs("bash", "curl", "jq")
    workshop = await typescript(tmp_path)
    (workshop / "bulk-cancel.d.ts").unlink()
    (workshop / "journey.ts").unlink()
    async with breaking(server, "GET", "/events", after_bytes=20_000) as (proxied, broken):
        await check(["", "A web front end"], workshop, proxied.environment())
    assert len(broken) == 1


async def test_a_mobile_backend_whose_answer_was_lost_has_cancelled_once(server, tmp_path):
    needs("bash", "curl", "jq")
    async with breaking(server, "POST", "/bulk-cancellations", after_bytes=1) as (proxied, broken):
        await check(["", "A mobile backend"], tmp_path, proxied.environment())
    assert len(broken) == 1
    async with server.caller() as http:
        assert len((await http.get("/v1/bulk-cancellations")).json()["data"]) == 1


def test_every_block_is_run_and_most_say_what_comes_out():
    every = [block for section in sections() for block in blocks(section)]
    assert PAGE.read_text().count("```") == 2 * len(every)
    assert {language for language, _ in every} == {"sh", "text", "python", "typescript", "yaml"}
    for section in sections():
        commands = [command for command, _ in shell(section)]
        claims = [claimed for _, claimed in shell(section) if claimed is not None]
        assert len(claims) == sum(language == "text" for language, _ in blocks(section))
        assert commands
        for name in files(section):
            stem = name.rsplit(".", 1)[0]
            assert any(stem in command for command in commands), f"{name} is saved and never used"


def test_an_output_that_is_not_as_claimed_is_seen():
    assert agrees("45 sessions, … refunds\ntrue\n", "45 sessions, 315 refunds\ntrue\n")
    assert not agrees("45 sessions\n", "46 sessions\n")
    assert not agrees("true\n", "true\ntrue\n")
    assert not agrees("a…\nb\n", "a\nc\nb\n")
    assert not agrees("true\n", "")


async def test_a_snippet_that_fails_anywhere_fails_the_test(tmp_path):
    with pytest.raises(AssertionError):
        await run("bash", "-c", "set -euo pipefail\nfalse | true\nprintf done\n", folder=tmp_path)


def test_the_table_names_every_event_with_the_members_of_its_data():
    document = json.loads(generated())
    rows = re.findall(
        r"^\| `([a-z_.]+)` \| .* \| ((?:`\w+` ?)+) \|$", PAGE.read_text(), re.MULTILINE
    )
    assert sorted(name for name, _ in rows) == sorted(EventType)
    for name, members in rows:
        schemas = document["components"]["schemas"]
        content = document["webhooks"][name]["post"]["requestBody"]["content"]
        event = schemas[content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]]
        data = schemas[event["properties"]["data"]["$ref"].rsplit("/", 1)[1]]
        assert {"business_id", *re.findall(r"\w+", members)} == data["properties"].keys(), name
