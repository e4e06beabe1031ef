#!/usr/bin/env bash
# js-money 0.6.3, beside ezmoney 1.0.3 and dinero.js 1.9.1, on Node 20; seen 2026-11-29.
#
# An amount is split over bookings in the ratio of what each paid. One would guess that a booking which paid nothing gets nothing,
# and that a refund, a negative amount, is split as the payment was, so that each booking ends at 0. js-money gives what is
# left over to the first in the list, whatever its ratio: who paid nothing gets a cent, and of a refund is charged one. And in all
# three the odd cent of a refund is not at the booking that had it of the payment: two of three bookings end a cent off.
#
# Output seen:
SEEN='js-money: 10.00 over 0:1:1:1 is [1,333,333,333], -10.00 is [1,-333,-334,-334]
js-money: 10.00 over 1:1:1 is [334,333,333], -10.00 is [-333,-333,-334], left [1,0,-1]
ezmoney: 10.00 over 0:1:1:1 is [0,333,333,334], -10.00 is [0,-334,-333,-333]
ezmoney: 10.00 over 1:1:1 is [333,333,334], -10.00 is [-334,-333,-333], left [-1,0,1]
dinero.js: 10.00 over 0:1:1:1 is [0,334,333,333], -10.00 is [0,-333,-333,-334]
dinero.js: 10.00 over 1:1:1 is [334,333,333], -10.00 is [-333,-333,-334], left [1,0,-1]'
# What we do: a refund is never split anew: each line has the amount that it paid, and a fee is spread by one rule (docs/adr/0017).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts js-money@0.6.3 ezmoney@1.0.3 dinero.js@1.9.1
cat >split.mjs <<'END_OF_SPLIT'
import Dinero from "dinero.js";
import ezmoney from "ezmoney";
import Money from "js-money";

const splits = {
  "js-money": (amount, ratio) => new Money(amount, "CAD").allocate(ratio).map((part) => part.amount),
  ezmoney: (amount, ratio) => ezmoney.allocate({ amount, currency: "CAD", precision: 2 }, ratio).map((part) => part.amount),
  "dinero.js": (amount, ratio) => Dinero({ amount, currency: "CAD" }).allocate(ratio).map((part) => part.getAmount()),
};
for (const [name, split] of Object.entries(splits))
  for (const ratio of [[0, 1, 1, 1], [1, 1, 1]]) {
    const [paid, back] = [split(1000, ratio), split(-1000, ratio)];
    const left = ratio[0] ? `, left ${JSON.stringify(paid.map((amount, place) => amount + back[place]))}` : "";
    console.log(`${name}: 10.00 over ${ratio.join(":")} is ${JSON.stringify(paid)}, -10.00 is ${JSON.stringify(back)}${left}`);
  }
END_OF_SPLIT
node split.mjs | tee seen
diff seen <(echo "$SEEN")
