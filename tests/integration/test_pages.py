"""The pages as they are handed out: their headers, their files and nothing beside them.

And what they ask for first.
"""

import asyncio
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from app.api.pages import pages
from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.domain.zones import RULES
from app.main import create_app
from app.refunds.runtime import Runtime, gateways
from app.refunds.slices.run import run_slice
from app.serving import served

JOB = "019aab00-0000-7000-8000-0000000000aa"
OURS = ("/", "/bulk-cancel", f"/jobs/{JOB}", "/jobs", "/c/studio")
PAGES = (*OURS, "/docs")
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


class Deaf:
    """A queue whose wakes nobody hears: with it an API runs no worker of its own."""

    reaches_others = False

    async def wake(self, job_id, *, after_seconds=0.0, once=None, helper=False):
        return True

    async def aclose(self):
        pass


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
    return create_app(Settings(), database=db, queue=Deaf())


def calls(app, **headers) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers=headers
    )


@pytest.fixture
async def http(app):
    async with calls(app) as client:
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
            assert re.fullmatch(r"/(console|docs/assets)/[a-z_.-]+", address)
            assert (await http.get(address)).status_code == 200, address


async def test_the_console_and_the_client_s_view_are_pages_of_their_own(http):
    texts = {path: (await http.get(path)).text for path in PAGES}
    assert len({texts[path] for path in ("/", "/bulk-cancel", "/jobs", f"/jobs/{JOB}")}) == 1
    assert len(set(texts.values())) == 3
    assert "/console/console.js" in texts["/"]
    assert "/console/client.js" in texts["/c/studio"]


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
    async with calls(
        create_app(Settings(), database=app.state.service.db, queue=Deaf(), demo_key="bck_x_y")
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
            assert headed.headers["Content-Length"] == str(len(got.content))
            own = {"date", "x-request-id", "server"}
            assert {k: v for k, v in headed.headers.items() if k not in own} == {
                k: v for k, v in got.headers.items() if k not in own
            }
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                assert (await http.request(method, path)).status_code == 405, (method, path)


async def test_the_console_s_files_come_with_their_types_and_are_asked_for_each_time(http):
    types = {
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
    }
    names = sorted(path.name for path in CONSOLE.iterdir() if path.suffix != ".html")
    assert {"api.js", "style.css", "icon.svg", "console.js", "client.js"} <= set(names)
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


async def test_no_file_of_ours_names_an_address_elsewhere():
    for path in sorted(CONSOLE.iterdir()):
        text = path.read_text()
        elsewhere = set(re.findall(r"""["'(`](?:https?:)?//[^"'`)\s]+""", text))
        assert {one[1:] for one in elsewhere} <= {
            "http://www.w3.org/2000/svg",
            "https://schema.org/",
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
    key = await _business(db, "studio", "America/Toronto")
    async with calls(app) as http:
        for path in PAGES:
            assert Tags((await http.get(path)).text).keys() == []
            assert "bck_" not in (await http.get(path)).text
    async with calls(create_app(Settings(), database=db, queue=Deaf(), demo_key=key)) as http:
        for path in OURS:
            answer = await http.get(path)
            assert Tags(answer.text).keys() == [key]
            assert answer.text.count(key) == 1
            assert directives(answer.headers["Content-Security-Policy"]) == STRICT | TRUSTED_TYPES


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
class TestWithABusiness:
    """What the console asks first, and what it follows a job by."""

    @pytest.fixture
    def database_url(self, request):
        return request.getfixturevalue(f"{request.param}_url")

    async def test_a_key_is_told_whose_it_is_and_what_it_may_do(self, app, db):
        await _business(db, "studio", "America/Toronto")
        await _business(db, "tokyo", "Asia/Tokyo")
        for business, zone, scopes in (
            ("studio", "America/Toronto", list(Scope)),
            ("studio", "America/Toronto", [Scope.SCHEDULE_READ]),
            ("tokyo", "Asia/Tokyo", [Scope.CANCELLATIONS_READ, Scope.SCHEDULE_READ]),
        ):
            key = await create_key(db, business, "desk", scopes)
            async with calls(app, Authorization=f"Bearer {key}") as http:
                answer = await http.get("/v1/business")
            assert answer.status_code == 200
            assert answer.json() == {
                "id": business,
                "name": business.title(),
                "timezone": zone,
                "timezone_known": True,
                "currency": "JPY",
                "key": {"name": "desk", "scopes": sorted(scopes)},
                "test_mode": False,
                "tzdata": {"release": RULES.release, "source": RULES.source},
            }
            assert answer.headers["Cache-Control"] == "no-store"

    async def test_nobody_is_told_without_a_key_in_force(self, app, db):
        await _business(db, "studio", "America/Toronto")
        for authorization in (None, "Bearer bck_x_y", "Bearer "):
            async with calls(
                app, **({"Authorization": authorization} if authorization else {})
            ) as http:
                answer = await http.get("/v1/business")
            assert answer.status_code == 401, authorization
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert "Studio" not in answer.text

    async def test_a_key_that_may_do_little_is_told_whose_it_is_and_what_it_may_do(self, app, db):
        await _business(db, "studio", "America/Toronto")
        other = await create_key(db, "studio", "refunds", [Scope.CANCELLATIONS_READ])
        async with calls(app, Authorization=f"Bearer {other}") as http:
            answer = await http.get("/v1/business")
        assert (answer.status_code, answer.json()["key"]["scopes"]) == (200, ["cancellations:read"])

    async def test_events_without_refunds_tell_how_the_job_stands_have_no_ids_and_end_with_it(
        self, app, db, upstream_sandbox
    ):
        key = await _business(db, "studio", "America/Toronto")
        stranger = await _business(db, "tokyo", "Asia/Tokyo")
        settings = Settings(upstream_timeout_seconds=2, upstream_quiescence_seconds=0)
        at = upstream_sandbox.url
        upstreams = gateways(settings, payments_url=f"{at}/payments", credits_url=f"{at}/credits")
        runtime = Runtime(db, Deaf(), upstreams, settings, jitter=lambda: 0.0)
        async with (
            served(app) as address,
            _live(address, key) as http,
            _live(address, stranger) as theirs,
        ):
            job = await _cancelled(http)
            path = f"/v1/bulk-cancellations/{job}/events?refunds=false"
            assert (await theirs.get(path)).status_code == 404
            async with http.stream("GET", path) as answer:
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                assert answer.headers["Cache-Control"] == "no-store, no-transform"
                events = _events(answer)
                name, first = await asyncio.wait_for(anext(events), 10)
                assert (name, first["status"], first["id"]) == ("progress", "queued", job)
                while await run_slice(runtime, job, seconds=5) is not None:
                    pass
                rest = await asyncio.wait_for(_all(events), 20)
            assert {name for name, _ in rest[:-1]} <= {"progress"}
            now = (await http.get(f"/v1/bulk-cancellations/{job}")).json()
            assert rest[-1] == ("done", now)
            assert now["refunds"]["succeeded"]["count"] == 3
            # Whoever comes back, with whatever id of another stream, is told how it stands now.
            for last in ("0", "2", "999999", "nonsense"):
                async with http.stream("GET", path, headers={"Last-Event-ID": last}) as answer:
                    assert answer.status_code == 200
                    assert await asyncio.wait_for(_all(_events(answer)), 20) == [("done", now)]
            await runtime.aclose()


async def _business(db, id_: str, timezone: str) -> str:
    """Create a business; gives a key that may do everything."""
    async with db.write() as conn:
        await create_business(conn, id_, name=id_.title(), timezone=timezone, currency="JPY")
    return await create_key(db, id_, "front desk", list(Scope))


def _live(address: str, key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(
        base_url=address, headers=headers, trust_env=False, verify=False, timeout=20
    )


async def _cancelled(http: httpx.AsyncClient) -> str:
    """A session with three bookings, and its cancellation."""
    times = {"starts_at": "2098-11-24T09:00:00Z", "ends_at": "2098-11-24T10:00:00Z"}
    assert (await http.put("/v1/sessions/s1", json={"name": "Yoga"} | times)).status_code == 201
    records = [{"type": "client", "id": "kim", "name": "Kim Li"}]
    for number in range(3):
        payment = {
            "method": "payment",
            "payment_id": f"pay-{number}",
            "amount_minor": 500,
            "currency": "JPY",
        }
        names = {"id": f"b{number}", "session_id": "s1", "client_id": "kim"}
        records.append({"type": "booking", "status": "booked", "payments": [payment]} | names)
    lines = "\n".join(json.dumps(record) for record in records)
    headers = {"Content-Type": "application/x-ndjson"}
    imported = await http.post("/v1/schedule/import", content=lines, headers=headers)
    assert imported.json()["errors"] == 0, imported.text
    body = {"date_from": "2098-11-24", "date_to": "2098-11-24", "session_ids": ["s1"]}
    answer = await http.post(
        "/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": "once"}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def _events(answer: httpx.Response):
    """(name, data) of each event; one with an id fails."""
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value
        elif not line and event:
            assert event.keys() == {"event", "data"}
            yield event["event"], json.loads(event["data"])
            event = {}


async def _all(events) -> list:
    return [event async for event in events]
