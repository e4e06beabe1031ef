"""Spans by the OpenTelemetry SDK, with a provider of our own: nobody else's settings reach it.

A job is recorded or not as its acceptance was, whole: so a trace has no holes.
"""

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import Final

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from app.tracing.calls import (
    AROUND,
    About,
    Around,
    LateOperation,
    Place,
    RecordedCall,
    RefundOperation,
    Unrecorded,
)
from app.tracing.contexts import Allowance, asked_by, context_of, header_of
from app.tracing.sending import SpanSender
from app.tracing.spans import NOTHING, Headers, TracedOperation, TraceSettings, Value

# opentelemetry.io/docs/specs/semconv/http/http-spans: what others there are is the caller's word.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class SdkTracing:
    """This process's spans; see `spans` for what each function means."""

    def __init__(self, wanted: TraceSettings, *, role: str) -> None:
        """Begin to record, and to send."""
        self._ratio = wanted.ratio
        self._allowance = Allowance(wanted.asked_per_second)
        resource = Resource.create(
            {
                "service.name": wanted.service_name,
                "service.version": version("bulk-cancel"),
                "service.instance.id": str(uuid.uuid4()),
                "bulk_cancel.role": role,
            }
        )
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(wanted.ratio)),
            resource=resource,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(SpanSender(wanted.url, wanted.headers))
        self.tracer = self._provider.get_tracer("bulk_cancel", version("bulk-cancel"))

    @contextmanager
    def request(self, method: str, headers: Headers, request_id: str) -> Iterator["_SdkSpan"]:
        method = method if method in _METHODS else "_OTHER"
        facts = {"http.request.method": method, "bulk_cancel.request_id": request_id}
        context = asked_by(headers, self._allowance, ratio=self._ratio)
        span = self.tracer.start_span(method, context, SpanKind.SERVER, attributes=facts)
        with _under_way(span, Around(self.tracer, span), method=method) as said:
            yield said

    @contextmanager
    def step(self, name: str, facts: Mapping[str, Value]) -> Iterator["_SdkSpan"]:
        with _under_way(self.tracer.start_span(name, attributes=_ours(facts))) as said:
            yield said

    @contextmanager
    def slice(
        self, traceparent: str | None, started_ns: int, facts: Mapping[str, Value]
    ) -> Iterator["_SdkSpan"]:
        span = self.tracer.start_span(
            "slice",
            context_of(traceparent),
            SpanKind.CONSUMER,
            attributes=_ours(facts),
            start_time=started_ns,
        )
        with _under_way(span, Around(self.tracer, span)) as said:
            yield said

    def operation(
        self, call: str, upstream: str, refund_id: str, attempt: int
    ) -> AbstractContextManager[TracedOperation]:
        around = AROUND.get()
        if around is None or not around.is_recorded:
            return NOTHING
        about = About(call, upstream, refund_id, attempt)
        return RefundOperation(about) if around.left > 0 else LateOperation(around, about)

    def call(self, method: str, host: str, port: int) -> RecordedCall | Unrecorded | None:
        around = AROUND.get()
        return None if around is None else around.call(Place(method, host, port))

    def traceparent(self) -> str | None:
        of = trace.get_current_span().get_span_context()
        return header_of(of, of.trace_flags) if of.is_valid else None

    def ids(self) -> Mapping[str, str]:
        of = trace.get_current_span().get_span_context()
        if not of.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(of.trace_id),
            "span_id": trace.format_span_id(of.span_id),
        }

    async def aclose(self) -> None:
        """Send what waits; a collector that takes none of it costs a few seconds."""
        await asyncio.to_thread(self._provider.shutdown)


class _SdkSpan:
    __slots__ = ("_method", "_span")

    def __init__(self, span: trace.Span, method: str = "") -> None:
        self._span = span
        self._method = method

    def note(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def name_after_route(self, route: str) -> None:
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)

    def failed(self, because: str) -> None:
        self._span.set_attribute("error.type", because)
        self._span.set_status(StatusCode.ERROR)


@contextmanager
def _under_way(
    span: trace.Span, around: Around | None = None, *, method: str = ""
) -> Iterator[_SdkSpan]:
    """Until the block ends it is what all else belongs to; an exception is named, never told."""
    said = _SdkSpan(span, method)
    token = attach(trace.set_span_in_context(span))
    before = AROUND.set(around) if around is not None else None
    try:
        yield said
    except Exception as error:
        said.failed(type(error).__qualname__)
        raise
    finally:
        if before is not None:
            AROUND.reset(before)
        detach(token)
        span.end()


def _ours(facts: Mapping[str, Value]) -> dict[str, Value]:
    return {f"bulk_cancel.{name}": value for name, value in facts.items()}
