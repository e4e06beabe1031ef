"""A studio's page as its clients see it: its look, its words, on its own site and on no other."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from browser.public_week import cancel, three_sessions
from browser.records import booking, next_monday, session
from browser.test_access import DESK, PHONE, examine, walk
from browser.test_screens import a_logo
from playwright.sync_api import Page, expect

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
OF_STAFF = re.compile(r"staff|sign in|API key|settled|client c|lines?\b|job", re.IGNORECASE)
PROMISE = "Booked? You get back what you paid."


def look(studio, **members) -> None:
    answer = studio.ask("PATCH", "/public-page", json=members)
    assert answer.status_code == 200, answer.text


def colours(page: Page, selector: str) -> tuple[str, str]:
    """What is written there, and on what."""
    return tuple(
        page.locator(selector).evaluate(
            "one => { const of = getComputedStyle(one);"
            " return [of.color, getComputedStyle(one.closest('.bar')).backgroundColor] }"
        )
    )


@on_sqlite
def test_a_page_has_the_studio_s_name_colour_and_logo_and_says_nothing_to_staff(
    open_studio, contexts
):
    studio = open_studio(three_sessions())
    page = contexts(bypass_csp=True).new_page()
    page.clock.install()
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    expect(page.locator(".bar .brand")).to_have_text("Sample Studio")
    expect(page.locator(".bar img")).to_have_count(0)
    for colour, on in (("#7a2e54", "255, 255, 255"), ("#ffe000", "0, 0, 0")):
        look(studio, colour=colour, logo=base64.b64encode(a_logo()).decode())
        page.clock.fast_forward(10_000)
        expect(page.locator(".bar img")).to_have_js_property("naturalWidth", 96)
        channels = ", ".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
        expect(page.locator(".bar")).to_have_css("background-color", f"rgb({channels})")
        assert colours(page, ".brand") == (f"rgb({on})", f"rgb({channels})")
        examine(page)
    assert not OF_STAFF.search(page.locator("body").inner_text())
    look(studio, colour=None, logo=None)
    page.clock.fast_forward(10_000)
    expect(page.locator(".bar.branded")).to_have_count(0)
    expect(page.locator(".bar img")).to_have_count(0)


@on_sqlite
def test_a_logo_is_shown_under_the_policy_that_all_pages_have(open_studio, page):
    studio = open_studio(three_sessions())
    look(studio, colour="#123456", logo=base64.b64encode(a_logo()).decode())
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    expect(page.locator(".bar img")).to_have_js_property("naturalWidth", 96)
    path = page.locator(".bar img").get_attribute("src")
    answer = studio.town.http.get(studio.url + path)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; sandbox")


def test_that_all_comes_back_is_said_where_it_is_so_and_nowhere_else(open_studio, page):
    monday = next_monday()
    studio = open_studio(
        [
            *(session(f"s{number}", monday, 12 + number) for number in range(3)),
            booking("whole", "s0", ("CAD", 2000), ("credits", 1)),
            booking("less", "s1", ("CAD", 2000)),
            booking("free", "s2"),
        ]
    )
    cancel(studio, ["s0"])
    assert studio.ask("PUT", "/terms", json={"payments": {"keep": {"percent": 50}}}).is_success
    cancel(studio, ["s1"])
    cancel(studio, ["s2"])
    page.goto(f"{studio.url}/c/studio?from={monday}")
    expect(page.locator(".card.cancelled")).to_have_count(3)
    expect(page.locator("[data-session=s0]")).to_contain_text(PROMISE)
    for other in ("s1", "s2"):
        expect(page.locator(f"[data-session={other}]")).not_to_contain_text("get back")


@on_sqlite
def test_a_client_subscribes_by_the_name_of_their_calendar(open_studio, contexts):
    studio = open_studio(three_sessions())
    page = contexts(bypass_csp=True).new_page()
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    page.keyboard.press("Tab")
    page.get_by_text("Add to my calendar").focus()
    page.keyboard.press("Enter")
    links = page.locator(".subscribe li a")
    expect(links).to_have_count(4)
    expect(links.first).to_be_visible()
    feed = f"{studio.url}/v1/public/studio/schedule.ics"
    hrefs = [one.get_attribute("href") for one in links.all()]
    assert hrefs[0] == feed.replace("http:", "webcal:")
    assert studio.town.http.get(feed).headers["Content-Type"].startswith("text/calendar")
    encoded = re.compile("webcal%3A%2F%2F|http%3A%2F%2F")
    assert all(encoded.search(href) for href in hrefs[1:])
    assert [one.get_attribute("rel") for one in links.all()][1:] == ["noopener noreferrer"] * 3
    expect(page.get_by_label("For any other program")).to_have_value(feed)
    examine(page)
    walk(page, PHONE)


class _Site(BaseHTTPRequestHandler):
    body = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def a_site(body: str) -> Iterator[str]:
    """Another origin: a site that has this in its page. Gives the origin."""
    handler = type("Site", (_Site,), {"body": f"<!doctype html><title>S</title>{body}".encode()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def widget_of(page: Page, studio) -> str:
    """The line that the console gives to the studio."""
    page.goto(studio.signed_in("/settings/page"))
    return page.get_by_label("This line shows it there").input_value()


READ = """address => fetch(address).then(
  async (answer) => [answer.status, (await answer.json()).business, answer.headers.get("ETag")],
  () => "refused",
)"""


# What a program of a site asks with a key: as JSON, which a browser asks beforehand about.
CALL = """([url, key]) => fetch(`${url}/v1/bulk-cancellations/plan`, {
  method: "POST",
  headers: {Authorization: `Bearer ${key}`, "Content-Type": "application/json"},
  body: "{}",
}).then(async (answer) => [answer.status, (await answer.json()).type,
                           answer.headers.get("X-Request-Id") !== null], () => "refused")"""


@on_sqlite
def test_the_api_is_called_by_programs_of_the_sites_that_the_studio_names(
    open_studio, browser, page
):
    studio = open_studio(three_sessions())
    context = browser.new_context()
    visitor = context.new_page()
    try:
        with a_site("a program of ours") as own, a_site("of elsewhere") as other:
            page.goto(studio.signed_in("/settings/page"))
            page.get_by_label("Sites whose programs may call with your keys").fill(own)
            page.get_by_role("button", name="Save these sites").click()
            expect(page.get_by_text("The sites are saved.").first).to_be_visible()
            visitor.goto(own)
            told = [422, "/problems/validation", True]
            assert visitor.evaluate(CALL, [studio.url, studio.key]) == told
            unknown = [401, "/problems/unauthenticated", True]
            assert visitor.evaluate(CALL, [studio.url, "bck_x_y"]) == unknown
            visitor.goto(other)
            assert visitor.evaluate(CALL, [studio.url, studio.key]) == "refused"
    finally:
        context.close()


@on_sqlite
def test_the_schedule_is_shown_on_the_sites_that_the_studio_names_and_read_on_any(
    open_studio, browser, page
):
    studio = open_studio(three_sessions())
    line = widget_of(page, studio)
    assert "\n" not in line
    schedule = f"{studio.url}/v1/public/studio/schedule?date_from={studio.monday}"
    # What a browser says of a frame that it refuses is no error of ours.
    context = browser.new_context()
    visitor = context.new_page()
    refused: list[str] = []
    visitor.on("console", lambda message: refused.append(message.text))
    try:
        with a_site(line) as own, a_site(line) as other:
            look(studio, origins=[own])
            visitor.goto(own)
            frame = visitor.frame_locator("iframe")
            expect(frame.get_by_role("heading", level=1)).to_be_visible()
            expect(frame.get_by_role("heading", level=1)).to_contain_text("20")
            frame.get_by_role("link", name="Next week").click()
            expect(frame.locator(".card")).to_have_count(3)
            expect(frame.locator(".bar")).to_have_count(0)
            status, business, tag = visitor.evaluate(READ, schedule)
            assert (status, business) == (200, "Sample Studio")
            assert tag
            assert refused == []

            visitor.goto(other)
            expect(visitor.frame_locator("iframe").locator("body")).not_to_contain_text("week")
            assert visitor.evaluate(READ, schedule)[0] == 200
            assert visitor.evaluate(CALL, [studio.url, studio.key]) == "refused"
            assert any("frame-ancestors" in text for text in refused)

            # Taken off the list it is refused at once, whatever was kept of it.
            look(studio, origins=[])
            refused.clear()
            visitor.goto(own)
            expect(visitor.frame_locator("iframe").locator("body")).not_to_contain_text("week")
            assert any("frame-ancestors" in text for text in refused)
    finally:
        context.close()


@on_sqlite
def test_no_site_shows_any_page_but_the_one_that_is_made_for_it(open_studio, browser):
    studio = open_studio(three_sessions())
    paths = ("/", "/c/studio", "/settings/page", "/choose/x", "/docs", "/embed/nobody")
    frames = "".join(f"<iframe src='{studio.url}{path}'></iframe>" for path in paths)
    context = browser.new_context()
    visitor = context.new_page()
    said: list[str] = []
    visitor.on("console", lambda message: said.append(message.text))
    try:
        with a_site(frames) as own:
            look(studio, origins=[own])
            visitor.goto(own)
            for place in range(len(paths)):
                frame = visitor.frame_locator(f"iframe >> nth={place}")
                expect(frame.locator("main")).to_have_count(0)
            assert sum("frame-ancestors" in text for text in said) == len(paths)
    finally:
        context.close()


def test_a_studio_gives_its_page_a_look_and_names_its_sites(open_studio, contexts, tmp_path):
    studio = open_studio(three_sessions())
    page = contexts(bypass_csp=True).new_page()
    page.goto(studio.signed_in("/settings/page"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your page")
    examine(page)
    walk(page)
    page.get_by_label("Colour", exact=True).fill("#7a2e54")
    expect(page.get_by_label("In a colour of your own")).to_be_checked()
    logo = tmp_path / "logo.png"
    logo.write_bytes(a_logo())
    page.get_by_label("Logo", exact=True).set_input_files(logo)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".flash").first).to_contain_text("Your page is changed")
    expect(page.locator(".preview img")).to_have_js_property("naturalWidth", 96)
    said = studio.ask("GET", "/public-page").json()
    assert said["colour"] == "#7a2e54"
    assert said["logo"] == page.locator(".preview img").get_attribute("src")
    examine(page)

    (tmp_path / "logo.png").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    page.get_by_label("Logo", exact=True).set_input_files(logo)
    page.get_by_role("button", name="Save", exact=True).click()
    error = page.get_by_role("alert").filter(has_text="PNG, JPEG or WebP")
    expect(error).to_be_visible()
    expect(page.get_by_label("Logo", exact=True)).to_have_attribute("aria-invalid", "true")
    assert studio.ask("GET", "/public-page").json() == said
    page.get_by_label("Logo", exact=True).set_input_files([])
    page.get_by_label("Without a logo").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".preview img")).to_have_count(0)

    sites = page.get_by_label("Sites that may show your schedule")
    sites.fill("https://WWW.studio.example/\nhttp://studio.example")
    page.get_by_role("button", name="Save these sites").click()
    expect(page.get_by_role("alert").filter(has_text="https://")).to_be_visible()
    sites.fill("https://WWW.studio.example/")
    page.get_by_role("button", name="Save these sites").click()
    expect(sites).to_have_value("https://www.studio.example")
    assert studio.ask("GET", "/public-page").json()["origins"] == ["https://www.studio.example"]
    examine(page)


@on_sqlite
def test_a_key_that_does_not_manage_the_business_sees_the_page_s_settings_and_sets_none(
    open_studio, contexts
):
    studio = open_studio(three_sessions())
    desk = {"name": "desk", "role": "front_desk"}
    made = studio.ask("POST", "/keys", json=desk, headers={"Idempotency-Key": "desk"}).json()
    page = contexts(bypass_csp=True, viewport=DESK).new_page()
    page.goto(f"{studio.url}/settings/page#key={made['token']}")
    expect(page.get_by_text("it needs the scope business:manage")).to_be_visible()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    examine(page)
