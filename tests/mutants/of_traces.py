"""The defects that `make mutants` seeds in traces: who chooses, what is told, what trouble costs."""

from mutants.defects import Defect, defect

TRACES = "tests/integration/test_traces.py"
ONE_TREE = "tests/crash/test_traces.py::test_a_cancellation_is_one_tree_over_the_processes_and_its_upstreams"
LARGE = (
    "tests/crash/test_traces.py"
    "::test_of_a_large_job_a_slice_records_the_first_calls_and_the_bad_ones"
)

DEFECTS: tuple[Defect, ...] = (
    defect(
        "whoever sends a traceparent is recorded",
        "app/tracing/contexts.py",
        "        allowance.take() or random",
        "        True or random",
        TRACES,
    ),
    defect(
        "a trace's id chooses whether a caller is recorded",
        "app/tracing/contexts.py",
        "random.random() < ratio  # noqa: S311 - no secret",
        "given.trace_id % 2**64 < ratio * 2**64",
        "tests/crash/test_traces.py::test_an_id_that_a_caller_chose_does_not_choose_it",
    ),
    defect(
        "what its caller does not record is recorded",
        "app/tracing/contexts.py",
        "    is_recorded = given.trace_flags.sampled and (",
        "    is_recorded = (",
        TRACES,
    ),
    defect(
        "a job does not keep its trace",
        "app/cancellation/accept.py",
        "        traceparent=spans.traceparent(),\n",
        "",
        ONE_TREE,
    ),
    defect(
        "an upstream is not told of the trace",
        "app/gateways/http.py",
        "        if traced is not None:\n            headers = ",
        "        if False:\n            headers = ",
        ONE_TREE,
    ),
    defect(
        "every call of a large job has a span",
        "app/tracing/calls.py",
        "        if self.is_recorded and self.left > 0:\n",
        "        if self.is_recorded:\n",
        LARGE,
    ),
    defect(
        "a call without a span says that it has one",
        "app/tracing/calls.py",
        "of.trace_flags & ~TraceFlags.SAMPLED",
        "of.trace_flags",
        LARGE,
    ),
    defect(
        "of a large job no bad call has a span",
        "app/tracing/calls.py",
        "        if self.bad_left > 0:\n",
        "        if False:\n",
        LARGE,
    ),
    defect(
        "spans wait without end for a collector that hangs",
        "app/tracing/sending.py",
        "        if len(self._waiting) >= MAX_WAITING:\n",
        "        if False:\n",
        TRACES,
    ),
    defect(
        "a stop waits for a collector that never ends its answer",
        "app/tracing/sending.py",
        "        self._thread.join(STOP_SECONDS)\n",
        "        self._thread.join()\n",
        "tests/crash/test_traces.py::test_a_collector_in_trouble_costs_no_refund_and_no_stop[drip]",
    ),
    defect(
        "a batch that was refused for now is lost",
        "app/tracing/sending.py",
        "            if not may_come_again or pause",
        "            if True or pause",
        TRACES,
    ),
    defect(
        "the last spans are not sent at the stop",
        "app/main.py",
        "        stack.push_async_callback(spans.stop)\n",
        "",
        "tests/crash/test_traces.py::test_the_last_spans_are_sent_at_the_stop",
    ),
    defect(
        "the words of an exception are in its span",
        "app/tracing/otel.py",
        "        said.failed(type(error).__qualname__)\n",
        "        said.failed(str(error))\n",
        TRACES,
    ),
    defect(
        "the SDK is loaded by whoever records nothing",
        "app/tracing/spans.py",
        "    if wanted is None:\n        return\n    from app.tracing.otel",
        "    import app.tracing.otel\n    if wanted is None:\n        return\n    from app.tracing.otel",
        "tests/crash/test_traces.py::test_while_it_is_off_nothing_of_it_is_loaded[off]",
    ),
    defect(
        "a variable of the machine turns on FastAPI's own traces",
        "app/main.py",
        '        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},\n',
        "",
        TRACES,
    ),
)
