"""How light the pages are: few bytes, all from this service, and long lists at ease.

Nothing is run but its own files.
"""

import datetime as dt
from collections.abc import Iterator
from statistics import median
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import orjson
import pytest
from browser.steps import take_keys
from playwright.sync_api import Browser, Page, expect

from app.schedule.sample import ZONE

PAGES = (
    "/",
    "/bulk-cancel",
    "/jobs",
    "/c/studio",
    "/embed/studio",
    "/clients",
    "/choose/x",
    "/yours/x",
    "/unsubscribe/x",
    "/docs",
)
MAX_BYTES = 100_000
MANY, FEW = 1000, 10
A_DAY = 143  # of the many: so many make seven days

# Nothing of this depends on the database.
sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

# Each way to have something run that is no file of ours; which of them did, and how often the
# browser refused.
INTRUDE = (
    """async () => {
  await new Promise((resolve) => setTimeout(resolve)); // the page's own turn: in the debugger's"""
    """ eval is allowed
  const ran = [];
  let refused = 0;
  addEventListener("securitypolicyviolation", () => (refused += 1));
  globalThis.intruded = (how) => ran.push(how);
  const attempt = (act) => { try { act(); } catch { /* refused at once */ } };
  const script = (fill) => attempt(() => {
    const made = document.createElement("script");
    fill(made);
    document.head.append(made);
  });
  script((made) => (made.textContent = "intruded('text')"));
  script((made) => made.append("intruded('child')"));
  script((made) => (made.src = "data:text/javascript,intruded('source')"));
  attempt(() => {
    const made = document.createElement("p");
    made.innerHTML = "<img src='/nothing' onerror=\\"intruded('handler')\\">";
    document.body.append(made);
  });
  attempt(() => (0, eval)("intruded('eval')"));
  attempt(() => new Function("intruded('function')")());
  attempt(() => setTimeout("intruded('timer')"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { ran, refused };
}"""
)

# What ticking a box changes in the document until its plan is shown; the rows that are touched
# among it.
WATCH = """() => {
  globalThis.changes = [];
  const row = (one) => (one.closest ? one : one.parentElement)?.closest(".row")?.dataset.session;
  new MutationObserver((seen) => changes.push(...seen.map((one) => row(one.target) ?? one.type)))
    .observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
}"""

# Milliseconds from a click on each of a few boxes until the frame after it is done.
FRAMES = """async () => {
  const times = [];
  for (let turn = 0; turn < 18; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    const box = document.querySelectorAll(".row input")[turn % 9];
    const start = performance.now();
    box.click();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    times.push(performance.now() - start);
  }
  return times;
}"""


def arrived(page: Page) -> Iterator[str]:
    """The page has shown what it is about; what of a week has begun lies folded up."""
    shown = {
        "/docs": ".opblock",
        "/jobs": "h1",
        "/clients": "h1",
        "/bulk-cancel": ".row",
        "/choose/x": "h1",
        "/yours/x": "h1",
        "/unsubscribe/x": "h1",
    }
    there = page.locator(shown.get(urlsplit(page.url).path, ".card")).filter(visible=True)
    expect(there.first).to_be_visible()


@sqlite
def test_the_first_page_is_under_100_kb_and_no_page_asks_anybody_else(studio, page):
    asked, sizes = [], []
    page.on("request", lambda request: asked.append(request.url))
    cdp = page.context.new_cdp_session(page)
    cdp.send("Network.enable")
    cdp.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(studio.signed_in())
    arrived(page)
    page.wait_for_load_state("networkidle")
    assert len(sizes) > 5
    assert sum(sizes) < MAX_BYTES
    for path in PAGES[1:]:
        page.goto(studio.url + path)
        arrived(page)
    assert {urlsplit(url).netloc for url in asked if not url.startswith("blob:")} == {
        urlsplit(studio.url).netloc
    }


@sqlite
def test_a_second_visit_asks_for_no_file_again_and_finds_every_page_unchanged(studio, page):
    page.goto(studio.signed_in())
    for path in PAGES:
        page.goto(studio.url + path)
        arrived(page)
        page.wait_for_load_state("networkidle")  # all that it fetches is kept by then
    statuses: dict[str, int] = {}
    wanted: dict[str, str] = {}
    cdp = page.context.new_cdp_session(page)
    cdp.send("Network.enable")
    cdp.on(
        "Network.requestWillBeSent",
        lambda event: wanted.update({event["requestId"]: event["request"]["url"]}),
    )
    cdp.on(
        "Network.responseReceivedExtraInfo",
        lambda event: statuses.update({event["requestId"]: event["statusCode"]}),
    )
    for path in PAGES:
        page.goto(studio.url + path)
        arrived(page)
        page.wait_for_load_state("networkidle")
        ours = {wanted[one]: status for one, status in statuses.items() if not is_data(wanted[one])}
        assert set(ours.values()) == {304}, ours
        assert not [url for url in ours if urlsplit(url).path.startswith("/console/")]
        statuses.clear()


@sqlite
def test_a_page_names_every_module_that_it_begins_with(studio, page):
    """Else one waits for the other, on a slow line for seconds."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.goto(studio.signed_in())
    for path in PAGES:
        asked.clear()
        page.goto("about:blank")  # or what one page has is another's
        page.goto(studio.url + path)
        arrived(page)
        named = page.locator("link[rel=modulepreload], script[type=module]").evaluate_all(
            "all => all.map((one) => new URL(one.href || one.src).pathname)"
        )
        begun = {one for one in asked if one.startswith("/console/") and one.endswith(".js")}
        later = {one.rpartition("/")[2] for one in begun - set(named)}
        assert later <= {"mark.js", "live.js", "undo.js"}, path
        assert set(named) <= begun


def is_data(url: str) -> bool:
    return urlsplit(url).path.startswith(("/v1/", "/openapi.json"))


@sqlite
def test_nothing_runs_in_a_page_that_is_no_file_of_ours(studio, browser: Browser):
    # Not a context whose consoles must be silent: each refusal is noted there.
    context = browser.new_context()
    take_keys(context)
    page = context.new_page()
    for path in PAGES:
        answer = page.goto(studio.signed_in() if path == "/" else studio.url + path)
        policy = dict(
            part.split(maxsplit=1) for part in answer.headers["content-security-policy"].split("; ")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        if path != "/docs":  # which is Swagger UI, and sets styles itself
            assert policy["style-src"] == "'self'"
            assert policy["require-trusted-types-for"] == "'script'"
        arrived(page)
        found = page.evaluate(INTRUDE)
        assert found["ran"] == [], path
        assert found["refused"] >= 5
    context.close()


@sqlite
def test_the_documentation_shows_every_operation_and_event(studio, page):
    page.goto(f"{studio.url}/docs")
    document = studio.town.http.get(f"{studio.url}/openapi.json").json()
    operations = sum(
        len(path.keys() & {"get", "put", "post", "patch", "delete"})
        for path in [*document["paths"].values(), *document["webhooks"].values()]
    )
    expect(page.locator(".opblock")).to_have_count(operations)
    expect(page.get_by_role("heading", level=1)).to_contain_text(document["info"]["title"])


def lines() -> list[bytes]:
    """Next week with a thousand sessions, and a day after it with ten; some have bookings.

    Every fifth is in the pool.
    """
    today = dt.datetime.now(ZoneInfo(ZONE)).date()
    monday = today - dt.timedelta(days=today.weekday()) + dt.timedelta(days=7)
    return [
        orjson.dumps(record) for place in range(MANY + FEW) for record in session(monday, place)
    ]


def session(monday: dt.date, place: int) -> Iterator[dict]:
    day, nth = divmod(place, A_DAY) if place < MANY else (7, place - MANY)
    first = dt.datetime.combine(monday + dt.timedelta(days=day), dt.time(6), ZoneInfo(ZONE))
    local = first + nth * dt.timedelta(minutes=5)
    made = {
        "type": "session",
        "id": f"s{place}",
        "name": f"Class {place}",
        "timezone": ZONE,
        "capacity": 20,
    }
    made |= {"location": "Pool" if place % 5 == 0 else "Hall", "instructor": f"Trainer {place % 7}"}
    ends_at = local + dt.timedelta(minutes=45)
    yield made | {"starts_at": local.isoformat(), "ends_at": ends_at.isoformat()}
    if place % 100 == 0:
        paid = {
            "method": "payment",
            "payment_id": f"p{place}",
            "amount_minor": 1000,
            "currency": "CAD",
        }
        yield {"type": "client", "id": f"c{place}", "name": "Ada", "email": "ada@example.org"}
        booking = {
            "type": "booking",
            "id": f"b{place}",
            "session_id": f"s{place}",
            "client_id": f"c{place}",
        }
        yield booking | {"status": "booked", "payments": [paid]}


@sqlite
def test_a_thousand_sessions_are_chosen_by_ranges_and_filters_that_hide_without_unticking(
    open_studio, page
):
    studio = open_studio(lines())
    page.goto(studio.signed_in(f"/bulk-cancel?{studio.week}"))
    expect(page.locator(".row")).to_have_count(MANY)
    count = page.locator(".ticked-count")
    boxes = page.locator(".row input")
    press = page.get_by_role("button", name="Cancel Selected & download CSV")

    page.evaluate(WATCH)
    boxes.nth(2).check()
    expect(press).to_be_enabled()
    changes = page.evaluate("changes")
    assert {change for change in changes if change.startswith("s")} == {"s2"}
    assert len(changes) < 50, changes  # of a thousand rows, and of the plan beside them

    boxes.nth(301).click(modifiers=["Shift"])
    expect(count).to_have_text("300 of 1,000 sessions selected")
    page.get_by_label("Location").select_option("Pool")
    expect(count).to_have_text("300 of 1,000 sessions selected, 240 of them hidden by the filter")
    expect(page.locator(".row:visible")).to_have_count(200)
    page.get_by_role("button", name="Select all", exact=True).click()
    expect(count).to_have_text("440 of 1,000 sessions selected, 240 of them hidden by the filter")
    page.get_by_label("Search").fill("class 99")
    expect(page.locator(".row:visible")).to_have_count(2)  # 990 and 995
    expect(count).to_have_text("440 of 1,000 sessions selected, 438 of them hidden by the filter")
    page.get_by_label("Search").fill("")
    page.locator(".row:visible input").nth(10).uncheck()
    # It takes along those between that are shown.
    page.locator(".row:visible input").nth(20).click(modifiers=["Shift"])
    expect(count).to_have_text("429 of 1,000 sessions selected, 240 of them hidden by the filter")
    page.get_by_label("Location").select_option("")
    expect(count).to_have_text("429 of 1,000 sessions selected")
    page.get_by_role("button", name="Select none").click()
    expect(count).to_have_text("0 of 1,000 sessions selected")
    page.get_by_role("button", name="Select all", exact=True).click()
    expect(count).to_have_text("1,000 of 1,000 sessions selected")
    expect(press).to_be_enabled()
    expect(page.get_by_role("region", name="What this will do")).to_contain_text("People10")


@sqlite
@pytest.mark.long
@pytest.mark.measured
def test_ticking_one_of_a_thousand_is_about_as_quick_as_one_of_ten(open_studio, page):
    studio = open_studio(lines())
    after = studio.monday + dt.timedelta(days=7)
    page.goto(studio.signed_in())
    times = {}
    for rows, days in ((FEW, f"from={after}&to={after}"), (MANY, studio.week)):
        page.goto(f"{studio.url}/bulk-cancel?{days}")
        expect(page.locator(".row")).to_have_count(rows)
        times[rows] = median(page.evaluate(FRAMES))
    assert times[MANY] < 4 * times[FEW], times
