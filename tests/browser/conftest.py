"""A real browser on a real service: Chromium, headless, before an API, on both databases.

The API has its worker and sandbox. Every page must load without an error on its console, so a
refused script or style fails the test that saw it.
"""

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import httpx
import orjson
import pytest
from browser.pressing import booking, card, credit
from browser.records import BUSINESS
from browser.steps import take_keys
from crash.processes import Server, Town
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from postgresql_databases import in_a_thread

from app.auth import keys
from app.db.access import businesses
from app.db.core.engine import Database
from app.schedule.load import import_file
from app.schedule.sample import CURRENCY, ZONE, sample_lines

expect.set_options(timeout=120_000)  # a busy machine is no failure
# Nothing is asked of Chromium's makers: connections out of the machine would be refused, many at a
# time.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A refusal (4xx) or a broken connection is what some tests are about; the browser notes each on its
# console.
EXPECTED = ("Failed to load resource",)


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (path := shutil.which(name)) is not None:
            return path
    if os.environ.get("CI") == "true":
        pytest.fail("Chromium is missing", pytrace=False)
    pytest.skip("Chromium is missing (Debian: apt-get install chromium)")


@dataclass
class Studio:
    """A running service with a sample studio's two weeks: this one (in Toronto) and the next."""

    town: Town
    monday: dt.date  # of the next week, which is all to come
    api: Server
    worker: Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.town.api_port}"

    @property
    def key(self) -> str:
        return self.town.keys[BUSINESS]

    @property
    def week(self) -> str:
        """The next week, as the console's addresses have it."""
        return f"from={self.monday}&to={self.monday + dt.timedelta(days=6)}"

    def signed_in(self, path: str = "/") -> str:
        """The address of one of the console's pages, with the key for `take_keys`."""
        return f"{self.url}{path}#key={self.key}"

    def ask(self, method: str, path: str, **more) -> httpx.Response:
        """A call of the API, as the business."""
        headers = {"Authorization": f"Bearer {self.key}"} | more.pop("headers", {})
        return self.town.http.request(method, f"{self.url}/v1{path}", headers=headers, **more)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request) -> str:
    """Both kinds of database, one after the other."""
    return request.param


@pytest.fixture
def open_studio(request, found_towns, database) -> Callable[..., Studio]:
    """Open a studio: `open_studio(lines=…, zone=…, **settings)`.

    Without lines of an import it has the sample's two weeks.
    """

    def opened(lines: list[bytes] | None = None, *, zone: str = ZONE, **settings) -> Studio:
        url = request.getfixturevalue(f"{database}_url")
        if database == "postgresql":
            settings = {"redis_url": request.getfixturevalue("redis_url")} | settings
        town = found_towns(url, **settings)
        today = dt.datetime.now(ZoneInfo(ZONE)).date()
        monday = today - dt.timedelta(days=today.weekday()) + dt.timedelta(days=7)
        lines = lines if lines is not None else sample_lines(today) + sample_lines(monday)
        town.keys[BUSINESS] = in_a_thread(_settle(url, lines, zone))
        return Studio(town, monday, town.api(), town.worker() if database == "postgresql" else None)

    return opened


@pytest.fixture
def studio(open_studio) -> Studio:
    """A studio with the sample's two weeks."""
    return open_studio()


async def _settle(url: str, lines: list[bytes], zone: str) -> str:
    db = Database(url)
    try:
        async with db.write() as conn:
            await businesses.create(conn, BUSINESS, "Sample Studio", zone, CURRENCY)
        report = await import_file(db, BUSINESS, lines)
        assert not report.errors, report.first_errors
        return await keys.create_key(db, BUSINESS, "front desk", list(keys.Scope))
    finally:
        await db.close()


@pytest.fixture(scope="module")
def browser(_sqlite_template) -> Iterator[Browser]:
    """Chromium, which holds this thread's event loop while it lives.

    Whoever needs one meanwhile uses another thread.
    """
    path = _chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def contexts(browser) -> Iterator[Callable[..., BrowserContext]]:
    """Windows of different people: `contexts(**options)`.

    What their consoles said is looked at in the end.
    """
    said: list[str] = []
    made: list[BrowserContext] = []

    def heard(message) -> None:
        if message.type == "error" and not message.text.startswith(EXPECTED):
            said.append(f"{message.text} ({message.location.get('url')})")

    def watch(page: Page) -> None:
        page.on("console", heard)
        page.on("pageerror", lambda error: said.append(str(error)))

    def make(*, signs_in: bool = True, **options) -> BrowserContext:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB"} | options
        )
        if signs_in:
            take_keys(context)
        context.set_default_timeout(120_000)
        context.on("page", watch)
        made.append(context)
        return context

    yield make
    for context in made:
        with suppress(Exception):  # a test may have closed it
            context.close()
    assert not said, said


@pytest.fixture
def page(contexts) -> Page:
    """One window of one person, who is not signed in yet."""
    return contexts().new_page()


@pytest.fixture
def small_studio(open_studio):
    """A studio with six sessions s1 to s6 next week.

    Each is booked by Kim (a card), Lee (a credit) and Ana (both).
    """
    today = dt.datetime.now(ZoneInfo(ZONE)).date()
    monday = today - dt.timedelta(days=today.weekday()) + dt.timedelta(days=7)
    records = [
        {"type": "client", "id": name, "name": name.title()}
        for name in ("kim", "lee", "ana", "zoe")
    ]
    for number in range(1, 7):
        session = f"s{number}"
        starts_at = dt.datetime.combine(
            monday + dt.timedelta(days=number - 1), dt.time(10), ZoneInfo(ZONE)
        )
        records.append(
            {
                "type": "session",
                "id": session,
                "name": f"Yoga {number}",
                "starts_at": starts_at.isoformat(),
                "ends_at": (starts_at + dt.timedelta(hours=1)).isoformat(),
            }
        )
        half = card(f"pay-{session}-ana", 1000)
        records += [
            {"type": "booking", "id": f"{session}-kim"}
            | booking(session, "kim", [card(f"pay-{session}-kim", 2000)]),
            {"type": "booking", "id": f"{session}-lee"}
            | booking(session, "lee", [credit(f"acc-{session}-lee")]),
            {"type": "booking", "id": f"{session}-ana"}
            | booking(session, "ana", [half, credit(f"acc-{session}-ana")]),
        ]
    return open_studio(lines=[orjson.dumps(record) for record in records])
