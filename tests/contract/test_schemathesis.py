"""Schemathesis asks the whole API, on a real socket, for what its own document does not promise.

The same requests in the same order each time; TEST_FUZZ_EXAMPLES asks for more of them per
operation.
"""

import contextlib
import datetime as dt
import itertools
import os
import uuid
from collections import Counter

import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from contract.seeded import ERASED, SESSIONS, SPARE, WEEK, seeded
from schemathesis import engine
from schemathesis.engine import events
from standardwebhooks import Webhook
from stripe import WebhookSignature
from worlds.sample_keys import HOOKS_SECRET

MAX_EXAMPLES = int(os.environ.get("TEST_FUZZ_EXAMPLES", "5"))
MAX_ANSWER_SECONDS = 20


@pytest.fixture
def business(database_url, tmp_path):
    # The server has a loop and a thread of its own: Schemathesis asks and waits.
    with (
        start_blocking_portal(backend_options={"use_uvloop": True}) as portal,
        portal.wrap_async_context_manager(
            seeded(database_url, tmp_path / "secrets.key")
        ) as business,
    ):
        yield business


@schemathesis.serializer("application/x-ndjson")
def as_lines(context, value):
    return {"data": value if isinstance(value, bytes) else str(value).encode(errors="replace")}


def known_values(business):
    """By place in a request, what exists in this business.

    Most requests use these, and the rest invents its own.
    """
    days = list(WEEK.values())
    spare = [f"spare-{n}" for n in range(SPARE)]
    return {
        "path.session_id": SESSIONS + spare,
        "path.booking_id": [
            "card-1",
            "split-2",
            "free-3",
            "waiting-4",
            "card-5",
            "split-6",
            *spare,
        ],
        "path.client_id": ["c1", *spare],
        "path.job_id": business.jobs,
        "path.refund_id": business.refunds,
        "path.endpoint_id": business.endpoints,
        "path.key_id": business.keys,
        "path.event_id": business.events,
        "path.token": business.tokens,
        "path.message_id": business.messages,
        "path.address": business.addresses,
        "path.business_id": ["studio"],
        "query.date_from": days,
        "query.date_to": days,
        "header.If-None-Match": ["*"],
        "body.session_id": SESSIONS,
        "body.client_id": ["c1"],
        "body.url": ["https://example.com/hook"],
        "body.date_from": days,
        "body.date_to": days,
    }


def configured(business, *, headers, examples, phases):
    """Schemathesis over the whole document."""
    known = known_values(business)
    # A job is approved or refused once, and a business that is put out of service is asked no more:
    # these are asked about others than all else is. One client is erased beforehand.
    apart = {
        "awaiting": business.awaiting,
        "elsewhere": [business.other],
        "erased": [ERASED],
    }
    key = f"Bearer {business.platform_key}"
    as_operator = {"Authorization": key} if headers else {}
    # What a schema can't say (a range that is reversed, an id that differs from the path's) is
    # refused as 422.
    unheeded = {"error-feedback": {"enabled": False}}
    understood = ["2xx", "3xx", "401", "403", "404", "409", "422"]
    return schemathesis.openapi.from_dict(
        business.document,
        config=schemathesis.Config.from_dict(
            {
                "seed": 1,
                "base-url": business.address,
                "headers": headers,
                "request-timeout": MAX_ANSWER_SECONDS,
                "continue-on-failure": True,
                "cache": {"enabled": False},
                "output": {"sanitization": {"enabled": False}},
                "generation": {
                    "deterministic": True,
                    "database": "none",
                    "no-shrink": True,
                    "max-examples": examples,
                },
                "phases": {
                    "examples": {"enabled": "examples" in phases},
                    "coverage": {"enabled": "coverage" in phases, "unexpected-methods": ["patch"]},
                    "fuzzing": {"enabled": "fuzzing" in phases} | unheeded,
                    "stateful": {"enabled": False},
                },
                "dictionaries": {
                    place.replace(".", "-"): {"values": values}
                    for place, values in (known | apart).items()
                },
                "parameters": {
                    place: {"dictionary": place.replace(".", "-"), "probability": 0.7}
                    for place in known
                }
                # With it in every one of a few requests nobody would be answered 200.
                | {
                    "header.If-None-Match": {
                        "dictionary": "header-If-None-Match",
                        "probability": 0.3,
                    }
                },
                "checks": {
                    "positive_data_acceptance": {"expected-statuses": understood},
                    # GET /v1/bulk-cancellations/plan is a job named plan, and there is none.
                    "unsupported_method": {"enabled": False},
                    # test_document.py has a test of its own for it.
                    "allow_header_conformance": {"enabled": False},
                },
                "operations": [
                    {  # The same body as that of the call that does it, which gets all of it.
                        "include-path": "/v1/bulk-cancellations/plan",
                        "phases": {"coverage": {"enabled": False}},
                        # A check of it is a stream, and has tests of its own.
                        "parameters": {"query.check": "false"},
                    },
                    {
                        "include-path": "/v1/bulk-cancellations/plan/message",
                        "phases": {"coverage": {"enabled": False}},
                    },
                    {
                        "include-path-regex": r"^/v1/bulk-cancellations/\{job_id\}/(plan|refuse)$",
                        "parameters": {
                            "path.job_id": {"dictionary": "awaiting", "probability": 0.7}
                        },
                    },
                    {
                        "include-path": "/v1/clients/{client_id}/erasure",
                        "parameters": {
                            "path.client_id": {"dictionary": "erased", "probability": 0.7}
                        },
                    },
                    {
                        "include-name": "PATCH /v1/platform/businesses/{business_id}",
                        "phases": {"examples": {"enabled": False}, "coverage": {"enabled": False}},
                        "parameters": {
                            "path.business_id": {"dictionary": "elsewhere", "probability": 1.0}
                        },
                        "headers": as_operator,
                    },
                    {"include-path-regex": "^/v1/platform/", "headers": as_operator},
                    {  # A business may send itself so many a minute.
                        "include-path": "/v1/bulk-cancellations/plan/message/send",
                        "phases": {"coverage": {"enabled": False}},
                        "checks": {
                            "positive_data_acceptance": {"expected-statuses": [*understood, "429"]},
                        },
                    },
                    # Schemathesis holds each event against the schema, which in OpenAPI 3.1 is the
                    # whole stream's.
                    {
                        "include-path": "/v1/bulk-cancellations/{job_id}/events",
                        "checks": {"response_schema_conformance": {"enabled": False}},
                    },
                    # Any body is a string once it is sent, and one that is said to be gzip has to
                    # be.
                    {
                        "include-path": "/v1/schedule/import",
                        "checks": {
                            "negative_data_rejection": {"enabled": False},
                            "positive_data_acceptance": {"expected-statuses": [*understood, "400"]},
                        },
                    },
                    {  # What was wrong with the headers is gone when the request is signed.
                        "include-path-regex": "^/v1/hooks/",
                        "checks": {"negative_data_rejection": {"enabled": False}},
                    },
                ],
            }
        ),
    )


@schemathesis.hook("before_call")
def sign(_context, case, kwargs):
    """Sign a hook as its sender would; what lacks a header goes out as it is."""

    def signed(request):
        body = request.body or b""
        at = dt.datetime.now(dt.UTC)
        with contextlib.suppress(UnicodeDecodeError):
            text = body if isinstance(body, str) else body.decode()
            request.headers["webhook-id"] = f"msg_{uuid.uuid4().hex}"
            request.headers["webhook-timestamp"] = str(int(at.timestamp()))
            request.headers["webhook-signature"] = Webhook(HOOKS_SECRET).sign(
                request.headers["webhook-id"], at, text
            )
        return request

    def signed_by_stripe(request):
        body = request.body or b""
        with contextlib.suppress(UnicodeDecodeError):
            text = body if isinstance(body, str) else body.decode()
            request.headers["Stripe-Signature"] = WebhookSignature.generate_signature_header(
                text, HOOKS_SECRET
            )
        return request

    given = {name.lower() for name in case.headers or {}}
    if case.path == "/v1/hooks/stripe" and "stripe-signature" in given:
        kwargs["auth"] = signed_by_stripe
    elif (
        case.path.startswith("/v1/hooks/")
        and {"webhook-id", "webhook-timestamp", "webhook-signature"} <= given
    ):
        kwargs["auth"] = signed


# The audit of a job on hold, followed: the server is stopping (see `StopsWhenAsked`), and what is
# not whole breaks off.
FOLLOWED = "GET /v1/bulk-cancellations/{job_id}/audit.csv"


def ask(schema):
    """Send everything; gives the answers by operation and status, and a text for each finding."""
    answers = {operation.ok().label: Counter() for operation in schema.get_all_operations()}
    findings = {}
    for event in engine.from_schema(schema).execute():
        match event:
            case events.FatalError():
                raise event.exception
            case events.NonFatalError() if event.label == FOLLOWED and "Connection broken" in str(
                event.value
            ):
                continue
            case events.NonFatalError():
                findings.setdefault(
                    (event.label, type(event.value)), f"{event.label}: {event.value!r}"
                )
            case events.ScenarioFinished():
                for one in event.recorder.interactions.values():
                    answers[event.label][one.response.status_code if one.response else None] += 1
                for case_id, failure, curl in failures_of(event.recorder):
                    answer = event.recorder.interactions[failure.case_id or case_id].response
                    text = (
                        f"{event.label}: {failure.title}: {failure.message}\n"
                        f"{curl}\n{answer.content[:500]}"
                    )
                    findings.setdefault((event.label, failure), text)
    return answers, list(findings.values())


def failures_of(recorder):
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                yield case_id, check.failure_info.failure, check.failure_info.code_sample


def keyed(document):
    """The operations that ask for a key, as Schemathesis names them."""
    return {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation.get("security")
    }


def test_no_request_gets_an_answer_that_the_document_does_not_promise(business):
    schema = configured(
        business,
        headers={"Authorization": f"Bearer {business.key}"},
        examples=MAX_EXAMPLES,
        phases=("examples", "coverage", "fuzzing"),
    )
    # OpenAPI lets no operation declare Accept as a parameter, and one heeds it.
    accept = itertools.cycle(("application/json", "text/csv"))
    schema.hook("map_headers")(lambda context, headers: {**(headers or {}), "Accept": next(accept)})
    answers, findings = ask(schema)
    assert not findings, "\n\n".join(findings)
    # A run in which everything is refused would find nothing either.
    refused = {
        operation: statuses
        for operation, statuses in answers.items()
        if not statuses.keys() & {200, 201, 202, 204}
    }
    # A test of a message goes to an address of the settings, which this run sets at random; what is
    # approved is bound to a digest; the identity provider, which there is none of, signs its words;
    # a logo's path names its bytes, which this run can't make. They have tests of their own.
    for operation in (
        "POST /v1/bulk-cancellations/plan/message/send",
        "POST /v1/bulk-cancellations/{job_id}/approve",
        "POST /v1/hooks/logout",
        "GET /v1/public/{business_id}/logo/{tag}",
    ):
        refused.pop(operation, None)
    assert refused == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_a_key_no_request_gets_anything_but_refusals_that_the_document_promises(business):
    schema = configured(
        business, headers={}, examples=min(MAX_EXAMPLES, 4), phases=("examples", "fuzzing")
    )
    answers, findings = ask(schema)
    assert not findings, "\n\n".join(findings)
    for operation in keyed(business.document):
        assert set(answers[operation]) <= {400, 401, 404, 415, 422}, (operation, answers[operation])
        assert answers[operation][401], operation
