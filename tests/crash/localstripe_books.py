"""localstripe as a peer: its process, a week's payments there, its books, a relay to it.

It knows no idempotency keys and makes every refund that it is asked for, so its books say what was
really sent. Nothing of it is imported here: it runs in a process of its own
(`localstripe_server.py`). The witness is Stripe's own library: it makes the payments and reads the
books, and knows nothing of ours.
"""

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import requests
import stripe
from crash.processes import Town, free_port, listens, until
from crash.week import PAYMENTS, Line, Week

KEY: Final = "sk_test_hard_judge"
OURS: Final = "reference"
_SERVER: Final = Path(__file__).with_name("localstripe_server.py")
_CARD: Final = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2035, "cvc": "123"}
_AT_ONCE: Final = 16


class Localstripe:
    """One running localstripe."""

    def __init__(self, log: Path, *, before: float, after: float, strict: bool = False) -> None:
        """Start it.

        A call waits up to `before` seconds for its effect, and up to `after` more for its answer.
        `strict`: it refuses more than is left of a payment.
        """
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, _SERVER, str(self.port), str(before), str(after)]
        command += ["--strict"] if strict else []
        with log.open("wb") as errors:  # it tells of every caller that was killed
            self._process = subprocess.Popen(command, stderr=errors)
        until(lambda: listens(self.port))
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=_AT_ONCE))
        self.stripe = stripe.StripeClient(
            KEY,
            base_addresses={"api": self.url},
            http_client=stripe.RequestsClient(timeout=30, session=self._session),
            max_network_retries=0,  # what it does is to be done once, here of all places
        ).v1
        self._card = self.stripe.payment_methods.create({"type": "card", "card": _CARD}).id
        self.payments: list[str] = []  # that were made here

    def close(self) -> None:
        self._session.close()
        self._process.kill()
        self._process.wait(10)

    def pay(self, amount: int, currency: str) -> str:
        """A payment that has succeeded; its id."""
        paid = self._intent(amount, currency)
        assert paid.status == "succeeded"
        self.payments.append(paid.id)
        return paid.id

    def authorise(self, amount: int, currency: str) -> stripe.PaymentIntent:
        """A payment that waits for its capture."""
        intent = self._intent(amount, currency, capture_method="manual")
        assert intent.status == "requires_capture"
        return intent

    def _intent(self, amount: int, currency: str, **more: Any) -> stripe.PaymentIntent:
        asked = {
            "amount": amount,
            "currency": currency.lower(),
            "payment_method": self._card,
            "confirm": True,
        }
        return self.stripe.payment_intents.create(asked | more)

    def refund(self, payment_id: str, amount: int) -> None:
        """Refund as somebody else: without a reference of ours."""
        self.stripe.refunds.create({"payment_intent": payment_id, "amount": amount})

    def pay_for(self, made: Week) -> Week:
        """The same week, whose payments are payments here."""
        lines = [
            line
            for record in made.records
            for line in record.get("payments", ())
            if line["method"] == "payment"
        ]
        with ThreadPoolExecutor(_AT_ONCE) as many:
            ids = list(
                many.map(lambda line: self.pay(line["amount_minor"], line["currency"]), lines)
            )
        intents = dict(zip((line["payment_id"] for line in lines), ids, strict=True))
        for line in lines:
            line["payment_id"] = intents[line["payment_id"]]
        made.lines = [
            Line(PAYMENTS, intents[line.subject], line.amount, line.currency)
            if line.service == PAYMENTS
            else line
            for line in made.lines
        ]
        return made

    def refunds(self) -> list[stripe.Refund]:
        """Every refund it has ever made, by payment, each payment's read to the last page."""
        with ThreadPoolExecutor(_AT_ONCE) as many:
            found = [
                one for of_payment in many.map(self.refunds_of, self.payments) for one in of_payment
            ]
        everything = {one.id for one in self.stripe.refunds.list({"limit": 100}).auto_paging_iter()}
        assert everything == {one.id for one in found}, (
            "there are refunds of payments that nobody made"
        )
        assert len(everything) == len(found)
        return found

    def refunds_of(self, payment_id: str) -> list[stripe.Refund]:
        found = list(
            self.stripe.refunds.list({"payment_intent": payment_id, "limit": 10}).auto_paging_iter()
        )
        assert {one.payment_intent for one in found} <= {payment_id}
        return found

    def books(self, town: Town) -> dict[str, Any]:
        """The books of both judges, as the sandbox writes its own.

        Somebody else's refunds are not in them.
        """
        effects = [
            {
                "id": one.id,
                "subject": one.payment_intent,
                "reference": one.metadata[OURS],
                "amount": one.amount,
                "currency": one.currency.upper(),
                "status": one.status,
            }
            for one in self.refunds()
            if OURS in one.metadata
        ]
        sums: Counter[str] = Counter()
        for one in effects:
            sums[one["currency"]] += one["amount"]
        by_subject = Counter(one["subject"] for one in effects)
        payments = {
            "effects": effects,
            "twice": {subject: count for subject, count in by_subject.items() if count > 1},
            "totals": {"sums": dict(sums)},
        }
        sandbox = town.books()
        assert not sandbox[PAYMENTS]["effects"], "the sandbox was asked for payments, too"
        return sandbox | {PAYMENTS: payments}


@contextmanager
def relay(port: int, cut: Callable[[bytes, Callable[[], bytes]], bool]) -> Iterator[str]:
    """An address that passes HTTP calls on to `port`.

    `cut(request, send)` is asked about each one, in a thread of its own, and may `send` it; if it
    says true the caller's connection ends without an answer.
    """
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(32))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    calls: set[asyncio.Task[None]] = set()

    async def message(reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        return head + (await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b"")

    async def passed_on(request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            return await message(reader)
        finally:
            writer.close()

    def send(request: bytes) -> bytes:
        return asyncio.run_coroutine_threadsafe(passed_on(request), loop).result(30)

    async def life(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        calls.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                request = await message(reader)
                if await asyncio.to_thread(cut, request, lambda request=request: send(request)):
                    break
                writer.write(await passed_on(request))
        calls.discard(task)
        writer.transport.abort()

    async def stop() -> None:
        server.close()
        for task in list(calls):
            task.cancel()
        await asyncio.sleep(0.05)  # what was aborted closes in the next rounds of the loop
        await loop.shutdown_default_executor()

    server = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(life, "127.0.0.1", 0), loop
    ).result(10)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
