#!/usr/bin/env bash
# dinero.js 2.0.2 with its own currencies, on Node 20; seen 2026-11-29.
#
# ISO 4217 gives the ariary (MGA) and the ouguiya (MRU) two digits, as banks, payment services and schedules write them: 2005 is
# 20.05. One would guess that a library of amounts in minor units reads them so. It counts them in fifths, as their coins once
# were: 2005 is 401 whole ones and nothing over, twenty times as much, and their decimal text is refused. All other currencies
# that were tried, those with 0, 3 and 4 digits too, are as ISO 4217 has them.
#
# Output seen:
SEEN='CAD: 2005 is [20,5], written 20.05
ISK: 2005 is [2005,0], written 2005
KWD: 2005 is [2,5], written 2.005
CLF: 2005 is [0,2005], written 0.2005
MGA: 2005 is [401,0], written not at all: Currency is not decimal
MRU: 2005 is [401,0], written not at all: Currency is not decimal'
# What we do: app/domain/money.py has two digits for both, in the CSV and on the pages; a front end that reads `amount_minor` with
# dinero.js needs a currency of its own for these two ({code, base: 10, exponent: 2}).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts dinero.js@2.0.2
cat >count.mjs <<'END_OF_COUNT'
import { dinero, toDecimal, toUnits } from "dinero.js";
import * as currencies from "dinero.js/currencies";

for (const code of ["CAD", "ISK", "KWD", "CLF", "MGA", "MRU"]) {
  const paid = dinero({ amount: 2005, currency: currencies[code] });
  let written;
  try {
    written = toDecimal(paid);
  } catch (error) {
    written = `not at all: ${/Currency is not decimal/.exec(error.message)?.[0]}`;
  }
  console.log(`${code}: 2005 is ${JSON.stringify(toUnits(paid))}, written ${written}`);
}
END_OF_COUNT
node count.mjs | tee seen
diff seen <(echo "$SEEN")
