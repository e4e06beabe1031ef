"""Under a prefix every address that is given has it, whether or not a proxy takes it off."""

import json
import re

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Route
from worlds.records import booking, client, session
from worlds.studio import calling

from app.api.layers.mount import Mounted
from app.config.settings import Settings
from app.main import create_app
from app.messages.deliver import office_of

PREFIX = "/bulk-cancel"
BODY_LIMIT = 4096
PAGES = (
    *("/", "/bulk-cancel", "/jobs", "/docs", "/c/studio", "/embed/studio", "/choose/x.y"),
    "/outbox",  # only a demo's
)
LOGO = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFUlEQVR4nGNgaPhPGhrVMKqBgTYAAIqYwAE"
    "vCmx5AAAAAElFTkSuQmCC"
)


class Stripping(httpx.ASGITransport):
    """A proxy that takes the prefix off, and knows nothing beside it."""

    async def handle_async_request(self, request):
        assert request.url.path.startswith(f"{PREFIX}/"), request.url
        path = request.url.raw_path.removeprefix(PREFIX.encode())
        request.url = request.url.copy_with(raw_path=path)
        return await super().handle_async_request(request)


class PassingOn(httpx.ASGITransport):
    """A proxy that passes all on, and knows nothing beside the prefix."""

    async def handle_async_request(self, request):
        assert request.url.path.startswith(f"{PREFIX}/"), request.url
        return await super().handle_async_request(request)


@pytest.fixture
def database_url(sqlite_url):
    """Addresses are the same whichever database is behind them."""
    return sqlite_url


@pytest.fixture
def settings(database_url, tmp_path):
    return Settings(
        database_url=database_url, secrets_file=tmp_path / "secrets", webhook_loopback=True
    )


def mounted(studio, **settings):
    """An app of the same studio under the prefix."""
    found = studio.runtime.settings.model_copy(update={"root_path": PREFIX, **settings})
    return create_app(
        found, database=studio.db, queue=studio.queue, runtime=studio.runtime, demo_key="bck_x_y"
    )


@pytest.fixture(params=[PassingOn, Stripping], ids=["passed on", "taken off"])
async def site(request, studio):
    """What calls the studio at the site, by the addresses that it is given."""
    headers = {"Authorization": f"Bearer {studio.key}"}
    app = mounted(studio, body_limit_bytes=BODY_LIMIT)
    transport = request.param(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=headers
    ) as http:
        http.studio, http.app = studio, app
        yield http


async def accepted(site):
    """A job of Kim's class, as its answer."""
    await site.studio.load(
        client("kim", name="Kim", email="kim@example.org"),
        session("yoga"),
        booking("card", "yoga", ("CAD", 2000)),
    )
    body = site.studio.body(["yoga"])
    answer = await site.post(
        f"{PREFIX}/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 202, answer.text
    return answer


async def test_what_was_made_is_where_the_answer_says(site):
    answer = await accepted(site)
    assert answer.headers["Location"].startswith(f"{PREFIX}/v1/bulk-cancellations/")
    there = await site.get(answer.headers["Location"])
    assert (there.status_code, there.json()["id"]) == (200, answer.json()["id"])
    hook = await site.post(f"{PREFIX}/v1/webhook-endpoints", json={"url": "http://127.0.0.1:9/"})
    assert hook.headers["Location"] == f"{PREFIX}/v1/webhook-endpoints/{hook.json()['id']}"
    made = await site.post(
        f"{PREFIX}/v1/keys",
        json={"name": "desk", "role": "front_desk"},
        headers={"Idempotency-Key": "key"},
    )
    assert made.status_code == 201, made.text
    assert (await site.get(made.headers["Location"])).status_code in {200, 405}


async def test_a_problem_s_type_leads_to_its_page(site):
    for path, slug in (
        ("/v1/sessions?limit=0", "validation"),  # FastAPI's
        ("/v1/nothing", "not-found"),  # the router's
        ("/v1/bulk-cancellations/019aab00-0000-7000-8000-0000000000aa", "not-found"),  # a step's
    ):
        kind = (await site.get(PREFIX + path)).json()["type"]
        assert kind == f"{PREFIX}/problems/{slug}"
        page = await site.get(kind, headers={"Accept": "application/json"})
        assert (page.status_code, page.json()["type"]) == (200, kind)
        html = (await site.get(kind)).text
        assert f"<code>{kind}</code>" in html
        assert f'href="{PREFIX}/console/style.css"' in html
    unknown = await site.get(f"{PREFIX}/v1/sessions", headers={"Authorization": "Bearer bck_no"})
    assert unknown.json()["type"] == f"{PREFIX}/problems/unauthenticated"  # a layer's


async def test_pages_name_nothing_that_is_elsewhere_and_say_where_they_are(site):
    for path in PAGES:
        page = await site.get(PREFIX + path)
        assert page.status_code == 200, path
        loaded = re.findall(r'(?:src|href)="(/[^"]*)"', page.text)
        assert loaded, path
        for address in loaded:
            assert address.startswith(f"{PREFIX}/"), (path, address)
            assert (await site.get(address)).status_code == 200, (path, address)
        if path != "/outbox":
            assert page.text.count(f'<meta name="bulk-cancel-root" content="{PREFIX}" />') == 1
        kept = [one for one in loaded if re.match(rf"{PREFIX}/console/[0-9a-f]{{16}}/", one)]
        for address in kept[:1]:
            assert "immutable" in (await site.get(address)).headers["Cache-Control"]


async def test_the_document_says_where_its_paths_begin(site):
    document = (await site.get(f"{PREFIX}/openapi.json")).json()
    assert document["servers"] == [{"url": PREFIX}]
    assert all(path.startswith(("/v1/", "/livez", "/readyz")) for path in document["paths"])


async def test_links_of_clients_the_logo_and_the_feed_lead_under_the_prefix(site):
    job = (await accepted(site)).json()
    await site.studio.work(job["id"])
    links = f"{PREFIX}/v1/bulk-cancellations/{job['id']}/client-links"
    [one] = (await site.get(links)).json()["data"]
    assert one["link"].startswith(f"{PREFIX}/yours/")
    assert (await site.get(one["link"])).status_code == 200
    token = one["link"].rpartition("/")[2]
    assert (await site.get(f"{PREFIX}/v1/client-pages/{token}")).status_code == 200
    feed = await site.get(f"{PREFIX}/v1/public/studio/schedule.ics")
    unfolded = feed.text.replace("\r\n ", "")
    assert f"http://localhost{PREFIX}/c/studio" in unfolded
    assert "http://localhost/c/" not in unfolded


async def test_a_business_s_logo_is_where_the_schedule_says(site):
    changed = await site.patch(f"{PREFIX}/v1/public-page", json={"logo": LOGO})
    assert changed.status_code == 200, changed.text
    for answer in (
        changed.json()["logo"],
        (await site.get(f"{PREFIX}/v1/public/studio/schedule")).json()["page"]["logo"],
    ):
        assert answer.startswith(f"{PREFIX}/v1/public/studio/logo/")
        assert (await site.get(answer)).headers["Content-Type"] == "image/png"


@pytest.mark.parametrize(
    "path", ["/v1/sessions", "/v1/clients/kim/bookings", "/v1/public/studio/schedule"]
)
async def test_what_is_asked_for_most_is_answered_in_the_quick_way(site, path):
    await accepted(site)

    async def slow(_request):
        return Response(status_code=418)

    site.app.router.routes.insert(1, Route("/{path:path}", slow))
    assert (await site.get(PREFIX + path)).status_code == 200
    assert (await site.get(f"{PREFIX}{path}?limit=0")).status_code == 418


async def test_an_import_may_be_as_large_as_without_the_prefix(site):
    lines = "".join(json.dumps(client(f"c{number}")) + "\n" for number in range(200))
    assert len(lines) > BODY_LIMIT
    headers = {"Content-Type": "application/x-ndjson"}
    taken = await site.post(f"{PREFIX}/v1/schedule/import", content=lines, headers=headers)
    assert taken.status_code == 200, taken.text
    assert taken.json()["clients"]["created"] == 200
    refused = await site.put(f"{PREFIX}/v1/terms", json={"x": lines})
    assert refused.status_code == 413, refused.text


async def test_logs_and_metrics_name_the_paths_that_they_always_do(site, capfd):
    await site.get(f"{PREFIX}/v1/sessions")
    await site.get(f"{PREFIX}/yours/secret.token")
    said = "".join(capfd.readouterr())
    lines = [json.loads(line) for line in said.splitlines() if '"request.answered"' in line]
    assert [line["path"] for line in lines] == ["/v1/sessions", "/yours/{token}"]
    assert "secret" not in said
    metrics = (await site.get(f"{PREFIX}/metrics")).text
    assert 'route="/v1/sessions"' in metrics
    assert PREFIX + "/v1" not in metrics


async def test_probes_and_scrapers_ask_without_the_prefix(studio):
    app = mounted(studio, allowed_hosts="studio.example")
    async with calling(app, Host="10.1.2.3") as machine:
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await machine.get(path)).status_code != 421, path
            assert (await machine.get(PREFIX + path)).status_code != 421, path
        refused = await machine.get(f"{PREFIX}/v1/sessions")
        assert (refused.status_code, refused.json()["type"]) == (
            421,
            f"{PREFIX}/problems/unknown-host",
        )


@pytest.mark.parametrize(
    "path",
    [
        f"{PREFIX}x/v1/sessions",
        f"{PREFIX}{PREFIX}/v1/sessions",
        f"/x{PREFIX}/v1/sessions",
        f"{PREFIX}//v1/sessions",
        "/Bulk-Cancel/v1/sessions",
    ],
)
async def test_what_only_looks_like_the_prefix_leads_nowhere(studio, path):
    headers = {"Authorization": f"Bearer {studio.key}"}
    async with calling(mounted(studio), **headers) as http:
        assert (
            await http.get(httpx.URL("http://studio.test", raw_path=path.encode()))
        ).status_code == 404


async def test_the_prefix_alone_shows_the_start(studio):
    async with calling(mounted(studio)) as http:
        assert (await http.get(PREFIX)).status_code == 200
        assert (await http.get(f"{PREFIX}?from=2026-01-01")).status_code == 200
    async with calling(mounted(studio, root_path="/a/b")) as http:
        alone, start = [(await http.get(path)).content for path in ("/a/b", "/a/b/")]
        assert alone == start


async def test_without_a_prefix_nothing_is_put_in_between_and_nothing_is_said(studio):
    assert Mounted not in {one.cls for one in studio.app.user_middleware}
    assert Mounted in {one.cls for one in mounted(studio).user_middleware}
    for path in PAGES[:-1]:
        assert b"bulk-cancel-root" not in (await studio.http.get(path)).content
    document = (await studio.http.get("/openapi.json")).json()
    assert document["servers"] == [{"url": "/"}]


async def test_one_press_stops_mail_at_the_link_of_a_mail(studio):
    url = f"https://studio.example{PREFIX}"
    office = office_of(studio.runtime.settings.model_copy(update={"public_url": f"{url}/"}))
    assert office.public_url == url
