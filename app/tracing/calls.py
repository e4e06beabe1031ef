"""The calls of a slice or a request: which have spans, and what each tells the upstream.

The first ones have, and then those that came to no good, which is known when they have ended: a
trace of ten thousand calls is read by nobody, and a span costs a third of a refund. What has none
costs next to nothing: it names what it is made in, and that nobody records it.
"""

import asyncio
import time
from contextvars import ContextVar
from typing import Final, NamedTuple, Self

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode, TraceFlags

from app.tracing.contexts import NOWHERE, header_of
from app.tracing.spans import Value

CALLS_RECORDED: Final = 200  # of a slice, or of a request
BAD_CALLS_RECORDED: Final = 300  # that came to no good, after these
_WELL: Final = frozenset(
    {"succeeded", "processing", "payment_facts", "payment_not_found", "unsupported"}
)
_BAD: Final = frozenset({"rejected", "indeterminate", "throttled", "unavailable", "facts_unknown"})
_REFUSED: Final = 400
_NAMING: Final = ("http.request.method", "bulk_cancel.upstream", "bulk_cancel.call")


class Place(NamedTuple):
    """Where a call goes."""

    method: str
    host: str
    port: int


class About(NamedTuple):
    """What a refund's calls are made for."""

    call: str
    upstream: str
    refund_id: str
    attempt: int


class End(NamedTuple):
    """How a call ended; without a status it was not answered, because of that."""

    status: int | None
    because: str | None

    @property
    def trouble(self) -> str | None:
        if self.status is None:
            return self.because or "no answer"
        return str(self.status) if self.status >= _REFUSED else None


class Around:
    """What calls are made in, and how many of them may still have spans."""

    __slots__ = (
        "_tracer",
        "bad_left",
        "context",
        "is_recorded",
        "late",
        "left",
        "unrecorded",
        "without",
    )

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self.context = trace.set_span_in_context(span, NOWHERE)
        self.is_recorded = span.is_recording()
        self.left = CALLS_RECORDED
        self.bad_left = BAD_CALLS_RECORDED
        of = span.get_span_context()
        self.without = header_of(of, of.trace_flags & ~TraceFlags.SAMPLED)
        self.unrecorded: dict[Place, Unrecorded] = {}
        # Operations above the number, by the task that they are made in.
        self.late: dict[asyncio.Task[object] | None, LateOperation] = {}

    def call(self, place: Place) -> "RecordedCall | Unrecorded":
        """One that goes out now."""
        if self.is_recorded and self.left > 0:
            self.left -= 1
            return RecordedCall(self, place, OPERATION.get())
        known = self.unrecorded.get(place)
        if known is None:
            known = self.unrecorded[place] = Unrecorded(self, place)
        return known

    def started(self, place: Place | None, about: About | None, started_ns: int) -> trace.Span:
        """A call's span, begun at that time."""
        facts: dict[str, Value] = {}
        if place is not None:
            facts["http.request.method"] = place.method
            facts["server.address"] = place.host
            facts["server.port"] = place.port
        if about is not None:
            facts["bulk_cancel.call"] = about.call
            facts["bulk_cancel.upstream"] = about.upstream
            facts["bulk_cancel.refund_id"] = about.refund_id
            facts["bulk_cancel.attempt"] = about.attempt
        return self._tracer.start_span(
            " ".join(str(facts[name]) for name in _NAMING if name in facts),
            self.context,
            SpanKind.CLIENT,
            attributes=facts,
            start_time=started_ns,
        )

    def record_bad(
        self,
        place: Place | None,
        about: About | None,
        started_ns: int,
        end: End | None,
        outcome: str | None,
    ) -> None:
        """Record one above the number, as long as there are few such."""
        if self.bad_left > 0:
            self.bad_left -= 1
            _end(self.started(place, about, started_ns), end, outcome, time.time_ns())


class Unrecorded:
    """Calls to a place that have no span; of those that get no good answer it is noted."""

    __slots__ = ("_around", "_place", "traceparent")

    def __init__(self, around: Around, place: Place) -> None:
        self.traceparent = around.without
        self._around = around
        self._place = place

    def ended(self, *, status: int | None, because: str | None = None) -> None:
        if not self._around.is_recorded or (status is not None and status < _REFUSED):
            return
        end = End(status, because)
        operation = self._around.late.get(asyncio.current_task())
        if operation is not None:
            operation.place, operation.end = self._place, end
        else:
            self._around.record_bad(self._place, None, time.time_ns(), end, None)


class RecordedCall:
    """A call with a span, which ends when its outcome is known."""

    __slots__ = ("_end", "_ended_ns", "_operation", "_span", "traceparent")

    def __init__(self, around: Around, place: Place, operation: "RefundOperation | None") -> None:
        self._operation = operation
        about = None if operation is None else operation.about
        self._span = around.started(place, about, time.time_ns())
        self._end = End(None, None)
        of = self._span.get_span_context()
        self.traceparent = header_of(of, of.trace_flags)

    def ended(self, *, status: int | None, because: str | None = None) -> None:
        self._ended_ns = time.time_ns()
        self._end = End(status, because)
        if self._operation is None:
            self.close(None)
        else:
            self._operation.calls.append(self)

    def close(self, outcome: str | None) -> None:
        _end(self._span, self._end, outcome, self._ended_ns)


class RefundOperation:
    """What one refund is asked for, and the calls that this takes."""

    __slots__ = ("_outcome", "_token", "about", "calls")

    def __init__(self, about: About) -> None:
        self.about = about
        self.calls: list[RecordedCall] = []
        self._outcome: str | None = None

    def __enter__(self) -> Self:
        self._token = OPERATION.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Only now is it known what its calls came to."""
        OPERATION.reset(self._token)
        for call in self.calls:
            call.close(self._outcome)

    def ended(self, outcome: str) -> None:
        self._outcome = outcome


class LateOperation:
    """The same above the number: it has a span only if it comes to no good."""

    __slots__ = ("_about", "_around", "_outcome", "_started_ns", "_task", "end", "place")

    def __init__(self, around: Around, about: About) -> None:
        self._around = around
        self._about = about
        self._outcome: str | None = None
        self.place: Place | None = None
        self.end: End | None = None

    def __enter__(self) -> Self:
        self._started_ns = time.time_ns()
        self._task = asyncio.current_task()
        self._around.late[self._task] = self
        return self

    def __exit__(self, *_: object) -> None:
        del self._around.late[self._task]
        if self._outcome is not None and self._outcome not in _WELL:
            self._around.record_bad(
                self.place, self._about, self._started_ns, self.end, self._outcome
            )

    def ended(self, outcome: str) -> None:
        self._outcome = outcome


def _end(span: trace.Span, end: End | None, outcome: str | None, ended_ns: int) -> None:
    if outcome is not None:
        span.set_attribute("bulk_cancel.outcome", outcome)
    if end is not None and end.status is not None:
        span.set_attribute("http.response.status_code", end.status)
    trouble = None if end is None else end.trouble
    if trouble is None and outcome in _BAD:
        trouble = outcome
    if trouble is not None:
        span.set_attribute("error.type", trouble)
        span.set_status(StatusCode.ERROR)
    span.end(ended_ns)


AROUND: Final[ContextVar[Around | None]] = ContextVar("around", default=None)
OPERATION: Final[ContextVar[RefundOperation | None]] = ContextVar("operation", default=None)
