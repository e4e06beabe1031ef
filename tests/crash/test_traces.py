"""A bulk cancellation is one trace over all processes, and no trouble with traces is a refund's."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import pytest
from crash.processes import ROOT, Server, free_port, until
from crash.week import assert_once, week
from worlds import collector

TRACEPARENT = re.compile(
    r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])"
)  # 1: recorded; 2: drawn at random
THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SOON = 30.0  # for a stop: within this it has ended, whatever the collector does


@pytest.fixture
def collecting(tmp_path):
    with collector.running(tmp_path / "collector") as running:
        yield running


@pytest.fixture
def town(found_towns, postgresql_url, redis_url, collecting):
    return traced(found_towns, postgresql_url, redis_url, collecting)


def traced(found_towns, postgresql_url, redis_url, collecting, **settings):
    return found_towns(
        postgresql_url,
        redis_url=redis_url,
        **{
            "otel_exporter_otlp_endpoint": collecting.url,
            "otel_traces_sampler_arg": 1,
            "traces_asked_per_second": 0,
        }
        | settings,
    )


def name_of(span):
    return span.name if span.kind != "client" else "call"


def of_trace(spans, trace_id):
    return [span for span in spans if span.trace_id == trace_id]


def events(server):
    lines = server.log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def the_trace(town, collecting, job_id, lines):
    """The trace of a job's acceptance, once all have ended that had a part in it."""
    for server in town.servers[1:]:  # the first is the sandbox
        if server.alive:
            server.end(SOON)
    spans = collecting.spans()
    [accept] = [
        one
        for one in spans
        if one.name == "accept" and one.attributes["bulk_cancel.job_id"] == job_id
    ]
    trace = of_trace(spans, accept.trace_id)
    sent = {one.attributes.get("bulk_cancel.refund_id") for one in trace} - {None}
    assert len(sent) == lines
    return trace


def names(spans):
    return Counter(span.name for span in spans)


def test_a_cancellation_is_one_tree_over_the_processes_and_its_upstreams(town, collecting):
    made = week(40)
    town.settle_in(made)
    api, worker = town.api(), town.worker()
    job_id = town.cancel_all()
    assert town.wait_for(job_id)["status"] == "completed"
    books = town.books()
    assert_once(books, made.lines)
    trace = the_trace(town, collecting, job_id, len(made.lines))
    by_id = {span.span_id: span for span in trace}
    parents = {(name_of(span), name_of(by_id[span.parent_id])) for span in trace if span.parent_id}
    assert parents == {
        ("accept", "POST /v1/bulk-cancellations"),
        ("slice", "accept"),
        ("call", "slice"),
    }
    [root] = [span for span in trace if not span.parent_id]
    assert (root.kind, root.resource["bulk_cancel.role"]) == ("server", "api")
    assert root.attributes["http.route"] == "/v1/bulk-cancellations"
    assert root.attributes["http.response.status_code"] == 202
    slices = [span for span in trace if span.name == "slice"]
    assert {one.resource["bulk_cancel.role"] for one in slices} == {"worker"}
    assert {one.attributes["bulk_cancel.job_id"] for one in slices} == {job_id}

    calls = {span.span_id: span for span in trace if span.kind == "client"}
    for call in calls.values():
        assert call.attributes["server.address"] == "127.0.0.1"
        assert call.attributes["server.port"] == town.sandbox_port
        assert call.attributes["http.response.status_code"] == 201
        assert call.attributes["bulk_cancel.outcome"] == "succeeded"
        assert call.attributes["bulk_cancel.attempt"] == 1
        assert call.status == "unset"
    # The upstreams' books: each refund was asked for in the span that says so.
    effects = [one for each in ("payments", "credits") for one in books[each]["effects"]]
    assert len(effects) == len(made.lines)
    for effect in effects:
        trace_id, span_id, flags = TRACEPARENT.fullmatch(effect["traceparent"]).groups()
        assert (trace_id, int(flags) & 1) == (root.trace_id, 1)
        assert calls[span_id].attributes["bulk_cancel.refund_id"] == effect["reference"]

    # The request's id leads from its answer and its line in the log to the trace.
    [line] = [
        one for one in events(api) if one["event"] == "request.answered" and one["status"] == 202
    ]
    assert line["request_id"] == root.attributes["bulk_cancel.request_id"]
    assert (line["trace_id"], line["span_id"]) == (root.trace_id, root.span_id)
    [ended] = [one for one in events(worker) if one["event"] == "job.ended"]
    assert (ended["trace_id"], ended["job_id"]) == (root.trace_id, job_id)


def test_it_is_one_in_a_single_process_on_sqlite_too(found_towns, sqlite_url, collecting):
    town = found_towns(
        sqlite_url, otel_exporter_otlp_endpoint=collecting.url, otel_traces_sampler_arg=1
    )
    made = week(10)
    town.settle_in(made)
    town.api()
    job_id = town.cancel_all()
    assert town.wait_for(job_id)["status"] == "completed"
    trace = the_trace(town, collecting, job_id, len(made.lines))
    by_id = {span.span_id: span for span in trace}
    assert {by_id[one.parent_id].name for one in trace if one.name == "slice"} == {"accept"}
    assert {one.resource["bulk_cancel.role"] for one in trace} == {"embedded"}


def test_spans_name_no_person_and_no_secret(town, collecting):
    town.settings["otel_exporter_otlp_headers"] = "authorization=Bearer%20c0llector,x-tenant=studio"
    made = week(9)
    town.settle_in(made)
    town.api()
    town.worker()
    job_id = town.cancel_all()
    town.wait_for(job_id)
    trace = the_trace(town, collecting, job_id, len(made.lines))
    assert {(one.headers["authorization"], one.headers["x-tenant"]) for one in trace} == {
        ("Bearer c0llector", "studio")
    }
    told = json.dumps([[one.name, one.attributes, one.resource, one.said] for one in trace])
    for secret in (
        town.key,
        "c0llector",
        "Kim Li",
        "Snow day",
        *(line.subject for line in made.lines),
    ):
        assert secret not in told


def test_a_call_that_comes_to_no_good_is_said_to(town, collecting):
    made = week(6)
    town.settle_in(made)
    town.api()
    town.worker()
    town.faults(refuse={"payment_disputed": 1.0})
    job_id = town.cancel_all()
    town.wait_for(job_id)
    trace = the_trace(town, collecting, job_id, len(made.lines))
    bad = [span for span in trace if span.attributes.get("bulk_cancel.outcome") == "rejected"]
    assert bad
    for span in bad:
        assert (span.status, span.said) == ("error", "")
        assert span.attributes["error.type"] == str(span.attributes["http.response.status_code"])
        assert not span.events


def test_of_a_large_job_a_slice_records_the_first_calls_and_the_bad_ones(town, collecting):
    made = week(600, kinds=("payment",))
    town.settings["slice_seconds"] = 60
    town.settle_in(made)
    api, worker = town.api(), town.worker()
    town.faults(answer_503=0.05)
    job_id = town.cancel_all()
    assert town.wait_for(job_id)["status"] == "completed"
    books = town.books()
    assert_once(books, made.lines)
    for server in (api, worker):
        server.end(SOON)
    spans = collecting.spans()
    slices = {one.span_id for one in spans if one.name == "slice"}
    outcomes = Counter(
        (one.parent_id, one.attributes["bulk_cancel.outcome"])
        for one in spans
        if one.kind == "client"
    )
    assert all(
        sum(count for (at, _), count in outcomes.items() if at == each) <= 500 for each in slices
    )
    well = sum(count for (_, outcome), count in outcomes.items() if outcome == "succeeded")
    assert well < len(made.lines)
    refused = sum(count for (_, outcome), count in outcomes.items() if outcome == "unavailable")
    posts = sum(counts.get("POST", 0) for counts in books["payments"]["callers"].values())
    assert refused == posts - len(made.lines)
    # What is not recorded says so to the upstream, and names the slice.
    flags = Counter()
    for effect in books["payments"]["effects"]:
        _, span_id, flag = TRACEPARENT.fullmatch(effect["traceparent"]).groups()
        is_recorded = bool(int(flag) & 1)
        flags[is_recorded] += 1
        assert is_recorded == (span_id not in slices)
    assert flags[True] == well
    assert flags[False] == len(made.lines) - well


def test_a_slice_days_later_and_after_a_restart_is_in_the_same_trace(town, collecting):
    made = week(5)
    town.settle_in(made)
    town.api().end(SOON)
    town.api()
    job_id = town.cancel_all(hold_seconds=2)
    town.worker()
    town.wait_for(job_id)
    trace = the_trace(town, collecting, job_id, len(made.lines))
    [accept] = [span for span in trace if span.name == "accept"]
    assert {one.parent_id for one in trace if one.name == "slice"} == {accept.span_id}


@pytest.mark.parametrize("trouble", ["away", "hang", "drip", 500, 503])
def test_a_collector_in_trouble_costs_no_refund_and_no_stop(town, collecting, trouble):
    if trouble == "away":
        collecting.stop()
    else:
        collecting.fault(trouble)
    made = week(60)
    town.settle_in(made)
    api, worker = town.api(), town.worker()
    job_id = town.cancel_all()
    assert town.wait_for(job_id)["status"] == "completed"
    assert_once(town.books(), made.lines)
    for server in (api, worker):
        server.end(SOON)
        lost = [one for one in events(server) if one["event"] == "traces.lost"]
        assert 1 <= len(lost) <= 3  # one a minute, and one at the end
        assert all(one["spans"] > 0 for one in lost)
    assert not collecting.spans()


def test_the_last_spans_are_sent_at_the_stop(town, collecting):
    made = week(3)
    town.settle_in(made)
    api = town.api()
    job_id = town.cancel_all()
    api.end(SOON)
    accepted = [one for one in collecting.spans() if one.name == "accept"]
    assert [one.attributes["bulk_cancel.job_id"] for one in accepted] == [job_id]


def test_a_caller_is_recorded_only_within_a_limit(
    found_towns, postgresql_url, redis_url, collecting
):
    town = traced(
        found_towns,
        postgresql_url,
        redis_url,
        collecting,
        otel_traces_sampler_arg=0,
        traces_asked_per_second=0.001,  # the first, and then one in a thousand seconds
    )
    town.settle_in(week(3))
    api = town.api()
    for _ in range(20):
        town.call("GET", "", headers={"traceparent": THEIRS})
    town.call("GET", "", headers={"traceparent": THEIRS.replace("-01", "-00")})
    town.call("GET", "")
    api.end(SOON)
    [span] = collecting.spans()
    _, trace_id, span_id, _ = THEIRS.split("-")
    assert (span.trace_id, span.parent_id) == (trace_id, span_id)


def test_an_id_that_a_caller_chose_does_not_choose_it(
    found_towns, postgresql_url, redis_url, collecting
):
    """By its ratio alone, the SDK's sampler takes each id that ends with many noughts."""
    town = traced(
        found_towns,
        postgresql_url,
        redis_url,
        collecting,
        otel_traces_sampler_arg=0.000001,
    )
    town.settle_in(week(3))
    api = town.api()
    for number in range(1, 30):
        chosen = f"00-{number:016x}{1:016x}-{number:016x}-01"
        town.call("GET", "", headers={"traceparent": chosen})
    api.end(SOON)
    assert not collecting.spans()


@pytest.mark.parametrize(
    "header",
    ["nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01", THEIRS.upper(), "ff" + THEIRS[2:]],
)
def test_what_is_no_traceparent_begins_a_trace_of_its_own(town, collecting, header):
    town.settle_in(week(3))
    api = town.api()
    assert town.call("GET", "", headers={"traceparent": header}).status_code == 200
    api.end(SOON)
    [span] = [one for one in collecting.spans() if one.kind == "server"]
    assert not span.parent_id
    assert span.trace_id not in header


def test_health_is_not_traced(town, collecting):
    town.settle_in(week(3))
    api = town.api()
    for path in ("/livez", "/readyz", "/metrics"):
        town.http.get(f"http://127.0.0.1:{town.api_port}{path}")
    town.call("GET", "")
    api.end(SOON)
    assert names(collecting.spans()) == {"GET /v1/bulk-cancellations": 1}


@contextmanager
def told_what_it_loads(town, module, *arguments, **settings):
    """A process of `python -X importtime -m`, whose log names every module that it loads."""
    log = town.folder / f"{module}.log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BULK_CANCEL_")}
    environment |= town.environment(**settings) | {"PYTHONPATH": str(ROOT)}
    # An operator's machine may have these for other programs.
    environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
    }
    command = [sys.executable, "-X", "importtime", "-m", module, *arguments]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=environment, cwd=town.folder, stdout=out, stderr=out
        )
        town.servers.append(Server(process.pid, log))
        try:
            yield log
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize("is_on", [False, True], ids=["off", "on"])
def test_while_it_is_off_nothing_of_it_is_loaded(
    found_towns, postgresql_url, redis_url, collecting, is_on
):
    town = found_towns(postgresql_url, redis_url=redis_url)
    town.api_port = free_port()
    settings = {"otel_exporter_otlp_endpoint": collecting.url} if is_on else {}
    made = week(10)
    town.settle_in(made)
    port = ("--port", str(town.api_port))
    with (
        told_what_it_loads(town, "app.cli", "api", *port, **settings) as api,
        told_what_it_loads(town, "workers", **settings) as worker,
    ):
        until(town.answers)
        job_id = town.cancel_all()
        assert town.wait_for(job_id)["status"] == "completed"
        for log in (api, worker):
            loaded = {line.rpartition("|")[2].strip() for line in log.read_text().splitlines()}
            assert "app.tracing.spans" in loaded
            heavy = {
                name
                for name in loaded
                if name.startswith(("opentelemetry.sdk", "opentelemetry.proto", "google.protobuf"))
            }
            assert bool(heavy) == is_on
            assert ("app.tracing.otel" in loaded) == is_on
    has_headers = {one["traceparent"] is not None for one in town.books()["payments"]["effects"]}
    assert has_headers == {is_on}
