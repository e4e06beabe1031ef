"""Trace contexts by the W3C's header: a caller's, the one that a job keeps, and ours."""

import random
import time
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.tracing.spans import Headers

NOWHERE: Final = Context()  # what begins there begins a trace
_HEADER: Final = "traceparent"
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class Allowance:
    """So many a second, and never more than a second's at once."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = self._most = max(per_second, 1.0) if per_second else 0.0
        self._at = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def asked_by(headers: Headers, allowance: Allowance, *, ratio: float) -> Context:
    """Goes on with a caller's trace, which is recorded as we decide.

    That it is to be recorded is heard so many times a second; and by its id nobody can choose:
    callers choose theirs. What its caller does not record we don't, either.
    """
    said = [value for name, value in headers if name == _HEADER.encode()]
    if len(said) != 1:  # as the standard has it, of two neither is to be believed
        return NOWHERE
    header = said[0].decode("latin-1")
    given = trace.get_current_span(context_of(header)).get_span_context()
    if not given.is_valid:
        return NOWHERE
    is_recorded = given.trace_flags.sampled and (
        allowance.take() or random.random() < ratio  # noqa: S311 - no secret
    )
    flags = given.trace_flags & ~TraceFlags.SAMPLED  # the rest is of its id, which stays
    theirs = SpanContext(
        given.trace_id,
        given.span_id,
        is_remote=True,
        trace_flags=TraceFlags(flags | TraceFlags.SAMPLED if is_recorded else flags),
    )
    return trace.set_span_in_context(NonRecordingSpan(theirs), NOWHERE)


def context_of(traceparent: str | None) -> Context:
    """What the header's value names; nothing where it is none."""
    if traceparent is None:
        return NOWHERE
    return _PROPAGATOR.extract({_HEADER: traceparent}, NOWHERE)


def header_of(of: SpanContext, flags: int) -> str:
    """The header's value, with these flags."""
    return f"00-{trace.format_trace_id(of.trace_id)}-{trace.format_span_id(of.span_id)}-{flags:02x}"
