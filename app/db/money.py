"""Minor units of currencies (ISO 4217:2015, amendment 177): how many decimals an amount has when printed."""

from typing import Final

DECIMALS_0: Final = (
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
)
DECIMALS_3: Final = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
DECIMALS_4: Final = ("CLF", "UYW")


def decimals(currency: str) -> int:
    """Decimals of the currency's major unit; 2 for any that ISO 4217 does not list otherwise."""
    if currency in DECIMALS_0:
        return 0
    if currency in DECIMALS_3:
        return 3
    return 4 if currency in DECIMALS_4 else 2


def major_units(amount_minor: int, currency: str) -> str:
    """`2000`, `CAD` → `20.00`; `500`, `JPY` → `500`. No float is involved."""
    places = decimals(currency)
    if places == 0:
        return str(amount_minor)
    whole, part = divmod(amount_minor, 10**places)
    return f"{whole}.{part:0{places}d}"
