"""For everybody: no state of a page has what axe objects to, or needs a mouse.

Nor does any need a wide window, or move by itself. Each is examined in light on a desk and in dark
on a phone: colours are the same at any width, and what is there is the same in any colours.
"""

import datetime as dt
import re
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.steps import ACCEPTED, PRESS
from crash.processes import until
from playwright.sync_api import Locator, Page, expect

from app.schedule.sample import ZONE, sample_lines

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 320, "height": 640}
SETTLES_SECONDS = 30  # what is laid out anew for another size
AXE = Axe()
RULES = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
MAX_TABS = 200

# Nothing of this depends on the database.
sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

# What sticks out of the window at either side; a region that scrolls by itself may hold what is
# wider.
OUTSIDE = (
    """() => [...document.querySelectorAll("body *")].filter((one) => {
  const box = one.getBoundingClientRect();
  const isSeen = box.width > 1 && box.height > 1 && !one.closest(".scrolls, .skip")"""
    """ && one.checkVisibility();
  return isSeen && (box.left < -1 || box.right > innerWidth + 1);
}).map((one) => one.outerHTML.slice(0, 80))"""
)

MOVING = (
    """() => [...document.querySelectorAll("*")].flatMap((one) =>"""
    """ ["", "::before", "::after"].map((part) => {
  const { transitionDuration, animationName } = getComputedStyle(one, part || null);
  const isStill = transitionDuration.split(", ").every((time) => time === "0s")"""
    """ && animationName === "none";
  return isStill ? null : `${one.localName}.${one.className} ${part}`;
})).filter(Boolean)"""
)

# As when a tab is turned to, which has every view look again.
LOOK_NOW = "() => document.dispatchEvent(new Event('visibilitychange'))"
# Why what has the focus is not seen to have it, or null. The page's content as a whole has no
# outline.
UNSEEN = (
    """() => {
  const one = document.activeElement;
  if (one === document.body || one.id === "main") return null;
  const box = one.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  if (outlineStyle === "none" || parseFloat(outlineWidth) < 2)"""
    """ return `no outline: ${one.outerHTML}`;
  const at = Math.max(1, Math.min(box.top + Math.min(box.height, 40) / 2, innerHeight - 1));"""
    """ // or none of it is
  const found = document.elementFromPoint(box.left + box.width / 2, at);
  return one.contains(found) ? null : `${one.outerHTML} is under ${found?.outerHTML.slice(0, 80)}`;
}"""
)
# A number for what has the focus: the same one each time.
PLACE = """() => {
  globalThis.places ??= [];
  if (!places.includes(document.activeElement)) places.push(document.activeElement);
  return places.indexOf(document.activeElement);
}"""


def examine(page: Page) -> None:
    """The page as it is now, in light and wide and in dark and narrow.

    It is wide and light afterwards. A plan that is being renewed is dimmed meanwhile, and a page
    that is not drawn yet has no heading.
    """
    expect(page.locator("h1").first).to_be_attached()
    expect(page.locator(".plan[aria-busy=true]")).to_have_count(0)
    for scheme, size in (("dark", PHONE), ("light", DESK)):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth"), (
            page.evaluate(OUTSIDE)
        )
        assert page.evaluate(OUTSIDE) == []
        found = AXE.run(page, options=RULES)
        assert not found.violations_count, found.generate_report()


def unseen(page: Page) -> str | None:
    """What is wrong with how the focus is seen, once the page has come to rest; None if nothing."""
    with suppress(AssertionError):
        until(lambda: page.evaluate(UNSEEN) is None, SETTLES_SECONDS)
    return page.evaluate(UNSEEN)


def walk(page: Page, size: dict[str, int] = DESK) -> int:
    """Tab through all there is and back, seeing where the focus is; how many places there are."""
    page.set_viewport_size(size)
    for key in ("Tab", "Shift+Tab"):
        been: list[int] = []
        # A date has several stops.
        while been.count(been[-1] if been else 0) < 2 or been[-1] == been[-2]:
            page.keyboard.press(key)
            assert page.evaluate(UNSEEN) is None
            been.append(page.evaluate(PLACE))
            assert len(been) < MAX_TABS, "the focus does not come round"
    return len(set(been))


def tab_to(page: Page, wanted: Locator, key: str = "Tab") -> None:
    """Tab until `wanted` has the focus, seeing on the way where it is."""
    for _ in range(MAX_TABS):
        page.keyboard.press(key)
        assert page.evaluate(UNSEEN) is None
        if wanted.evaluate("(one) => one === document.activeElement"):
            return
    pytest.fail(f"the keyboard does not reach {wanted}")


def two_weeks() -> list[bytes]:
    """The week before this one, which is over, and the one after it, whatever day it is."""
    today = dt.datetime.now(ZoneInfo(ZONE)).date()
    return sample_lines(today - dt.timedelta(days=7)) + sample_lines(today + dt.timedelta(days=7))


def cancel(
    studio, name: str, first: dt.date | None = None, last: dt.date | None = None, **more
) -> str:
    """Cancel the sessions of that name, of next week if nothing else is said; the job's id."""
    days = (first or studio.monday, last or studio.monday + dt.timedelta(days=6))
    week = dict(zip(("date_from", "date_to"), map(str, days), strict=True))
    ids = [
        one["id"]
        for one in studio.ask("GET", "/sessions", params=week | {"q": name}).json()["data"]
    ]
    body = week | {"session_ids": ids, "reason": "Snow day"} | more
    accepted = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": name}
    )
    assert accepted.status_code == 202, accepted.text
    return accepted.json()["id"]


@sqlite
def test_a_link_with_a_key_signs_nobody_in_by_itself(open_studio, contexts):
    studio = open_studio([])
    page = contexts(bypass_csp=True, signs_in=False).new_page()
    asked = []
    page.on("request", lambda one: "/v1/" in one.url and asked.append(one.url))
    page.goto(studio.signed_in(f"/bulk-cancel?{studio.week}"))
    expect(page.get_by_label("API key")).to_have_value(studio.key)
    expect(page.get_by_text("has brought this key")).to_be_visible()
    assert page.url == f"{studio.url}/bulk-cancel?{studio.week}"  # nobody reads it over a shoulder
    assert asked == []
    examine(page)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name=PRESS)).to_be_visible()


@sqlite
def test_signing_in_and_choosing_sessions_is_for_everybody(open_studio, contexts):
    studio = open_studio(two_weeks())
    page = contexts(bypass_csp=True).new_page()
    page.goto(studio.url)
    expect(page.get_by_label("API key")).to_be_focused()
    examine(page)
    page.get_by_label("API key").fill("bck_of_somebody_else")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    examine(page)
    walk(page)

    job = f"/bulk-cancellations/{cancel(studio, 'Barre')}"
    # What is on a card changes as it ends, and moves what has the focus.
    until(lambda: studio.ask("GET", job).json()["finished_at"])
    page.goto(studio.signed_in(f"/?from={studio.monday}"))
    expect(page.locator(".card.cancelled")).not_to_have_count(0)
    examine(page)
    page.get_by_role("button", name="Schedule settings").click()
    expect(page.get_by_role("link", name="Bulk Cancel Sessions")).to_be_visible()
    examine(page)
    assert walk(page, PHONE) > 10

    # Last week is over and had people in it, which the plan warns of.
    days = [studio.monday + dt.timedelta(days=days) for days in (-14, -8)]
    page.goto(f"{studio.url}/bulk-cancel?from={days[0]}&to={days[1]}")
    expect(page.get_by_role("button", name="Select all", exact=True)).to_be_disabled()
    examine(page)
    for box in page.locator(".row input").all():  # what is over is ticked one by one
        box.check()
    expect(page.get_by_role("list", name="Warnings").get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_text("Also return attended bookings")).to_be_visible()
    examine(page)
    walk(page)
    walk(page, PHONE)
    page.get_by_role("button", name=PRESS).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    examine(page)
    walk(page)
    page.get_by_role("button", name="Keep them").click()

    # Somebody else takes the only one that is ticked: the box that says why nothing was cancelled.
    page.get_by_role("button", name="Select none").click()
    page.get_by_label("Instructor").select_option("Kofi Mensah")
    page.locator(".row:visible").last.get_by_role("checkbox").check()
    expect(page.get_by_role("button", name=PRESS)).to_be_enabled()
    cancel(studio, "Strength", *days)
    page.get_by_role("button", name=PRESS).click()
    page.get_by_role("button", name="Cancel 1 session").click()
    expect(page.get_by_role("link", name="see the job")).to_be_visible()
    expect(page.locator(".row.taken:visible")).to_have_count(6)
    examine(page)


@pytest.mark.long
@sqlite
def test_following_a_job_and_a_clients_own_view_is_for_everybody(open_studio, contexts):
    studio = open_studio(two_weeks())
    page = contexts(bypass_csp=True).new_page()
    studio.town.faults_of(payments={"refuse": {"refund_window_expired": 0.5}})
    failed = cancel(studio, "Boxing")
    until(
        lambda: (
            studio.ask("GET", f"/bulk-cancellations/{failed}").json()["status"]
            == "completed_with_failures"
        )
    )
    studio.town.faults_of(payments={"pending": 0.5, "pending_then": "never"})
    running, held = cancel(studio, "Spin"), cancel(studio, "Barre", hold_seconds=900)

    page.goto(studio.signed_in(f"/jobs/{held}"))
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    expect(page.locator("tbody tr")).not_to_have_count(0)
    examine(page)
    page.goto(f"{studio.url}/jobs/{running}")
    expect(page.get_by_role("heading", name="Progress")).to_contain_text("In process")
    expect(page.get_by_text("Accepted, not final", exact=True)).to_be_visible()
    expect(page.locator("tbody tr")).not_to_have_count(0)
    examine(page)
    page.goto(f"{studio.url}/jobs/{failed}")
    expect(page.get_by_role("region", name="These need you")).to_be_visible()
    examine(page)
    walk(page)
    walk(page, PHONE)
    page.get_by_role("button", name=re.compile("Resolve by hand")).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    examine(page)
    walk(page)

    page.goto(f"{studio.url}/jobs")
    expect(page.locator("tbody tr")).to_have_count(3)
    examine(page)
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    expect(page.locator(".card")).not_to_have_count(0)
    page.get_by_text("Add to my calendar").click()
    examine(page)
    walk(page, PHONE)
    page.goto(f"{studio.url}/clients")
    page.get_by_label("Client", exact=True).fill("c1")
    page.get_by_role("button", name="Show the bookings").click()
    expect(page.locator("[data-booking]")).not_to_have_count(0)
    examine(page)
    walk(page, PHONE)


@sqlite
def test_nothing_moves_by_itself_for_people_who_want_that(studio, contexts):
    job = cancel(studio, "Boxing")
    page = contexts(reduced_motion="reduce").new_page()
    for path in ("/", "/jobs", f"/jobs/{job}", "/c/studio", f"/bulk-cancel?{studio.week}"):
        page.goto(studio.signed_in(path) if path == "/" else studio.url + path)
        expect(page.locator(".card, tbody tr, .row").filter(visible=True).first).to_be_visible()
        assert page.evaluate(MOVING) == [], path
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(MOVING) != []


@sqlite
def test_the_keyboard_alone_cancels_sessions(studio, page):
    page.goto(f"{studio.url}/?from={studio.monday}")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type(studio.key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(str(studio.monday.year))
    expect(page.locator("#main")).to_be_focused()
    go_by_the_cog(page)
    tick_two_dozen(page)
    tab_to(page, page.get_by_label("Reason"))
    page.keyboard.type("Snow day")
    confirm(page)
    expect(page.get_by_text(ACCEPTED)).to_be_visible()
    expect(page.locator("#main")).to_be_focused()
    for name in ("Undo", "Download the .*CSV"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=re.compile(name))).to_be_focused()
    [job] = studio.ask("GET", "/bulk-cancellations").json()["data"]
    assert (job["session_counts"]["accepted"], job["reason"]) == (24, "Snow day")


def go_by_the_cog(page: Page) -> None:
    cog = page.get_by_role("button", name="Schedule settings")
    leads = page.get_by_role("link", name="Bulk Cancel Sessions")
    tab_to(page, cog)
    page.keyboard.press("Enter")
    tab_to(page, leads)
    page.keyboard.press("Escape")
    expect(leads).to_be_hidden()
    expect(cog).to_be_focused()
    page.keyboard.press("Space")
    tab_to(page, leads)
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(45)
    expect(page.locator("#main")).to_be_focused()


def tick_two_dozen(page: Page) -> None:
    """The first, a range from there on, and one of it not."""
    boxes, count = page.locator(".row input"), page.locator(".ticked-count")
    tab_to(page, boxes.first)
    page.keyboard.press("Space")
    expect(count).to_have_text("1 of 45 sessions selected")
    for _ in range(24):
        page.keyboard.press("ArrowDown")
        assert page.evaluate(UNSEEN) is None
    expect(boxes.nth(24)).to_be_focused()
    page.keyboard.press("Shift+Space")
    expect(count).to_have_text("25 of 45 sessions selected")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    expect(count).to_have_text("24 of 45 sessions selected")


def confirm(page: Page) -> None:
    """Press and change one's mind; press again and mean it."""
    press, dialog = page.get_by_role("button", name=PRESS), page.get_by_role("dialog")
    expect(press).to_be_enabled()
    tab_to(page, press)
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(press).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Type 24 to confirm")).to_be_focused()
    page.keyboard.type("24")
    with page.expect_download():
        page.keyboard.press("Enter")


@sqlite
def test_whoever_skips_to_the_content_of_a_page_loses_nothing_of_it(studio, page):
    page.goto(studio.signed_in(f"/bulk-cancel?{studio.week}"))
    page.locator(".row input").first.check()
    page.evaluate("document.activeElement.blur()")
    tab_to(page, page.get_by_role("link", name="Skip to the content"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    tab_to(page, page.get_by_label("From", exact=True))
    expect(page.locator(".row input").first).to_be_checked()
    expect(page.locator(".ticked-count")).to_have_text("1 of 45 sessions selected")


@sqlite
def test_what_has_the_focus_keeps_it_when_a_list_is_drawn_anew(studio, page):
    page.goto(studio.signed_in(f"/bulk-cancel?{studio.week}"))
    box = page.locator(".row", has_text="Spin 45").first.get_by_role("checkbox")
    box.check()
    cancel(studio, "Barre")
    page.evaluate(LOOK_NOW)
    expect(page.locator(".row.taken")).not_to_have_count(0)
    expect(box).to_be_checked()
    expect(box).to_be_focused()
    page.goto(f"{studio.url}/jobs")
    page.get_by_role("row").get_by_role("link").focus()
    cancel(studio, "Boxing")
    page.evaluate(LOOK_NOW)
    expect(page.get_by_role("row").get_by_role("link")).to_have_count(2)
    expect(page.get_by_role("row").get_by_role("link").last).to_be_focused()
