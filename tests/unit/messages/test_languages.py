"""Which language a message is in, and how it writes money, dates and hours."""

from dataclasses import replace

import pytest

from app.domain.messages.facts import LANGUAGES, ToldChoice
from app.domain.money import CURRENCIES, decimals
from app.domain.statuses import RefundForm
from app.messages.compose import formats
from app.messages.compose.languages import language_for, words_for
from app.messages.compose.templates.samples import YOGA


@pytest.mark.parametrize(
    ("client", "business", "wanted"),
    [
        ("en-GB", "de", "en-GB"),
        ("pt_BR", None, "pt-BR"),
        ("es-419", None, "es-419"),
        ("fr-CA", None, "fr-CA"),
        ("gsw-CH", None, "de"),
        ("ja-JP", None, "ja-JP"),
        ("en-US-u-hc-h23", None, "en-US"),
        ("fr-ZZ", None, "fr"),
        ("zh-Hant", "es-MX", "es-MX"),
        ("ca", "pt", "pt"),
        (None, "de", "de"),
        ("", "de", "de"),
        ("x" * 4000, "de", "de"),
        ("en\r\nBcc: x", "fr", "fr"),
        ("../../en", None, "en"),
        (None, None, "en"),
        ("zh", "ko", "en"),
    ],
)
def test_a_client_is_written_to_in_their_language_else_the_business_s(client, business, wanted):
    assert language_for(client, business) == wanted
    assert language_for(wanted, None) == wanted


@pytest.mark.parametrize(
    ("tag", "amount", "currency", "text"),
    [
        ("en", 2000, "EUR", "€20.00"),
        ("en", 123450, "HUF", "HUF1,234.50"),
        ("fr", 123450, "HUF", "1\u202f234,50\xa0HUF"),
        ("fr-CA", 2000, "CAD", "20,00\xa0$"),
        ("de", 1234567, "IDR", "12.345,67\xa0IDR"),
        ("de", 1000, "JPY", "1.000\xa0¥"),
        ("es", 2000, "USD", "20,00\xa0US$"),
        ("pt", 2000, "BRL", "R$\xa020,00"),
        ("ja", 1235, "JPY", "￥1,235"),
        ("ar", 2000, "CAD", "\u206620.00\xa0CA$\u2069"),
        ("en", 20500, "KWD", "KWD20.500"),
        ("en", 12345, "CLF", "CLF1.2345"),
    ],
)
def test_money_is_in_the_language_s_form_with_the_currency_s_decimals(tag, amount, currency, text):
    assert formats.money(words_for(tag), amount, currency) == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_minor_unit_of_any_currency_is_lost(language):
    for currency in sorted(CURRENCIES):
        text = formats.money(words_for(language), 1234567, currency)
        digits = "".join(one for one in text if one.isdigit())
        assert digits == "1234567", (currency, decimals(currency))


@pytest.mark.parametrize(
    ("tag", "cycle", "date", "time"),
    [
        ("en", None, "Mon, Nov 30, 2026", "6:00\u2009–\u20097:00\u202fPM"),
        ("en", "h23", "Mon, Nov 30, 2026", "18:00\u2009–\u200919:00"),
        ("en-GB", None, "Mon, 30 Nov 2026", "18:00–19:00"),
        ("fr", None, "lun. 30 nov. 2026", "18:00\u2009–\u200919:00"),
        ("fr-CA", None, "lun. 30 nov. 2026", "18 h 00\u2009–\u200919 h 00"),
        ("de", None, "Mo., 30. Nov. 2026", "18:00–19:00 Uhr"),
        ("es", None, "lun, 30 nov 2026", "18:00–19:00"),
        ("pt", None, "seg., 30 de nov. de 2026", "18:00\u2009–\u200919:00"),
        ("ja", None, "2026年11月30日(月)", "18時00分～19時00分"),
        ("ja", "h12", "2026年11月30日(月)", "午後6時00分～7時00分"),
    ],
)
def test_a_session_s_day_and_hours_are_the_language_s(tag, cycle, date, time):
    words = words_for(tag, cycle)
    assert formats.session_date(words, YOGA) == date
    assert formats.session_time(words, YOGA) == time


def test_an_end_after_midnight_or_none_is_no_second_date():
    late = replace(YOGA, starts_local="2026-11-30T23:00:00", ends_local="2026-12-01T00:30:00")
    assert formats.session_time(words_for("de"), late) == "23:00–00:30 Uhr"
    unknown = replace(YOGA, ends_local=YOGA.starts_local)
    assert formats.session_time(words_for("en"), unknown) == "6:00 PM"


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2027-12-01T05:00:00Z", "America/Toronto", "2027-11-30"),  # midnight there
        ("2027-12-01T04:59:59Z", "America/Toronto", "2027-11-30"),
        ("2027-12-01T05:00:01Z", "America/Toronto", "2027-12-01"),
        ("2027-11-30T23:00:00+00:00", "Europe/Berlin", "2027-11-30"),
    ],
)
def test_the_last_day_is_one_on_which_credits_can_still_be_used(instant, zone, day):
    assert str(formats.last_day(instant, zone)) == day


def test_a_deadline_says_by_whose_clocks():
    until = ToldChoice((RefundForm.ORIGINAL,), RefundForm.ORIGINAL, "2026-11-29T17:00:00Z")
    assert (
        formats.deadline(words_for("en"), until, "America/Toronto")
        == "Sun, Nov 29, 2026, 12:00 PM (Toronto time)"
    )


@pytest.mark.parametrize(
    ("tag", "count", "text"),
    [
        ("en", 1, "1 credit"),
        ("fr", 0, "0 crédit"),
        ("fr", 2, "2 crédits"),
        ("fr", 1_000_000, "1\u202f000\u202f000 crédits"),
        ("de", 1, "1 Credit"),
        ("es", 1_000_000, "1.000.000 créditos"),
        ("pt", 0, "0 crédito"),
        ("ja", 1, "1クレジット"),
    ],
)
def test_credits_are_counted_in_the_language_s_plural(tag, count, text):
    assert formats.credit_count(words_for(tag), count) == text
