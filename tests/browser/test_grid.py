"""The week as a grid: each session at its hour, today in sight, and one key away who is booked."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from browser.records import booking, client, next_monday, session
from browser.steps import sign_in
from browser.test_access import PHONE, examine, walk
from playwright.sync_api import Page, expect
from postgresql_databases import in_a_thread

from app.auth import keys
from app.db.core.engine import Database
from app.schedule.sample import ZONE

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
HOUR = 89.6  # pixels of an hour on the axis


def hours(*starts: int, lasting: float = 1) -> list[bytes]:
    """Sessions of next Monday at these hours of UTC, of which each has `lasting` hours."""
    day = next_monday()
    return [
        session(
            f"s{place}",
            day,
            start,
            ends_at=(
                dt.datetime.combine(day, dt.time(start), dt.UTC) + dt.timedelta(hours=lasting)
            ).isoformat(),
        )
        for place, start in enumerate(starts)
    ]


def box(page: Page, id_: str) -> dict[str, float]:
    found = page.locator(f"[data-session={id_}]").bounding_box()
    assert found is not None
    return found


@on_sqlite
def test_sessions_stand_at_their_hours_as_long_as_they_last_and_beside_each_other(
    open_studio, page
):
    studio = open_studio(
        [*hours(14, 16, lasting=1.5), *[one.replace(b'"s0"', b'"twin"') for one in hours(14)]]
    )
    sign_in(page, studio, f"/?from={studio.monday}")
    expect(page.locator(".card")).to_have_count(3)
    first, later, twin = (box(page, id_) for id_ in ("s0", "s1", "twin"))
    assert later["y"] - first["y"] == pytest.approx(2 * HOUR, abs=1)
    assert first["height"] == pytest.approx(1.5 * HOUR, abs=3)
    assert twin["y"] == pytest.approx(first["y"], abs=1)
    lefts = sorted([(first["x"], first["width"]), (twin["x"], twin["width"])])
    assert lefts[0][0] + lefts[0][1] <= lefts[1][0]
    assert later["width"] > 1.9 * first["width"]
    label = page.locator(".hours li").first
    expect(label).to_have_text(re.compile("^0?9"))  # 14:00 UTC is nine in Toronto
    top = label.bounding_box()
    assert top is not None
    assert first["y"] - top["y"] == pytest.approx(9.6, abs=3)


@on_sqlite
def test_more_at_the_same_hour_than_can_be_read_beside_each_other_are_a_list(open_studio, page):
    studio = open_studio(hours(14, 14, 14, 14))
    sign_in(page, studio, f"/?from={studio.monday}")
    expect(page.locator(".card")).to_have_count(4)
    expect(page.locator(".week.timed")).to_have_count(0)
    tops = [box(page, f"s{number}")["y"] for number in range(4)]
    assert tops == sorted(set(tops))


def booked() -> list[bytes]:
    return [
        client("kim", "Kim Li"),
        client("lee", "Lee Ng"),
        *hours(14),
        booking("b0", "s0", ("CAD", 2000), ("credits", 2)),
        booking("b1", "s0", client_id="lee").replace(b'"booked"', b'"waitlisted"'),
    ]


@on_sqlite
def test_a_session_opens_to_who_is_booked_how_they_paid_and_what_came_back(open_studio, contexts):
    studio = open_studio(booked())
    page = contexts(bypass_csp=True).new_page()
    sign_in(page, studio, f"/?from={studio.monday}")
    name = page.get_by_role("button", name="S0", exact=True)
    name.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="S0")
    expect(dialog.locator("[data-booking]")).to_have_text(
        ["Kim Li · CA$20.00 + 2 creditsBooked", "Lee Ng · nothing paidOn the waiting list"]
    )
    examine(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(name).to_be_focused()
    days = {"date_from": str(studio.monday), "date_to": str(studio.monday)}
    answer = studio.ask(
        "POST",
        "/bulk-cancellations",
        json=days | {"session_ids": ["s0"]},
        headers={"Idempotency-Key": "k"},
    )
    assert answer.status_code == 202, answer.text
    page.reload()
    card = page.locator(".card.cancelled")
    expect(card.get_by_role("link", name="Refunds", exact=True)).to_be_visible()
    examine(page)
    card.click(position={"x": 20, "y": 8})  # anywhere on it
    expect(dialog.locator("[data-booking=b0]")).to_contain_text("Returned")
    expect(dialog.get_by_role("link")).to_have_count(0)  # nothing is left to cancel


@on_sqlite
def test_a_key_that_may_not_read_names_sees_ids(open_studio, page):
    studio = open_studio(booked())
    scopes = [one for one in keys.Scope if one != keys.Scope.AUDIT_READ]
    studio.town.keys["studio"] = in_a_thread(_key(studio.town.database_url, scopes))
    sign_in(page, studio, f"/?from={studio.monday}")
    page.get_by_role("button", name="S0", exact=True).click()
    dialog = page.get_by_role("dialog", name="S0")
    expect(dialog.locator("[data-booking=b0]")).to_contain_text("kim · CA$20.00")
    expect(dialog).not_to_contain_text("Kim Li")


async def _key(url: str, scopes: list[keys.Scope]) -> str:
    db = Database(url)
    try:
        return await keys.create_key(db, "studio", "desk", scopes)
    finally:
        await db.close()


@on_sqlite
def test_on_a_phone_today_is_the_first_day_in_sight_and_what_is_over_is_dimmed(studio, contexts):
    page = contexts(bypass_csp=True, viewport=PHONE).new_page()
    sign_in(page, studio)
    today = page.locator(".day.today")
    expect(today.get_by_role("heading")).to_be_in_viewport()
    now = dt.datetime.now(ZoneInfo(ZONE))
    gone = page.locator(".day.gone")
    expect(gone).to_have_count(now.weekday())
    expect(page.locator(".day:visible")).to_have_count(7 - now.weekday())
    over = studio.ask("GET", "/sessions", params={"limit": 200}).json()["data"]
    is_over = [one["id"] for one in over if dt.datetime.fromisoformat(one["ends_at"]) <= now]
    assert set(is_over) <= set(
        page.locator(".card.past").evaluate_all("all => all.map((one) => one.dataset.session)")
    )
    if now.weekday():
        page.get_by_role("button", name=re.compile("before today$")).click()
        expect(page.locator(".day:visible")).to_have_count(7)
    examine(page)
    walk(page, PHONE)


@on_sqlite
def test_the_line_of_now_is_at_the_hour_of_the_business(studio, page):
    sign_in(page, studio)
    expect(page.locator(".timed .card").first).to_be_visible()
    now = dt.datetime.now(ZoneInfo(ZONE))
    start = int(page.locator(".now").evaluate("one => one.style.getPropertyValue('--start')"))
    first = int(page.locator(".now").get_attribute("data-from") or "")
    assert abs(start + first * 60 - (now.hour * 60 + now.minute)) <= 2
