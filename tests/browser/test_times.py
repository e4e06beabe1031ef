"""Days and hours on the pages are those of the answer.

What the browser knows of zones decides nothing. Chromium has zone tables of its own, which may be
older or newer than the service's. So the service is made to say what those tables can't: of two
answers that contradict each other, one contradicts the browser.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator

import pytest
from browser.records import booking, client, next_monday, session
from browser.steps import sign_in
from playwright.sync_api import Locator, Page, Route, expect

VANCOUVER = "America/Vancouver"
# On the 6th with the rules before November 2026, since on the 7th.
STARTS_AT = dt.datetime(2026, 12, 7, 7, 15, tzinfo=dt.UTC)
SCHEDULES = re.compile(r"/v1/(sessions|public/studio/schedule)\?")
# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def say(contexts) -> Iterator[Callable[..., None]]:
    """Have the service's answers changed on their way to a page.

    `say(page, pattern, change)`, with `change(body)`.
    """
    pages: list[Page] = []

    def say(page: Page, pattern: re.Pattern[str], change: Callable[[dict], object]) -> None:
        def answer(route: Route) -> None:
            response = route.fetch()
            body = response.json()
            change(body)
            route.fulfill(response=response, body=json.dumps(body))

        pages.append(page)
        page.route(pattern, answer)

    yield say
    for page in pages:
        page.unroute_all(behavior="wait")


def put_on(day: dt.date, hour: str) -> Callable[[dict], None]:
    """Every session is on that day, at that hour by all clocks."""

    def change(body: dict) -> None:
        for one in body["data"]:
            starts = f"{day}T{hour}:00"
            ends = f"{day}T{hour[:-2]}45:00"
            one |= {
                "business_date": str(day),
                "business_starts_local": starts,
                "business_ends_local": ends,
            }
            one |= {"local_date": str(day), "starts_local": starts, "ends_local": ends}

    return change


def day_of(page: Page, day: dt.date) -> Locator:
    """The part of a page that has this day for its heading."""
    heading = page.get_by_role("heading", level=2, name=re.compile(rf"\b{day.day} {day:%B}\b"))
    return page.locator("section").filter(has=heading)


@on_sqlite
@pytest.mark.parametrize(
    ("day", "hour"),
    [
        (dt.date(2026, 12, 6), "23:15"),
        (dt.date(2026, 12, 7), "00:15"),
        (dt.date(2026, 12, 5), "11:15"),
    ],
)
def test_a_session_is_on_the_day_and_at_the_hour_of_the_answer_whatever_the_browser_knows(
    open_studio, contexts, say, day, hour
):
    record = session("late", STARTS_AT.date(), 7, timezone=VANCOUVER)
    record = record.replace(b"T07:00", b"T07:15").replace(b"T08:00", b"T08:00")
    studio = open_studio([record], zone=VANCOUVER)
    page = contexts(timezone_id="Asia/Tokyo").new_page()
    monday = studio.ask("GET", "/sessions/late").json()["business_date"]
    week = f"from={monday}&to={monday}"
    say(page, SCHEDULES, put_on(day, hour))
    for path in (f"/?from={monday}", f"/c/studio?from={monday}", f"/bulk-cancel?{week}"):
        sign_in(page, studio, path)
        shown = day_of(page, day).locator("[data-session=late]")
        expect(shown).to_be_visible()
        expect(shown).to_contain_text(re.compile(rf"{hour}\W+{hour[:-2]}45"))
        expect(page.locator("[data-session=late]")).to_have_count(1)  # on no other day


@on_sqlite
def test_a_session_that_the_answer_puts_outside_the_week_is_on_the_page_all_the_same(
    open_studio, page, say
):
    monday = next_monday()
    studio = open_studio([session("s0", monday, 15), session("s1", monday, 16)])

    def move(body: dict) -> None:
        body["data"][1]["business_date"] = str(monday + dt.timedelta(days=7))

    say(page, SCHEDULES, move)
    for path in (f"/?from={monday}", f"/c/studio?from={monday}"):
        sign_in(page, studio, path)
        expect(page.locator(".day")).to_have_count(8)
        expect(day_of(page, monday + dt.timedelta(days=7)).locator(".card")).to_have_attribute(
            "data-session", "s1"
        )


@on_sqlite
def test_a_class_elsewhere_is_at_the_business_s_hour_with_its_own_day_and_hour_beside_it(
    open_studio, page
):
    tokyo = {"timezone": "Asia/Tokyo", "location": "Shibuya"}
    day = dt.date(2027, 1, 5)
    studio = open_studio(
        [
            client("kim", "Kim Li"),
            session("online", day, 23, **tokyo),
            session("here", day, 22),
            booking("b0", "online", ("CAD", 2000)),
        ]
    )
    own = "Wed 6 Jan, 08:00 in Tokyo"
    for path in (
        "/?from=2027-01-04",
        "/c/studio?from=2027-01-04",
        "/bulk-cancel?from=2027-01-04&to=2027-01-10",
    ):
        sign_in(page, studio, path)
        shown = day_of(page, day).locator("[data-session=online]")
        expect(shown).to_contain_text(re.compile(r"18:00\W+19:00"))
        expect(shown).to_contain_text(own)
        expect(page.locator("[data-session=here]")).not_to_contain_text(" in ")
    body = {"date_from": "2027-01-04", "date_to": "2027-01-10", "session_ids": "all"}
    job = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": "once"}
    ).json()["id"]
    page.goto(f"{studio.url}/jobs/{job}")
    row = page.get_by_role("row").filter(has_text="Online")
    expect(row).to_contain_text("Tue, 5 Jan 2027, 18:00")
    expect(row).to_contain_text(own)
    page.goto(f"{studio.url}/clients")
    page.get_by_role("textbox", name="Client").fill("kim")
    page.get_by_role("button", name="Show the bookings").click()
    expect(page.locator("[data-booking=b0]")).to_contain_text(f"Tue, 5 Jan 2027, 18:00 · {own}")


@on_sqlite
def test_clocks_that_are_put_back_and_midnight_are_told_as_the_clocks_show_them(studio, page):
    page.goto(f"{studio.url}/c/studio")
    said = page.evaluate(
        """pairs => import('/console/words.js').then(({ times }) => pairs.map(
             ([from, to]) => times({ business_starts_local: from, business_ends_local: to })))""",
        [
            ["2026-11-01T01:30:00", "2026-11-01T01:15:00"],
            ["2026-11-30T23:30:00", "2026-12-01T00:30:00"],
            ["2026-11-30T09:00:00", "2026-11-30T10:00:00"],
        ],
    )
    assert [re.split(r"[^0-9:]+", text) for text in said] == [  # and no day
        ["01:30", "01:15"],
        ["23:30", "00:30"],
        ["09:00", "10:00"],
    ]


@on_sqlite
def test_what_can_t_be_drawn_is_said_to_be_so_and_all_else_stays(open_studio, page, say):
    monday = next_monday()
    studio = open_studio(
        [
            client("kim", "Kim Li"),
            *(session(f"s{number}", monday, 15 + number) for number in range(3)),
            *(booking(f"b{number}", f"s{number}", ("CAD", 2000)) for number in range(3)),
        ]
    )

    def spoil(body: dict) -> None:
        for one in body["data"]:
            shown = one.get("session", one)
            if shown.get("id", shown.get("session_id")) == "s1":
                shown["business_starts_local"] = "half past never"

    say(
        page,
        re.compile(
            r"/v1/(sessions|public/studio/schedule|clients/kim/bookings)\?|/sessions\?limit"
        ),
        spoil,
    )
    for path in (f"/?from={monday}", f"/c/studio?from={monday}"):
        sign_in(page, studio, path)
        expect(page.locator(".card")).to_have_count(3)
        expect(page.locator("[data-session=s1]")).to_have_text("S1This session can't be shown.")
        for other in ("s0", "s2"):
            expect(page.locator(f"[data-session={other}]").locator(".time")).not_to_be_empty()
    page.goto(f"{studio.url}/clients")
    page.get_by_role("textbox", name="Client").fill("kim")
    page.get_by_role("button", name="Show the bookings").click()
    expect(page.locator("[data-booking]")).to_have_count(3)
    expect(page.locator("[data-booking=b1]")).to_have_text("S1This booking can't be shown.")

    page.goto(f"{studio.url}/bulk-cancel?{studio.week}")
    expect(page.locator(".row")).to_have_count(3)
    expect(page.locator("[data-session=s1]")).to_contain_text("can't be shown in full")
    # Whoever takes all takes this one too.
    page.get_by_role("button", name="Select all", exact=True).click()
    expect(page.get_by_role("region", name="What this will do")).to_contain_text("Sessions3")

    body = {"date_from": str(monday), "date_to": str(monday), "session_ids": "all"}
    job = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": "once"}
    ).json()["id"]
    page.goto(f"{studio.url}/jobs/{job}")
    expect(page.get_by_role("row").filter(has_text="This session can't be shown.")).to_contain_text(
        "S1"
    )
    expect(
        page.locator("tbody").last.get_by_role("row").filter(has_text="Cancelled")
    ).to_have_count(2)


@on_sqlite
def test_zones_that_the_browser_lacks_leave_every_page_whole(open_studio, page, say):
    monday = next_monday()
    studio = open_studio([session("s0", monday, 15), session("s1", monday, 16)])
    body = {
        "date_from": str(monday),
        "date_to": str(monday),
        "session_ids": ["s1"],
        "reason": "Snow day",
    }
    job = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": "once"}
    ).json()["id"]

    def unknown(body: dict) -> None:
        for one in [body, *body.get("data", [])]:
            if "timezone" in one:
                one["timezone"] = "America/Of_Next_Year"

    say(page, re.compile(r"/v1/(sessions|public|business|bulk-cancellations)"), unknown)
    for path, sessions in (
        (f"/?from={monday}", 2),
        (f"/c/studio?from={monday}", 2),
        (f"/bulk-cancel?{studio.week}", 2),
    ):
        sign_in(page, studio, path)
        expect(page.locator("[data-session]")).to_have_count(sessions)
    for path in ("/jobs", f"/jobs/{job}"):
        page.goto(studio.url + path)
        expect(page.get_by_text("Snow day", exact=True)).to_be_visible()
        # The page says by which clock its hours are.
        expect(page.get_by_text(re.compile(r"\d\d:\d\d (UTC|GMT)")).first).to_be_visible()
