"""What a span says of trouble, what a caller may choose, and how much may wait, in one process."""

import json
import time

import pytest
import structlog
from worlds import collector
from worlds.patience import eventually

from app.config.settings import Settings
from app.gateways.http import HttpAnswer, NotSent, UpstreamClient
from app.main import create_app
from app.tracing import sending, spans

THEIRS = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNWANTED = THEIRS[:-1] + b"0"


@pytest.fixture
def collecting(tmp_path):
    with collector.running(tmp_path / "collector") as running:
        yield running


@pytest.fixture
async def traced(collecting):
    """Traces are on, all recorded, until the test ends."""
    spans.start(settings_of(collecting), role="test")
    yield
    await spans.stop()


def settings_of(collecting, *, ratio=1.0, asked_per_second=0.0):
    return spans.TraceSettings(collecting.url, {}, "bulk-cancel", ratio, asked_per_second)


async def sent(collecting):
    await spans.stop()
    return collecting.spans()


def request(*traceparents):
    headers = [(b"traceparent", one) for one in traceparents]
    return spans.request("GET", headers, "r-1")


class BrokenError(Exception):
    pass


@pytest.mark.usefixtures("traced")
async def test_an_exception_is_named_and_its_words_are_not(collecting):
    with pytest.raises(BrokenError), request(), spans.step("accept"):
        raise BrokenError("Kim Li <kim@example.org>")
    accept, outer = await sent(collecting)
    assert [(one.status, one.attributes["error.type"]) for one in (accept, outer)] == [
        ("error", "BrokenError")
    ] * 2
    assert "kim" not in json.dumps([accept.attributes, accept.said, accept.events]).lower()


@pytest.mark.usefixtures("traced")
async def test_a_caller_that_makes_up_a_method_makes_up_no_name(collecting):
    with spans.request("BREW", [], "r-1"):
        pass
    [span] = await sent(collecting)
    assert (span.name, span.attributes["http.request.method"]) == ("_OTHER", "_OTHER")


@pytest.mark.usefixtures("traced")
async def test_two_traceparents_are_none(collecting):
    with request(THEIRS, THEIRS):
        pass
    [span] = await sent(collecting)
    assert not span.parent_id


@pytest.mark.usefixtures("traced")
async def test_what_its_caller_does_not_record_is_not_recorded(collecting):
    with request(UNWANTED):
        inner = spans.traceparent()
    assert await sent(collecting) == []
    _, trace_id, span_id, flags = inner.split("-")
    assert (trace_id, flags) == ("0af7651916cd43dd8448eb211c80319c", "00")
    assert span_id != "b7ad6b7169203331"


async def test_so_many_a_second_are_recorded_because_their_callers_ask(collecting):
    spans.start(settings_of(collecting, ratio=0.0, asked_per_second=5), role="test")
    begun = time.monotonic()
    for _ in range(200):
        with request(THEIRS):
            pass
    most = 5 + 5 * (time.monotonic() - begun)
    assert 5 <= len(await sent(collecting)) <= most


@pytest.mark.usefixtures("traced")
async def test_a_slice_of_a_job_without_a_trace_has_one_of_its_own(collecting):
    with spans.slice_of(None, started_ns=time.time_ns(), job_id="j-1"):
        pass
    [span] = await sent(collecting)
    assert (span.name, span.parent_id) == ("slice", "")


@pytest.mark.usefixtures("traced")
async def test_a_call_that_never_left_says_so(collecting):
    client = UpstreamClient(
        "http://127.0.0.1:1", token=None, connect_seconds=1, total_seconds=1, max_connections=1
    )
    with request():
        assert isinstance(await client.call("GET", "/payments/p-1"), NotSent)
    await client.aclose()
    call, _ = await sent(collecting)
    assert (call.status, call.attributes["error.type"], call.name) == ("error", "NotSent", "GET")
    assert "http.response.status_code" not in call.attributes
    assert "p-1" not in json.dumps([call.name, call.attributes])


async def test_a_call_outside_of_all_has_no_header_and_no_span(collecting, traced):
    client = UpstreamClient(
        collecting.url, token=None, connect_seconds=5, total_seconds=5, max_connections=1
    )
    assert spans.call("GET", "127.0.0.1", 1) is None
    reply = await client.call("GET", "/")
    await client.aclose()
    assert isinstance(reply, HttpAnswer)
    assert await sent(collecting) == []


async def test_what_waits_is_bounded_and_what_is_lost_is_counted(collecting):
    collecting.fault("hang")
    spans.start(settings_of(collecting), role="test")
    many = 2 * sending.MAX_WAITING
    with structlog.testing.capture_logs() as log:
        for _ in range(many):
            with spans.step("accept"):
                pass
        begun = time.monotonic()
        await spans.stop()
        assert time.monotonic() - begun < 4 * sending.STOP_SECONDS
    lost = [one for one in log if one["event"] == "traces.lost"]
    assert sum(one["spans"] for one in lost) == many
    assert "too many wait" in lost[-1]["because"]
    collecting.fault(None)


async def test_a_collector_that_comes_back_in_time_has_all(collecting):
    collecting.fault(503)
    spans.start(settings_of(collecting), role="test")
    with spans.step("accept"):
        pass
    await eventually(lambda: collecting.has_refused)
    collecting.fault(None)
    await eventually(collecting.spans)
    await spans.stop()
    assert [one.name for one in collecting.spans()] == ["accept"]


@pytest.mark.usefixtures("traced")
def test_a_line_of_the_log_names_its_span_and_outside_none():
    assert spans.add_ids(None, "", {"event": "x"}) == {"event": "x"}
    with request():
        line = spans.add_ids(None, "", {"event": "x"})
        _, trace_id, span_id, _ = spans.traceparent().split("-")
    assert (line["trace_id"], line["span_id"]) == (trace_id, span_id)


def test_no_variable_of_the_machine_turns_on_fastapis_own(monkeypatch):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    app = create_app(Settings(payments_url="sandbox", credits_url="sandbox"))
    own = app._telemetry
    assert not any(own[name] for name in ("tracing", "metrics", "logs", "auto_configure"))
    assert not app._native_telemetry.enabled()


def test_headers_are_read_as_opentelemetry_writes_them():
    settings = Settings(
        otel_exporter_otlp_endpoint="https://otel.example",
        otel_exporter_otlp_headers="authorization=Bearer%20a%2Cb%3D, X-Tenant=studio",
    )
    traces = settings.traces()
    assert traces.headers == {"authorization": "Bearer a,b=", "x-tenant": "studio"}
    assert "Bearer" not in repr(settings)
    assert "Bearer" not in repr(traces)
    assert Settings().traces() is None
