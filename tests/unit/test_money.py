"""Amounts are printed in major units by whole numbers alone, alike in Python and databases."""

import re

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.db.jobs.audit_rows import _cell, _major
from app.domain.fields import Currency
from app.domain.money import CURRENCIES, decimals, major_units
from app.domain.texts.sheet_text import csv_cell

# ISO 4217, table A.1: the currencies whose minor unit is not 2.
NONE = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
THREE = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
FOUR = ["CLF", "UYW"]
TWO = [
    "CAD",
    "EUR",
    "USD",
    "GBP",
    "CHF",
    "CNY",
    "INR",
    "MXN",
    "BRL",
    "MGA",
    "MRU",
    "HUF",
    "TWD",
    "IDR",
]
PLACES = (
    dict.fromkeys(NONE, 0)
    | dict.fromkeys(THREE, 3)
    | dict.fromkeys(FOUR, 4)
    | dict.fromkeys(TWO, 2)
)
amounts = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "printed"),
    [
        (2000, "CAD", "20.00"),
        (1, "CAD", "0.01"),
        (10, "EUR", "0.10"),
        (100, "USD", "1.00"),
        (0, "USD", "0.00"),
        (500, "JPY", "500"),
        (0, "JPY", "0"),
        (12345, "KWD", "12.345"),
        (5, "KWD", "0.005"),
        (12345, "CLF", "1.2345"),
        (2**63 - 1, "CAD", "92233720368547758.07"),
        (123, "XYZ", "1.23"),
    ],
)
def test_amounts_are_printed_as_a_person_writes_them(amount_minor, currency, printed):
    assert major_units(amount_minor, currency) == printed


@pytest.mark.parametrize(("currency", "places"), PLACES.items())
def test_the_decimals_are_those_of_iso_4217(currency, places):
    assert decimals(currency) == places


@given(amounts, st.sampled_from(sorted(PLACES)))
def test_no_digit_is_lost(amount_minor, currency):
    printed = major_units(amount_minor, currency)
    assert re.fullmatch(
        r"(0|[1-9]\d*)" + (rf"\.\d{{{PLACES[currency]}}}" if PLACES[currency] else ""), printed
    )
    assert int(printed.replace(".", "")) == amount_minor


async def test_the_databases_print_the_same(db):
    async with db.read() as conn:
        for currency in PLACES:
            for amount in (1, 9, 10, 99, 100, 1000, 12345, 10**12, 2**63 - 1):
                cell = _major(sa.literal(amount, sa.BigInteger), sa.literal(currency, sa.Text))
                assert await conn.scalar(sa.select(cell)) == major_units(amount, currency), (
                    amount,
                    currency,
                )


async def test_the_databases_escape_the_same_cells(db):
    space = [chr(code) for code in range(1, 0x3100) if chr(code).isspace()]
    texts = [
        "",
        "plain",
        "a=b",
        "'=1",
        "=1",
        "+1",
        "-1",
        "@x",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
        "\t",
        "\rx",
        "x\t=1",
    ]
    texts += [f"{one}=1" for one in space] + [f"{one}x" for one in space]
    async with db.read() as conn:
        differ = {
            text: told
            for text in texts
            if (told := await conn.scalar(sa.select(_cell(sa.literal(text, sa.Text)))))
            != csv_cell(text)
        }
    assert differ == {}


@given(st.text())
def test_an_escaped_cell_never_begins_like_a_formula_and_loses_nothing(text):
    cell = csv_cell(text)
    on_one_line = text.replace("\r", " ").replace("\n", " ").replace("\x1f", " ")
    assert cell in {on_one_line, f"'{on_one_line}"}
    assert not cell.lstrip().startswith(
        ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    )
    assert not cell.startswith(("\t", "\r"))


def test_a_currency_is_taken_whose_minor_unit_is_known_and_no_other():
    taken = TypeAdapter(Currency)
    for currency in PLACES:
        assert taken.validate_python(currency) == currency
    assert set(PLACES) <= CURRENCIES
    for none in ("XYZ", "XAU", "XDR", "XTS", "XXX", "ABC", "cad", "CADX", "CAD\n"):
        with pytest.raises(ValidationError):
            taken.validate_python(none)
