#!/usr/bin/env bash
# prices 1.1.1 and py-moneyed 3.0 (both with Babel 2.19.0), beside iso4217 1.16.20260101, on Python 3.11; seen 2026-11-29.
#
# ISO 4217 gives forints, pesos of Colombia and rupiahs two digits, and dinars of Iraq three; payment services charge and return so.
# One would guess that a library of money "quantizes to the correct exponent of the currency" by that. prices takes the digits
# that CLDR has for showing a price, which are fewer where people pay without coins: a refund of 1500.50 HUF becomes 1501. In
# py-moneyed the unit is ISO's, and the text CLDR's: what was paid back in full is read as 50 less than was sent.
#
# Output seen:
SEEN='HUF 1500.50 (ISO digits 2): prices quantizes to 1501, moneyed sends 150050 and writes HUF 1500
COP 1500.50 (ISO digits 2): prices quantizes to 1501, moneyed sends 150050 and writes COP 1500
IDR 1500.50 (ISO digits 2): prices quantizes to 1501, moneyed sends 150050 and writes IDR 1500
IQD 2.005 (ISO digits 3): prices quantizes to 2, moneyed sends 2005 and writes IQD 2
KWD 2.005 (ISO digits 3): prices quantizes to 2.005, moneyed sends 2005 and writes KWD 2.005
CAD 20.05 (ISO digits 2): prices quantizes to 20.05, moneyed sends 2005 and writes CA$ 20.05'
# What we do: amounts are whole numbers of ISO 4217's minor unit, and both pages and mails write all of its digits (app/domain/money.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv money
money/bin/pip -q install prices==1.1.1 py-moneyed==3.0 babel==2.19.0 iso4217==1.16.20260101 2>pip.log
cat >round.py <<'END_OF_ROUND'
import moneyed
import prices
from iso4217 import Currency

for code, amount in (
    ("HUF", "1500.50"),
    ("COP", "1500.50"),
    ("IDR", "1500.50"),
    ("IQD", "2.005"),
    ("KWD", "2.005"),
    ("CAD", "20.05"),
):
    rounded = prices.Money(amount, code).quantize().amount
    paid = moneyed.Money(amount, code)
    sent = paid.get_amount_in_sub_unit()
    written = str(paid).replace("\u00a0", " ")
    print(f"{code} {amount} (ISO digits {Currency(code).exponent}): prices quantizes to {rounded}, moneyed sends {sent} and writes {written}")
END_OF_ROUND
money/bin/python round.py | tee seen
diff seen <(echo "$SEEN")
