"""localstripe as a peer: its process, the payments made there for a week, its books read over HTTP, and a relay to it.

It knows no idempotency keys and makes every refund that it is asked for, so its books say what was really sent. Nothing
of it is imported here: it runs in a process of its own (`localstripe_server.py`).
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

import httpx
from crash.processes import Town, free_port, listens, until
from crash.week import PAYMENTS, Line, Week

KEY: Final = "sk_test_hard_judge"
OURS: Final = "reference"
_SERVER: Final = Path(__file__).with_name("localstripe_server.py")
_CARD: Final = {
    "type": "card",
    "card[number]": "4242424242424242",
    "card[exp_month]": "12",
    "card[exp_year]": "2035",
    "card[cvc]": "123",
}


class Localstripe:
    """One running localstripe."""

    def __init__(self, log: Path, *, before: float, after: float) -> None:
        """Start it; a call waits up to `before` seconds for its effect, and up to `after` more for its answer."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, _SERVER, str(self.port), str(before), str(after)]
        with log.open("wb") as errors:  # it tells of every caller that was killed
            self._process = subprocess.Popen(command, stderr=errors)
        until(lambda: listens(self.port), 30)
        headers = {"Authorization": f"Bearer {KEY}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, trust_env=False, verify=False, timeout=30)
        self._card = self.ask("POST", "/v1/payment_methods", data=_CARD)["id"]

    def close(self) -> None:
        self.http.close()
        self._process.kill()
        self._process.wait(10)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.http.request(method, path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pay(self, amount: int, currency: str) -> str:
        """A payment that has succeeded; its id."""
        body = {"amount": amount, "currency": currency.lower(), "payment_method": self._card, "confirm": "true"}
        paid = self.ask("POST", "/v1/payment_intents", data=body)
        assert paid["status"] == "succeeded"
        return paid["id"]

    def refund(self, payment_id: str, amount: int) -> None:
        """Refund as somebody else: without a reference of ours."""
        self.ask("POST", "/v1/refunds", data={"payment_intent": payment_id, "amount": amount})

    def pay_for(self, made: Week) -> Week:
        """The same week, whose payments are payments here."""
        lines = [line for record in made.records for line in record.get("payments", ()) if line["kind"] == "payment"]
        with ThreadPoolExecutor(16) as many:
            ids = list(many.map(lambda line: self.pay(line["amount_minor"], line["currency"]), lines))
        intents = dict(zip((line["payment_id"] for line in lines), ids, strict=True))
        for line in lines:
            line["payment_id"] = intents[line["payment_id"]]
        made.lines = [
            Line(PAYMENTS, intents[line.subject], line.amount, line.currency) if line.service == PAYMENTS else line
            for line in made.lines
        ]
        return made

    def refunds(self) -> list[dict[str, Any]]:
        """Every refund it has ever made, read to the last page."""
        found: list[dict[str, Any]] = []
        while True:
            after = {"starting_after": found[-1]["id"]} if found else {}
            page = self.ask("GET", "/v1/refunds", params={"limit": 100} | after)
            found += page["data"]
            if not page["has_more"]:
                assert len({one["id"] for one in found}) == len(found) == page["total_count"]
                return found

    def books(self, town: Town) -> dict[str, Any]:
        """The books of both judges, as the sandbox writes its own; somebody else's refunds are not in them."""
        ours = [one for one in self.refunds() if OURS in one["metadata"]]
        effects = [
            {
                "id": one["id"],
                "subject": one["payment_intent"],
                "reference": one["metadata"][OURS],
                "amount": one["amount"],
                "currency": one["currency"].upper(),
                "status": one["status"],
            }
            for one in ours
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

    `cut(request, send)` is asked about each one, in a thread of its own, and may `send` it; if it says true the
    caller's connection ends without an answer.
    """
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(32))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    calls: set[asyncio.Task[None]] = set()

    async def message(reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
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

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(life, "127.0.0.1", 0), loop).result(10)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
