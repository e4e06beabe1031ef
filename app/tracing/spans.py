"""What is under way, as spans: what the service says of it, and nothing at all while that is off.

A span has ids, words of few values and numbers: never a name, an address of a person, a secret, a
body, or a path that an id stands in.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

Value = str | int | bool
Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Where spans go, and of how much there are any.

    Attributes:
        url: of the collector; `/v1/traces` is appended.
        headers: sent with each batch, such as a token.
        service_name: what the traces are found under.
        ratio: of what nobody else began, the part that is recorded, 0 to 1.
        asked_per_second: requests of a process that are recorded because their caller wants it.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    service_name: str
    ratio: float
    asked_per_second: float


class Span(Protocol):
    """Something that takes its time."""

    def note(self, name: str, value: Value) -> None:
        """Say something of it, by a name of OpenTelemetry's conventions or one of ours."""

    def name_after_route(self, route: str) -> None:
        """Call it by what answers, which is known late."""

    def failed(self, because: str) -> None:
        """It came to no good end; `because` is a class or a status, never a message."""


class TracedOperation(Protocol):
    """What calls of an upstream are made for: its outcome is said of them."""

    def ended(self, outcome: str) -> None:
        """What became of it, by the outcome's word."""


class TracedCall(Protocol):
    """One HTTP request to an upstream."""

    traceparent: str  # the header's value, https://www.w3.org/TR/trace-context/

    def ended(self, *, status: int | None, because: str | None = None) -> None:
        """Whether it was answered, and if not, because of what."""


class Tracing(Protocol):
    """What a process that records has; see the functions below."""

    def request(
        self, method: str, headers: Headers, request_id: str
    ) -> AbstractContextManager[Span]: ...

    def step(self, name: str, facts: Mapping[str, Value]) -> AbstractContextManager[Span]: ...

    def slice(
        self, traceparent: str | None, started_ns: int, facts: Mapping[str, Value]
    ) -> AbstractContextManager[Span]: ...

    def operation(
        self, call: str, upstream: str, refund_id: str, attempt: int
    ) -> AbstractContextManager[TracedOperation]: ...

    def call(self, method: str, host: str, port: int) -> TracedCall | None: ...

    def traceparent(self) -> str | None: ...

    def ids(self) -> Mapping[str, str]: ...

    async def aclose(self) -> None: ...


class _Nothing:
    def note(self, name: str, value: Value) -> None:
        pass

    def name_after_route(self, route: str) -> None:
        pass

    def failed(self, because: str) -> None:
        pass

    def ended(self, outcome: str) -> None:
        pass


class _Switch:
    tracing: Tracing | None = None


NOTHING: Final = nullcontext(_Nothing())  # what is not traced
_SWITCH: Final = _Switch()


def start(wanted: TraceSettings | None, *, role: str) -> None:
    """Record from now on, where it is wanted; `role` is the process's, as `/metrics` has it."""
    if wanted is None:
        return
    from app.tracing.otel import SdkTracing  # noqa: PLC0415 - loaded by those alone who record

    _SWITCH.tracing = SdkTracing(wanted, role=role)


async def stop() -> None:
    """Send what there is, for a few seconds at most, and record no more."""
    tracing, _SWITCH.tracing = _SWITCH.tracing, None
    if tracing is not None:
        await tracing.aclose()


def request(method: str, headers: Headers, request_id: str) -> AbstractContextManager[Span]:
    """A request while it is answered; `headers` as ASGI has them."""
    tracing = _SWITCH.tracing
    return NOTHING if tracing is None else tracing.request(method, headers, request_id)


def step(name: str, **facts: Value) -> AbstractContextManager[Span]:
    """Something that is done within what is under way."""
    tracing = _SWITCH.tracing
    return NOTHING if tracing is None else tracing.step(name, facts)


def slice_of(
    traceparent: str | None, *, started_ns: int, **facts: Value
) -> AbstractContextManager[Span]:
    """A slice of a job, which began at that time of the epoch.

    It belongs to the acceptance whose `traceparent` the job keeps; None: it was not traced.
    """
    tracing = _SWITCH.tracing
    return NOTHING if tracing is None else tracing.slice(traceparent, started_ns, facts)


def operation(
    call: str, upstream: str, *, refund_id: str, attempt: int
) -> AbstractContextManager[TracedOperation]:
    """What an upstream is asked for one refund; the requests within tell its outcome."""
    tracing = _SWITCH.tracing
    if tracing is None:
        return NOTHING
    return tracing.operation(call, upstream, refund_id, attempt)


def call(method: str, host: str, port: int) -> TracedCall | None:
    """A request that goes out now; None: it bears no `traceparent`."""
    tracing = _SWITCH.tracing
    return None if tracing is None else tracing.call(method, host, port)


def traceparent() -> str | None:
    """What is under way, as a job keeps it for its slices; None: nothing is traced."""
    tracing = _SWITCH.tracing
    return None if tracing is None else tracing.traceparent()


def add_ids(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A processor of structlog's: the line names the trace and the span that it was written in."""
    tracing = _SWITCH.tracing
    if tracing is not None:
        event.update(tracing.ids())
    return event
