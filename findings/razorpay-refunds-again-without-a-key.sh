#!/usr/bin/env bash
# razorpay 2.0.1, gocardless_pro 3.22.0, mollie-api-python 4.0.0, on Python 3.11; seen 2026-11-30.
#
# The books of a payment service took a part refund, and the connection broke before its answer came. A payment service's own client that
# can try again, one would guess, does so under one key, so that the money goes back once. razorpay's, with its retries enabled, sends the
# refund again without any key, and says that all is well: of a part of a payment both are made. gocardless's sends it under the same key. mollie's
# does not send it again; the key that it made up is on its errors for answers that came, and not on the one for an answer that was lost.
#
# Output seen (of one call whose first answer is lost: how it ends, how many refunds came, and under how many keys; and then once more):
SEEN='razorpay, as it comes: ConnectionError, 1 refund, 0 keys; once more: 2 refunds, 0 keys
razorpay, retries enabled: done, 2 refunds, 0 keys; once more: 3 refunds, 0 keys
gocardless: done, 2 refunds, 1 key; once more: 3 refunds, 2 keys
mollie: RequestError without its key, 1 refund, 1 key; once more: 2 refunds, 2 keys'
# What we do: a key for each refund is in its row before the first call, and every call has it; docs/providers.md says what a provider must keep.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv keeps
keeps/bin/pip -q install razorpay==2.0.1 gocardless_pro==3.22.0 mollie-api-python==4.0.0 2>pip.log
cat >lost.py <<'END_OF_LOST'
import contextlib
import http.server
import io
import json
import socket
import threading
import types

import gocardless_pro
import razorpay
from mollie.api.client import Client
from mollie.api.resources.refunds import PaymentRefunds


class Books(http.server.BaseHTTPRequestHandler):
    """Writes each refund down; the first is not answered."""

    protocol_version = "HTTP/1.1"
    keys: list

    def log_message(self, *words):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append(self.headers.get("Idempotency-Key"))
        if len(self.keys) == 1:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        said = json.dumps({"resource": "refund", "id": "re_1", "refunds": {"id": "RF1"}}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


def of_razorpay(url, *, enabled):
    client = razorpay.Client(auth=("key", "secret"), base_url=url)
    client.enable_retry(enabled)
    return lambda: client.payment.refund("pay_1", {"amount": 500})


def of_gocardless(url):
    client = gocardless_pro.Client(access_token="token", base_url=url)
    said = {"amount": 500, "total_amount_confirmation": 500, "links": {"payment": "PM1"}}
    return lambda: client.refunds.create(params=said)


def of_mollie(url):
    client = Client(api_endpoint=url)
    client.set_api_key("test_" + "a" * 30)
    refunds = PaymentRefunds(client, types.SimpleNamespace(id="tr_1"))
    return lambda: refunds.create({"amount": {"value": "5.00", "currency": "EUR"}})


def counted(number, noun):
    return f"{number} {noun}" + ("" if number == 1 else "s")


for name, client_of in {
    "razorpay, as it comes": lambda url: of_razorpay(url, enabled=False),
    "razorpay, retries enabled": lambda url: of_razorpay(url, enabled=True),
    "gocardless": of_gocardless,
    "mollie": of_mollie,
}.items():
    books = type("TheseBooks", (Books,), {"keys": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), books) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        refund = client_of(f"http://127.0.0.1:{server.server_port}")
        ends = []
        for _ in range(2):
            with contextlib.redirect_stdout(io.StringIO()):  # razorpay's says there that it tries again
                try:
                    refund()
                    how = "done"
                except Exception as error:
                    how = type(error).__name__
                    if name == "mollie":
                        how += " with its key" if getattr(error, "idempotency_key", "") else " without its key"
            keys = set(filter(None, books.keys))
            ends.append((how, f"{counted(len(books.keys), 'refund')}, {counted(len(keys), 'key')}"))
        server.shutdown()
    (how, first), (_, then) = ends
    print(f"{name}: {how}, {first}; once more: {then}")
END_OF_LOST
seen=$(keeps/bin/python lost.py 2>lost.log) || { cat lost.log; exit 1; }
if [ "$seen" != "$SEEN" ]; then
  printf 'It has changed. Seen now:\n%s\n' "$seen"
  exit 1
fi
printf 'Still so:\n%s\n' "$seen"
