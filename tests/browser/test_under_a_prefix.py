"""Under a prefix of somebody's site: pages ask for nothing beside it, by the proxy's own log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser.conftest import Studio
from browser.records import booking, client, next_monday, session
from browser.steps import ACCEPTED, PRESS, at_once, rows
from browser.test_public_page import a_site
from browser.test_unsubscribe import mail_in
from browser.test_yours import press
from crash.processes import free_port, until
from playwright.sync_api import Page, expect
from worlds.proxies import NGINX, PASSED_ON, ROOT_PATH, SERVED, TAKEN_OFF

pytestmark = [
    # Nothing of this depends on the database.
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.parametrize("way", [PASSED_ON, TAKEN_OFF]),
]
ASKED = re.compile(r'"[A-Z]+ (\S+) HTTP/')


@dataclass
class AtASite(Studio):
    """A studio's service under a prefix, as the site's visitors reach it."""

    port: int = 0
    log: Path = Path()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{ROOT_PATH}"

    def asked(self) -> list[str]:
        """What was asked of the site, in order."""
        return ASKED.findall(self.log.read_text())


@pytest.fixture
def site(open_studio, tmp_path, way) -> Iterator[AtASite]:
    """A studio behind nginx, as the page has it; whoever asks beside the prefix fails the test."""
    monday = next_monday()
    lines = [
        client("kim", "Kim Li"),
        *(session(f"s{number}", monday, 12 + number) for number in range(3)),
        booking("card", "s0", ("CAD", 2005)),
        booking("credit", "s1", ("credits", 1)),
    ]
    port = free_port()
    studio = open_studio(
        lines,
        root_path=ROOT_PATH,
        public_url=f"http://127.0.0.1:{port}{ROOT_PATH}",
        outbox=tmp_path / "outbox",
    )
    with in_front(studio, tmp_path, port, way) as log:
        found = AtASite(studio.town, studio.monday, studio.api, studio.worker, port, log)
        yield found
        asked = found.asked()
    assert len(asked) > 10
    assert [path for path in asked if not path.startswith(f"{ROOT_PATH}/")] == []


@contextmanager
def in_front(studio: Studio, folder: Path, port: int, way: str) -> Iterator[Path]:
    log = folder / "asked"
    documented = NGINX.documented(way).replace(SERVED, f"127.0.0.1:{studio.town.api_port}")
    with NGINX.in_front(folder, f"access_log {log} combined;\n{documented}", port=port):
        yield log


def sign_in(page: Page, site: AtASite, path: str = "/") -> None:
    page.goto(site.url + path)
    page.get_by_label("API key").fill(site.key)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_week_is_cancelled_and_followed_from_the_console(site, contexts):
    page = contexts(signs_in=False).new_page()
    sign_in(page, site, f"/?from={site.monday}")
    expect(page.locator(".card")).to_have_count(3)
    assert page.evaluate("Object.keys(sessionStorage)") == [f"bulk-cancel-key{ROOT_PATH}"]
    page.get_by_role("button", name="Schedule settings").click()
    page.get_by_role("link", name="Bulk Cancel Sessions").click()
    expect(page.locator(".row")).to_have_count(3)
    expect(page).to_have_url(re.compile(f"{ROOT_PATH}/bulk-cancel\\?from="))
    page.get_by_role("link", name="Next week").click()
    back = page.get_by_role("link", name="Previous week")
    expect(back).to_have_attribute("href", f"{ROOT_PATH}/bulk-cancel?{site.week}")
    back.click()
    expect(page.locator(".row")).to_have_count(3)
    page.get_by_role("button", name="Select all", exact=True).click()
    expect(page.get_by_role("button", name=PRESS)).to_be_enabled()
    at_once(page)
    page.get_by_role("button", name=PRESS).click()
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Cancel 3 session").click()
    assert len(rows(Path(download.value.path()).read_text())) == 3
    expect(page.get_by_text(ACCEPTED)).to_be_visible()
    expect(page.get_by_role("heading", name="Progress")).to_contain_text("Completed")
    expect(page).to_have_url(re.compile(f"{ROOT_PATH}/jobs/[0-9a-f-]{{36}}$"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the final CSV").click()
    statuses = [one["status"] for one in rows(Path(download.value.path()).read_text())]
    assert statuses.count("succeeded") == 2
    page.reload()
    expect(page.get_by_role("heading", name="Progress")).to_contain_text("Completed")
    navigation = page.get_by_role("navigation", name="Pages")
    navigation.get_by_role("link", name="Bulk cancellations").click()
    expect(navigation.locator("[aria-current=page]")).to_have_text(re.compile("Bulk cancellations"))
    page.locator("td a").first.click()
    expect(page.get_by_role("heading", name="Progress")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(f"{site.url}/jobs")
    navigation.get_by_role("link", name="Settings").click()
    expect(page).to_have_url(f"{site.url}/settings")
    page.locator(".brand").click()
    expect(page).to_have_url(f"{site.url}/")
    expect(page.get_by_role("link", name="Next week")).to_be_visible()
    links = page.locator("a[href]").evaluate_all(
        "all => all.map((one) => one.href).filter((one) => one.startsWith(location.origin))"
    )
    assert len(links) > 5
    assert [one for one in links if not one.startswith(f"{site.url}/")] == []
    assert [one for one in links if f"{ROOT_PATH}{ROOT_PATH}/" in one] == []


def test_clients_see_the_week_and_what_came_back_and_stop_their_mail(site, contexts, tmp_path):
    assert site.ask("PUT", "/message-settings", json={"unsubscribe": True}).is_success
    press(site, messages={"clients": "email"})
    page = contexts(signs_in=False).new_page()
    page.goto(f"{site.url}/c/studio?from={site.monday}")
    expect(page.locator(".card.cancelled")).to_have_count(3)
    page.get_by_text("Add to my calendar").click()
    feed = f"{site.url}/v1/public/studio/schedule.ics"
    expect(page.get_by_label("For any other program")).to_have_value(feed)
    assert f"{site.url}/c/studio" in site.town.http.get(feed).text.replace("\r\n ", "")
    page.get_by_role("link", name="Next week").click()
    expect(page.locator(".card")).to_have_count(0)
    assert page.url.startswith(f"{site.url}/c/studio?from=")

    def link(name: str) -> str:
        return until(lambda: re.search(rf"{site.url}/{name}/\S+", mail_in(tmp_path / "outbox")))[0]

    page.goto(link("yours"))
    expect(page.locator(".lines .badge").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(link("unsubscribe"))
    page.get_by_role("button", name="Stop these e-mails").click()
    expect(page.get_by_role("button", name="Send me these e-mails again")).to_be_visible()
    assert site.ask("GET", "/clients/kim").json()["wants_no_mail"]


def test_the_widget_that_the_console_gives_shows_the_week_at_another_site(site, contexts):
    page = contexts(signs_in=False).new_page()
    sign_in(page, site, "/settings/page")
    line = page.get_by_label("This line shows it there").input_value()
    assert f'src="{site.url}/embed/studio"' in line
    with a_site(line) as own:
        assert site.ask("PATCH", "/public-page", json={"origins": [own]}).is_success
        visitor = contexts(signs_in=False).new_page()
        visitor.goto(own)
        frame = visitor.frame_locator("iframe")
        frame.get_by_role("link", name="Next week").click()
        expect(frame.locator(".card")).to_have_count(3)


def test_the_documentation_asks_where_the_service_is(site, contexts):
    page = contexts(signs_in=False).new_page()
    page.goto(f"{site.url}/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    assert page.locator(".servers option").get_attribute("value") == ROOT_PATH
    page.goto(f"{site.url}/problems/not-found")
    expect(page.locator("h1")).to_be_visible()
