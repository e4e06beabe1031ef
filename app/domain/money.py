"""The currencies that money may be of, and how many decimals each has.

Decimals are those of an amount as printed (ISO 4217:2015, amendment 177). Of a currency that is not
listed nobody knows how many decimals its minor unit has, and an amount would be printed, or sent, a
hundredfold wrong.
"""

from typing import Final

WHOLE: Final = 10_000  # basis points
HALF: Final = WHOLE // 2

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


# ISO 4217's active codes, and those withdrawn since 2015, which were paid in. Metals, funds' units
# of account and test codes (`XAU`, `XDR`, `XTS`) have no minor unit, and are none.
_CODES: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN
BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD
FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS
KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK
MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH
UGX USD USN UYI UYU UYW UZS VED VEF VES VND VUV WST XAD XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL
"""
CURRENCIES: Final = frozenset(_CODES.split())


def decimals(currency: str) -> int:
    """Decimals of the currency's major unit.

    2 for any that ISO 4217 does not list otherwise.
    """
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


def percent_of(amount: int, basis_points: int) -> int:
    """Hundredths of a percent of an amount, half a minor unit to even."""
    product = amount * basis_points
    whole, rest = product // WHOLE, product % WHOLE
    return whole + (rest > HALF or (rest == HALF and whole % 2 == 1))
