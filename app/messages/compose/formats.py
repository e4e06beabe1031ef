"""Money, credits, dates and times, as a language writes them (CLDR, by Babel).

How many decimals money has is ISO 4217's matter: CLDR prints forints and rupiahs without, which
would hide what was paid.
"""

import copy
import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton, get_timezone_location
from babel.lists import format_list
from babel.numbers import NumberPattern, format_decimal, format_percent

from app.domain.messages.facts import ToldChoice, ToldSession
from app.domain.money import WHOLE, decimals
from app.domain.zones import zone_of
from app.messages.compose.languages import Words
from app.messages.compose.said import plain, say

_MARK = "\u200f"  # CLDR's, in patterns of languages that run so
_LAST_MOMENT = dt.timedelta(seconds=1)


def money(words: Words, amount_minor: int, currency: str) -> str:
    """`2000`, `EUR` → `20,00 €`; the locale's pattern with the currency's own decimals."""
    places = decimals(currency)
    amount = Decimal(amount_minor).scaleb(-places)
    pattern = _money_pattern(str(words.locale), places)
    text: str = pattern.apply(amount, words.locale, currency=currency, currency_digits=False)
    # A sign of several letters would be read backwards where words run from right to left.
    return f"\u2066{text.replace(_MARK, '')}\u2069" if _MARK in text else text


@lru_cache(maxsize=512)
def _money_pattern(locale: str, places: int) -> NumberPattern:
    pattern: NumberPattern = copy.copy(Locale.parse(locale).currency_formats["standard"])
    pattern.frac_prec = (places, places)
    return pattern


def credit_count(words: Words, credits_: int) -> str:
    """So many credits, as a noun."""
    form = words.plural(words.phrases.credits, credits_)
    return plain(say(form, n=number(words, credits_)))


def number(words: Words, count: int) -> str:
    """A count, with the language's grouping."""
    return format_decimal(count, locale=words.locale)


def percent(words: Words, basis_points: int) -> str:
    """`1000` → `10 %`; as many decimals as it has."""
    places = 0 if basis_points % 100 == 0 else 2
    pattern = copy.copy(words.locale.percent_formats[None])
    pattern.frac_prec = (0, places)
    return format_percent(Decimal(basis_points) / WHOLE, format=pattern, locale=words.locale)


def sums(words: Words, of_money: Mapping[str, int], credits_: int = 0) -> str:
    """All that is not 0, by currency, then credits: `€20.00 and 2 credits`."""
    parts = [money(words, amount, currency) for currency, amount in of_money.items() if amount]
    if credits_:
        parts.append(credit_count(words, credits_))
    return listed(words, parts)


def listed(words: Words, parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return format_list(parts, locale=words.locale)


def alternatives(words: Words, parts: Sequence[str]) -> str:
    """`a, b or c`."""
    return format_list(parts, style="or", locale=words.locale)


def session_date(words: Words, session: ToldSession) -> str:
    """The day on which it starts, where it is held."""
    return format_skeleton("yMMMEd", _local(session.starts_local), locale=words.locale)


def session_time(words: Words, session: ToldSession) -> str:
    """From when to when, by the clocks of where it is held."""
    start, end = _local(session.starts_local), _local(session.ends_local)
    if end <= start:  # its end is not known
        return format_skeleton(f"{words.hours}m", start, locale=words.locale)
    # As of one day: an end after midnight is an hour like others, not a second date.
    end = dt.datetime.combine(start.date(), end.time())
    return format_interval(start, end, f"{words.hours}m", locale=words.locale)


def _local(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=None)


def last_day(expires_after: str, timezone: str) -> dt.date:
    """The last day on which what ends at this instant can be used, where it is used.

    An end at midnight is the end of the day before.
    """
    instant = dt.datetime.fromisoformat(expires_after) - _LAST_MOMENT
    return instant.astimezone(zone_of(timezone)).date()


def day(words: Words, date: dt.date) -> str:
    """A day, with the month's name."""
    return format_date(date, "long", locale=words.locale)


def deadline(words: Words, choice: ToldChoice, timezone: str) -> str:
    """Until when a client may choose, by the clocks of this zone, whose city it names."""
    return moment(words, choice.until, timezone)


def moment(words: Words, instant: str, timezone: str) -> str:
    """An instant, by the clocks of this zone, whose city it names."""
    until = dt.datetime.fromisoformat(instant).astimezone(zone_of(timezone))
    until = until.replace(tzinfo=None)
    date = format_skeleton("yMMMEd", until, locale=words.locale)
    time = format_skeleton(f"{words.hours}m", until, locale=words.locale)
    return in_zone(words, plain(say(words.phrases.when, date=date, time=time)), timezone)


def in_zone(words: Words, when: str, timezone: str) -> str:
    """`when`, and by whose clocks."""
    city = get_timezone_location(zone_of(timezone), locale=words.locale, return_city=True)
    return plain(say(words.phrases.in_zone, when=when, city=city))
