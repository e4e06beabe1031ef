import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.days import Days, SessionTimes, chosen_days, first_instant, session_times, week_of
from app.errors import Invalid

TORONTO = ZoneInfo("America/Toronto")
LISBON = ZoneInfo("Europe/Lisbon")
INSTANTS = st.datetimes(
    dt.datetime(2001, 1, 1),  # noqa: DTZ001 - Hypothesis wants bounds without a zone
    dt.datetime(2099, 1, 1),  # noqa: DTZ001
    timezones=st.just(dt.UTC),
)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("zone", "inside", "from_at", "until_at", "hours"),
    [
        # Clocks go forward on Sunday: the week has 167 hours.
        (TORONTO, "2026-03-04T12:00", "2026-03-02T05:00", "2026-03-09T04:00", 167),
        (LISBON, "2026-03-25T12:00", "2026-03-23T00:00", "2026-03-29T23:00", 167),
        # And back: 169.
        (TORONTO, "2026-10-28T12:00", "2026-10-26T04:00", "2026-11-02T05:00", 169),
        (LISBON, "2026-10-21T12:00", "2026-10-18T23:00", "2026-10-26T00:00", 169),
        (TORONTO, "2026-01-07T12:00", "2026-01-05T05:00", "2026-01-12T05:00", 168),
    ],
)
def test_a_week_runs_from_monday_to_monday_by_the_local_clock(
    zone, inside, from_at, until_at, hours
):
    days = week_of(utc(inside), zone)
    assert (days.from_at, days.until_at) == (utc(from_at), utc(until_at))
    assert days.until_at - days.from_at == dt.timedelta(hours=hours)


def test_the_week_is_that_of_the_local_day_not_of_the_day_in_utc():
    still_sunday_in_toronto = utc("2026-11-23T04:59")
    assert week_of(still_sunday_in_toronto, TORONTO).date_to == dt.date(2026, 11, 22)
    assert week_of(utc("2026-11-23T05:00"), TORONTO).date_from == dt.date(2026, 11, 23)


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("Africa/Cairo", dt.date(2026, 4, 24), "2026-04-23T22:00"),  # the clocks skip midnight
        ("America/Havana", dt.date(2026, 11, 1), "2026-11-01T04:00"),  # and show it twice
    ],
)
def test_a_day_begins_at_its_first_instant_where_midnight_is_skipped_or_comes_twice(
    zone, day, first
):
    assert first_instant(day, ZoneInfo(zone)) == utc(first)


@given(
    zone=st.sampled_from(
        [
            "America/Toronto",
            "Europe/Lisbon",
            "Africa/Cairo",
            "America/Havana",
            "Pacific/Apia",
            "UTC",
        ]
    ),
    instant=INSTANTS,
)
def test_every_instant_is_in_its_own_week_and_weeks_leave_no_gap(zone, instant):
    days = week_of(instant, ZoneInfo(zone))
    assert days.from_at <= instant < days.until_at
    assert week_of(days.until_at, ZoneInfo(zone)).from_at == days.until_at


def chosen(date_from, date_to):
    default = Days(dt.date(2026, 1, 5), dt.date(2026, 1, 11), TORONTO)
    return chosen_days(date_from, date_to, TORONTO, default=default)


def test_one_date_alone_stands_for_the_seven_days_from_it_or_to_it():
    assert chosen("2026-03-01", None).date_to == dt.date(2026, 3, 7)
    assert chosen(None, "2026-03-07").date_from == dt.date(2026, 3, 1)
    assert chosen(None, None).date_from == dt.date(2026, 1, 5)


def test_a_range_may_be_a_year_and_no_more():
    assert chosen("2026-01-01", "2027-01-01").date_to == dt.date(2027, 1, 1)
    with pytest.raises(Invalid) as refused:
        chosen("2026-01-01", "2027-01-02")
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("?date_to", "range-too-long")]


def test_a_reversed_range_is_refused():
    with pytest.raises(Invalid) as refused:
        chosen("2026-01-02", "2026-01-01")
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("?date_to", "range-reversed")]


@pytest.mark.parametrize(
    "text",
    [
        "20260105",
        "1767571200",
        "2026-W02-1",
        "2026-02-30",
        "2026-1-5",
        "0001-01-01",
        "9999-12-31",
        "",
        "\0",
        "2026-01-05\0",
    ],
)
def test_what_is_no_plain_date_is_refused_by_name(text):
    with pytest.raises(Invalid) as refused:
        chosen(text, text)
    assert [(e.pointer, e.code) for e in refused.value.errors] == [
        ("?date_from", "date"),
        ("?date_to", "date"),
    ]


def test_hours_are_those_of_both_clocks_and_the_offset_is_that_of_the_start():
    # Clocks go back in Toronto at 06:00 UTC, while it lasts.
    night = session_times(
        utc("2026-11-01T05:30"), utc("2026-11-01T06:15"), "America/Toronto", "Europe/Lisbon"
    )
    assert night == SessionTimes(
        timezone="America/Toronto",
        timezone_known=True,
        local_date="2026-11-01",
        starts_local="2026-11-01T01:30:00",
        ends_local="2026-11-01T01:15:00",
        utc_offset="-04:00",
        business_date="2026-11-01",
        business_starts_local="2026-11-01T05:30:00",
        business_ends_local="2026-11-01T06:15:00",
    )


@given(
    zones=st.tuples(
        *[st.sampled_from(["America/Toronto", "Asia/Kathmandu", "Pacific/Apia", "UTC"])] * 2
    ),
    instant=INSTANTS,
)
def test_the_business_s_date_is_the_day_under_which_a_session_is_listed(zones, instant):
    own, business = zones
    instant = instant.replace(microsecond=0)
    times = session_times(instant, instant + dt.timedelta(hours=1), own, business)
    day = dt.date.fromisoformat(times.business_date)
    assert (
        Days(day, day, ZoneInfo(business)).from_at
        <= instant
        < Days(day, day, ZoneInfo(business)).until_at
    )
    assert dt.datetime.fromisoformat(times.starts_local + times.utc_offset) == instant
    assert times.starts_local.startswith(times.local_date)
