"""Hands ended spans to a collector by OTLP over HTTP, beside all else that the process does.

So many wait at most, and what is above is lost and counted; a collector that is away, slow or
refuses costs a thread its time, and one line a minute. The SDK's own processor would keep a stop
waiting for half a minute, and its exporter bring an HTTP client beside the one that is here.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Final

import httpx
import structlog
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

log = structlog.get_logger()

MAX_WAITING: Final = 4_096  # spans, of about a kilobyte each
_BATCH: Final = 256
_EVERY_SECONDS: Final = 2.0
_TIMEOUT_SECONDS: Final = 5.0  # of a batch: to connect, to send, and for each part of an answer
_PAUSES: Final = (1.0, 4.0)  # seconds before a batch is sent again, which is then lost
_MAX_ANSWER_BYTES: Final = 64 * 1024
_TOLD_SECONDS: Final = 60.0
STOP_SECONDS: Final = 3.0
# What is to be sent again, opentelemetry.io/docs/specs/otlp, "Retryable Response Codes".
_LATER: Final = frozenset({429, 502, 503, 504})


class SpanSender(SpanProcessor):
    """The spans that wait, and the thread that sends them.

    A thread, and not the loop: encoding and a slow collector keep no request waiting.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        """Begin; nothing is connected before there is a span."""
        self._url = f"{url.rstrip('/')}/v1/traces"
        self._client = httpx.Client(
            headers={**headers, "Content-Type": "application/x-protobuf"},
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            follow_redirects=False,
        )
        self._waiting: deque[ReadableSpan] = deque()
        self._on_its_way = 0  # spans of the batch that is being sent
        self._lost: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._told_at = float("-inf")
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Keep it for the next batch; above the most that may wait it is lost."""
        if len(self._waiting) >= MAX_WAITING:
            self._lose(1, "too many wait")
            return
        self._waiting.append(span)
        if len(self._waiting) >= _BATCH:
            self._wake.set()

    def shutdown(self) -> None:
        """Send what waits, for so many seconds at most; the thread ends with the process."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            self._lose(len(self._waiting) + self._on_its_way, "the process stops")
        self._tell(at_once=True)

    def _run(self) -> None:
        while not (self._stopping.is_set() and not self._waiting):
            self._wake.wait(_EVERY_SECONDS)
            self._wake.clear()
            while batch := self._next_batch():
                self._on_its_way = len(batch)
                self._send(batch)
                self._on_its_way = 0
            self._tell()
        self._client.close()

    def _next_batch(self) -> list[ReadableSpan]:
        return [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]

    def _send(self, batch: Sequence[ReadableSpan]) -> None:
        body = encode_spans(batch).SerializeToString()
        pauses = iter(_PAUSES)
        while True:
            trouble, may_come_again = self._post(body)
            if trouble is None:
                return
            pause = next(pauses, None)
            # A process that stops sends each batch once.
            if not may_come_again or pause is None or self._stopping.wait(pause):
                self._lose(len(batch), trouble)
                return

    def _post(self, body: bytes) -> tuple[str | None, bool]:
        """What was wrong, and whether it may be well later; None: it was taken."""
        try:
            with self._client.stream("POST", self._url, content=body) as answer:
                deadline, size = time.monotonic() + _TIMEOUT_SECONDS, 0
                for part in answer.iter_raw():  # or the connection could not be used again
                    size += len(part)
                    if size > _MAX_ANSWER_BYTES or time.monotonic() > deadline:
                        break
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__, True
        if answer.is_success:
            return None, False
        return f"status {answer.status_code}", answer.status_code in _LATER

    def _lose(self, count: int, because: str) -> None:
        with self._counting:
            self._lost[because] += count

    def _tell(self, *, at_once: bool = False) -> None:
        if not at_once and time.monotonic() - self._told_at < _TOLD_SECONDS:
            return
        with self._counting:
            lost, self._lost = self._lost, Counter()
        if lost:
            self._told_at = time.monotonic()
            log.warning("traces.lost", spans=sum(lost.values()), because=sorted(lost))
