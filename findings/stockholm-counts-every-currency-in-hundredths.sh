#!/usr/bin/env bash
# stockholm 0.5.7 (Money with currencies), on Python 3.11; seen 2026-11-29.
#
# Payment services count in the currency's minor unit (ISO 4217: yen whole, dinars of Bahrain and Kuwait in thousandths), and
# stockholm knows how many digits each currency has. One would guess that its sub units are those. They are hundredths, of
# every currency: a payment of 1,500 yen, read from its minor units, is 15. And of the dinars, Bahrain's has two digits.
#
# Output seen:
SEEN='JPY: digits 0, 1500 sub units are 15.00, 1500 has 150000 sub units
CAD: digits 2, 1500 sub units are 15.00, 1500 has 150000 sub units
KWD: digits 3, 1500 sub units are 15.00, 1500 has 150000 sub units
BHD: digits 2, 1500 sub units are 15.00, 1500 has 150000 sub units'
# What we do: amounts stay whole numbers of minor units from the payment to the refund, and are divided by ISO 4217 for people alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv money
money/bin/pip -q install stockholm==0.5.7 2>pip.log
cat >count.py <<'END_OF_COUNT'
from stockholm import Money, currency

for code in ("JPY", "CAD", "KWD", "BHD"):
    digits = getattr(currency, code).decimal_digits
    read = Money.from_sub_units(1500, code).amount_as_string()
    print(f"{code}: digits {digits}, 1500 sub units are {read}, 1500 has {Money(1500, code).sub_units} sub units")
END_OF_COUNT
money/bin/python count.py | tee seen
diff seen <(echo "$SEEN")
