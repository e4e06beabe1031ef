"""The pages as they are handed out: their headers, their files and nothing beside them.

And what they ask for first.
"""

import asyncio
import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from worlds.queue import Unheard
from worlds.studio import calling, open_business

from app.api.pages import assets, pages
from app.config.settings import Settings
from app.main import create_app
from app.serving import served

JOB = "019aab00-0000-7000-8000-0000000000aa"
OF_STAFF = (
    "/",
    "/bulk-cancel",
    "/terms",
    f"/jobs/{JOB}",
    "/jobs",
    "/clients",
    "/settings/page",
)
OF_CLIENTS = ("/c/studio", "/embed/studio", "/yours/x.y", "/choose/x.y", "/unsubscribe/x.y")
PAGES = (*OF_STAFF, *OF_CLIENTS, "/docs")
# What a client's calendar is at: people follow these links, no page of ours asks them anything.
CALENDARS = {
    f"https://{host}"
    for host in (
        "calendar.google.com/calendar/r?${new",
        "outlook.live.com/calendar/0/addfromweb?${query}",
        "outlook.office.com/calendar/0/addfromweb?${query}",
    )
}
CONSOLE = Path(pages.__file__).parents[2] / "console"
STRICT = {
    "default-src": {"'none'"},
    "script-src": {"'self'"},
    "style-src": {"'self'"},
    "img-src": {"'self'"},
    "connect-src": {"'self'"},
    "base-uri": {"'none'"},
    "form-action": {"'none'"},
    "frame-ancestors": {"'none'"},
}
TRUSTED_TYPES = {"require-trusted-types-for": {"'script'"}, "trusted-types": {"'none'"}}
OF_SWAGGER = {"style-src": {"'self'", "'unsafe-inline'"}, "img-src": {"'self'", "data:"}}
OUTSIDE = (
    "/console/../main.py",
    "/console/%2e%2e/main.py",
    "/console/..%2fmain.py",
    "/console/%2e%2e%2fmain.py",
    "/console/.%2e/main.py",
    "/console/..%5cmain.py",
    "/console/..%252fmain.py",
    "/console/%2e%2e/console/../main.py",
    "/console//etc/passwd",
    "/console/%2fetc%2fpasswd",
    "/console/....//main.py",
    "/docs/assets/../../../pyproject.toml",
    "/docs/assets/%2e%2e/__init__.py",
)
UNKNOWN = (
    "/console",
    "/console/",
    "/console/absent.js",
    "/console/index.html",
    "/console/client.html",
    "/console/choose.html",
    "/console/unsubscribe.html",
    "/console/docs.html",
    "/console/api.js/absent",
    "/console/api.js%00.css",
    "/console/%00",
    "/console/%ff",
    f"/console/{'a' * 300}.js",
    "/docs/assets/",
    "/jobs/",
    "/c/",
    "/c/a%2fb",
    "/index.html",
)


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def keys(self) -> list[str | None]:
        """What a page signs in with by itself."""
        return [
            of["content"]
            for tag, of in self.found
            if tag == "meta" and of.get("name") == "bulk-cancel-demo-key"
        ]


def directives(policy: str) -> dict[str, set[str]]:
    """A Content-Security-Policy by directive; a browser would ignore one that comes twice."""
    parts = [part.split() for part in policy.split(";")]
    assert len({name for name, *_ in parts}) == len(parts)
    return {name: set(sources) for name, *sources in parts}


@pytest.fixture
def app(db):
    return create_app(Settings(), database=db, queue=Unheard())


@pytest.fixture
async def http(app):
    async with calling(app) as client:
        yield client


@pytest.fixture
def database_url(sqlite_url):
    """The pages ask no database, and what they ask first asks little.

    So one kind of database is enough, but where a test says otherwise.
    """
    return sqlite_url


async def test_each_page_is_html_under_the_strict_policy(http):
    for path in PAGES:
        answer = await http.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        expected = STRICT | OF_SWAGGER if path == "/docs" else STRICT | TRUSTED_TYPES
        assert directives(answer.headers["Content-Security-Policy"]) == expected, path
        assert answer.headers.get_list("Content-Security-Policy") == [
            answer.headers["Content-Security-Policy"]
        ]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Set-Cookie" not in answer.headers
        assert answer.content.lower().startswith(b"<!doctype html>")


async def test_a_page_needs_nothing_that_its_policy_forbids_and_only_files_that_are_there(http):
    for path in PAGES:
        tags = Tags((await http.get(path)).text).found
        loaded = [
            of.get("src") or of.get("href") for tag, of in tags if tag in {"script", "link", "img"}
        ]
        assert None not in loaded  # a script that is written in the page would be refused
        assert not any(name == "style" or name.startswith("on") for _, of in tags for name in of)
        assert not any(tag == "style" for tag, _ in tags)
        for address in loaded:
            assert re.fullmatch(
                r"/(console/[0-9a-f]{16}|docs/assets)/[a-z_.-]+((/[a-z]+){1,2}\.js)?", address
            )
            assert (await http.get(address)).status_code == 200, address


async def test_the_console_and_the_client_s_view_are_pages_of_their_own(http):
    entries = {}
    for path in PAGES:
        text = (await http.get(path)).text
        entries[path] = re.findall(r'<script type="module" src="/console/\w+/(\w+\.js)">', text)
    assert {tuple(entries[path]) for path in OF_STAFF} == {("console.js",)}
    assert [*entries["/c/studio"], *entries["/embed/studio"]] == ["client.js", "client.js"]
    assert entries["/yours/x.y"] == ["yours.js"]


async def test_a_page_that_has_not_changed_is_answered_304_and_none_is_shown_without_asking(
    app, http
):
    for path in PAGES:
        first = await http.get(path)
        tag = first.headers["ETag"]
        assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
        # Kept it may be, but is asked for each time before it is shown (`no-cache`, RFC 9111
        # §5.2.2.4).
        assert first.headers["Cache-Control"] == "no-cache"
        assert not {"Expires", "Age", "Last-Modified"} & {name.title() for name in first.headers}
        for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await http.get(path, headers={"If-None-Match": held})
            assert (again.status_code, again.content) == (304, b""), (path, held)
            for name in ("ETag", "Cache-Control", "Content-Security-Policy"):
                assert again.headers[name] == first.headers[name]
        changed = await http.get(path, headers={"If-None-Match": '"other"'})
        assert (changed.status_code, changed.content) == (200, first.content)
    async with calling(
        create_app(Settings(), database=app.state.service.db, queue=Unheard(), demo_key="bck_x_y"),
        Host="localhost",
    ) as other:
        assert (await other.get("/")).headers["ETag"] != (await http.get("/")).headers["ETag"]


async def test_head_answers_as_get_does_without_the_body_and_nothing_can_be_sent_to_a_page(app):
    async with (
        served(app) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=False) as http,
    ):
        for path in (*PAGES, "/console/api.js"):
            got, headed = await http.get(path), await http.head(path)
            assert (headed.status_code, headed.content) == (200, b"")
            is_packed = "Content-Encoding" in got.headers
            assert is_packed or headed.headers["Content-Length"] == str(len(got.content))
            own = {"date", "x-request-id", "server"}
            assert {k: v for k, v in headed.headers.items() if k not in own} == {
                k: v for k, v in got.headers.items() if k not in own
            }
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                # A mail program's one click is a POST, of a link that leads somewhere.
                takes_posts = (method, path) == ("POST", "/unsubscribe/x.y")
                expected = 404 if takes_posts else 405
                assert (await http.request(method, path)).status_code == expected, (method, path)


async def test_the_console_s_files_come_with_their_types_and_are_asked_for_each_time(http):
    types = {
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
    }
    names = sorted(
        str(path.relative_to(CONSOLE))
        for path in CONSOLE.rglob("*")
        if path.is_file() and path.suffix != ".html"
    )
    assert {
        "api.js",
        "style.css",
        "icon.svg",
        "console.js",
        "languages/ar.js",
        "languages/ar/job.js",
    } <= set(names)
    for name in names:
        answer = await http.get(f"/console/{name}")
        assert (answer.status_code, answer.content) == (200, (CONSOLE / name).read_bytes())
        assert answer.headers["Content-Type"] == types[Path(name).suffix]
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        again = await http.get(
            f"/console/{name}", headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert (again.status_code, again.content) == (304, b"")


async def test_a_file_at_the_address_that_pages_give_it_is_kept_for_good_and_at_others_asked_for(
    http,
):
    for path in PAGES:
        text = (await http.get(path)).text
        addresses = re.findall(r'(?:href|src)="(/console/[^"]+)"', text)
        assert addresses, path
        for address in addresses:
            answer = await http.get(address)
            _, name = assets.split(address.removeprefix("/console/"))
            assert answer.content == (CONSOLE / name).read_bytes()
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            other = await http.get(f"/console/{'0' * 16}/{name}")  # of another build's page
            assert other.content == answer.content
            assert other.headers["Cache-Control"] == "no-cache"


async def test_a_page_names_the_modules_of_the_view_at_its_address():
    source = (CONSOLE / "console.js").read_text()
    found = re.findall(r"\[/\^(.+?)\$/, \(\) => import\(\"\./(\w+\.js)\"\)\]", source)
    views = {
        re.sub(r"\(\?<id>.+\)", "{job_id}", path.replace("\\/", "/")): view for path, view in found
    }
    assert views == pages.VIEWS
    assert set(assets.needed("console.js")) >= {
        "console.js",
        "api.js",
        "languages/en.js",
        "languages/en/frame.js",
    }


async def test_the_console_s_files_come_small_to_who_can_unpack_them_and_parts_as_they_are(http):
    whole = (CONSOLE / "style.css").read_bytes()
    for taken, packed in (("br, gzip;q=0.5", "gzip"), ("gzip;q=0", None)):
        headers = {"Accept-Encoding": taken}
        async with http.stream("GET", "/console/style.css", headers=headers) as answer:
            sent = b"".join([part async for part in answer.aiter_raw()])
        assert answer.headers.get("Content-Encoding") == packed
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert (gzip.decompress(sent) if packed else sent) == whole
        assert len(sent) < len(whole) / 3 or packed is None
        part = await http.get("/console/style.css", headers=headers | {"Range": "bytes=0-9"})
        assert (part.status_code, part.content) == (206, whole[:10])


async def test_no_file_of_ours_names_an_address_elsewhere():
    for path in sorted(path for path in CONSOLE.rglob("*") if path.is_file()):
        text = path.read_text()
        elsewhere = set(re.findall(r"""["'(`](?:https?:)?//[^"'`)\s]+""", text))
        assert {one[1:] for one in elsewhere} <= {
            "http://www.w3.org/2000/svg",
            "https://schema.org/",
            *(CALENDARS if path.name == "subscribe.js" else ()),
        }, path.name


async def test_nothing_but_the_console_s_own_files_is_ever_handed_out(app):
    """Over a socket, byte for byte: clients tidy such paths up before they send them."""
    async with served(app) as address:
        host, port = address.removeprefix("http://").split(":")

        async def get(target: str) -> tuple[int, httpx.Headers, bytes]:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                f"GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode()
            )
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            status, *lines = head.decode().split("\r\n")
            return (
                int(status.split()[1]),
                httpx.Headers([line.split(": ", 1) for line in lines]),
                body,
            )

        assert (await get("/console/api.js"))[0] == 200
        for target in OUTSIDE + UNKNOWN:
            status, headers, body = await get(target)
            assert (status, headers["Content-Type"]) == (404, "application/problem+json"), target
            assert json.loads(body)["type"] == "/problems/not-found"
            assert str(CONSOLE.parent) not in body.decode()


async def test_a_page_holds_a_key_only_where_the_service_was_told_to_give_it_away(app, db):
    key = await open_business(db, "studio", "America/Toronto", "JPY")
    async with calling(app) as http:
        for path in PAGES:
            assert Tags((await http.get(path)).text).keys() == []
            assert "bck_" not in (await http.get(path)).text
    demo = create_app(Settings(), database=db, queue=Unheard(), demo_key=key)
    async with calling(demo, Host="127.0.0.1:8000") as http:
        for path in OF_CLIENTS:
            assert Tags((await http.get(path)).text).keys() == []
        for path in OF_STAFF:
            answer = await http.get(path)
            assert Tags(answer.text).keys() == [key]
            assert answer.text.count(key) == 1
            assert directives(answer.headers["Content-Security-Policy"]) == STRICT | TRUSTED_TYPES


@pytest.mark.parametrize(
    ("host", "is_given"),
    [
        ("127.0.0.1:8000", True),
        ("localhost:8000", True),
        ("[::1]:8000", True),
        ("studio.example", False),
        ("127.0.0.1.studio.example:8000", False),
        ("localhost.studio.example", False),
        ("192.168.1.20:8000", False),
    ],
)
async def test_the_demo_gives_its_key_to_this_machine_by_its_own_names_alone(db, host, is_given):
    demo = create_app(Settings(), database=db, queue=Unheard(), demo_key="bck_x_y")
    async with calling(demo, Host=host) as http:
        for path in OF_STAFF:
            answer = await http.get(path)
            assert answer.status_code == 200
            assert ("bck_" in answer.text) == is_given, path


async def test_the_demo_gives_its_key_to_no_other_machine(db):
    demo = create_app(Settings(), database=db, queue=Unheard(), demo_key="bck_x_y")
    elsewhere = httpx.ASGITransport(demo, client=("192.168.1.20", 4321))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://localhost:8000") as http:
        assert "bck_" not in (await http.get("/")).text
