#!/usr/bin/env bash
# localstripe 1.15.10, the stand-in for Stripe's API in other projects' tests, on Python 3.11; seen 2026-11-29.
#
# Stripe answers a repeated Idempotency-Key with the first refund, refuses the key with other parameters, and refuses to
# refund more than was paid. One would guess that a stand-in made for tests of refunds keeps at least one of the three: a
# test that repeats a refund there passes whether or not its program would pay twice. It keeps none: each call is a refund, and
# the charge of 20.00 says that 67.00 were refunded.
#
# Output seen:
SEEN='refund of 500 with a key: 200, new
the same once more: 200, new
700 with that key: 200, new
5000 without a key: 200, new
paid 2000, refunded 6700'
# What we do: it serves as the judge who never helps (docs/faults.md): what it booked is what was really sent.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv stand-in
stand-in/bin/pip -q install localstripe==1.15.10 2>pip.log
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
TMPDIR=$folder stand-in/bin/python -m localstripe --from-scratch --port "$port" >server.log 2>&1 &
server=$!
cat >refunds.py <<'END_OF_REFUNDS'
import base64
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

KEY = {"Authorization": "Basic " + base64.b64encode(b"sk_test_12345:").decode()}


def call(path, form=None, key=None):
    data = None if form is None else urllib.parse.urlencode(form).encode()
    headers = KEY | ({"Idempotency-Key": key} if key else {})
    request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/v1/{path}", data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, {"id": None}


while True:
    try:
        call("balance")
        break
    except urllib.error.URLError:
        time.sleep(0.1)

card = {"type": "card", "card[number]": "4242424242424242", "card[exp_month]": 12, "card[exp_year]": 2035, "card[cvc]": 123}
method = call("payment_methods", card)[1]["id"]
payment = call("payment_intents", {"amount": 2000, "currency": "cad", "payment_method": method, "confirm": "true"})[1]["id"]
made = set()
for name, amount, key in (
    ("refund of 500 with a key", 500, "refund-1"),
    ("the same once more", 500, "refund-1"),
    ("700 with that key", 700, "refund-1"),
    ("5000 without a key", 5000, None),
):
    status, refund = call("refunds", {"payment_intent": payment, "amount": amount}, key)
    print(f"{name}: {status}, {'known' if refund['id'] in made else 'new'}")
    made.add(refund["id"])
charge = call(f"payment_intents/{payment}")[1]["charges"]["data"][0]
print(f"paid {charge['amount']}, refunded {charge['amount_refunded']}")
END_OF_REFUNDS
stand-in/bin/python refunds.py "$port" | tee seen
diff seen <(echo "$SEEN")
