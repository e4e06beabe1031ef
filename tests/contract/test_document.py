import csv
import io
import json
import subprocess
import sys
from http import HTTPMethod
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from app.config.settings import Settings
from app.document import document as generated
from app.main import create_app
from app.problem_types import PROBLEM_TYPES

COMMITTED = Path(__file__).parents[2] / "openapi" / "bulk-cancel.json"
PROBLEM = {"$ref": "#/components/schemas/ProblemDocument"}
NAMES = (
    "session_id",
    "booking_id",
    "client_id",
    "job_id",
    "refund_id",
    "business_id",
    "endpoint_id",
    "key_id",
    "message_id",
    "address",
    "language",
    "tag",
    "event_id",
    "token",
)
CSV, EVENTS = "text/csv", "text/event-stream"


def printed():
    return subprocess.run(
        [sys.executable, "-m", "app.document"], capture_output=True, check=True
    ).stdout


def test_the_document_is_valid_openapi_3_1_and_printed_the_same_each_time():
    first = printed()
    document = json.loads(first)
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert first.endswith(b"}\n")
    assert printed() == first


@pytest.fixture(scope="module")
def document():
    return json.loads(generated())


@pytest.fixture(scope="module")
def operations(document):
    """Each operation by its name, as in "GET /livez"."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def responses(operation, *classes):
    """The responses whose status begins with one of these digits, by status."""
    return {status: one for status, one in operation["responses"].items() if status[0] in classes}


def test_the_committed_document_is_what_the_code_says():
    assert COMMITTED.read_text(encoding="utf-8") == generated(), "run: make openapi"


def test_every_operation_has_a_tag_a_name_of_its_own_and_a_summary_that_somebody_wrote(operations):
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    for name, operation in operations.items():
        assert len(operation["tags"]) == 1, name
        # Left out, FastAPI makes one of the function's name.
        assert operation["summary"] != operation["operationId"].replace("_", " ").title(), name


def test_every_operation_says_what_it_answers_when_it_succeeds(operations):
    for name, operation in operations.items():
        good = responses(operation, "2")
        assert good, name
        for status, response in good.items():
            # Nothing is said in them; a logout's 200 is what its specification wants (§2.8).
            if status == "204" or name == "POST /v1/hooks/logout":
                assert "content" not in response, name
                continue
            assert response["content"], (name, status)
            for content in response["content"].values():
                assert content.get("schema") or content.get("example"), (name, status)


def test_every_refusal_is_a_problem_document_with_an_example_of_its_own_status(operations):
    for name, operation in operations.items():
        assert "default" not in operation["responses"], name
        for status, response in responses(operation, "4", "5").items():
            if name == "GET /readyz":  # 503 is its answer, not a refusal
                continue
            assert list(response["content"]) == ["application/problem+json"], (name, status)
            (content,) = response["content"].values()
            assert content["schema"] == PROBLEM, (name, status)
            several = content.get("examples", {}).values()
            for example in (
                [content["example"]] if "example" in content else [one["value"] for one in several]
            ):
                assert example["status"] == int(status), (name, status)
                kind = PROBLEM_TYPES[example["type"].removeprefix("/problems/")]
                assert (example["title"], example.keys()) == (kind.title, kind.example().keys()), (
                    name,
                    status,
                )


OWN_TYPES = {
    "POST /v1/bulk-cancellations": {
        "400": {"malformed-body", "idempotency-key-missing"},
        "409": {"sessions-already-in-process", "plan-changed", "business-time-zone-unknown"},
        "422": {"validation", "idempotency-key-reused"},
    },
    "POST /v1/bulk-cancellations/plan": {"409": {"business-time-zone-unknown", "check-under-way"}},
    "POST /v1/bulk-cancellations/plan/message": {"409": {"business-time-zone-unknown"}},
    "POST /v1/bulk-cancellations/plan/message/send": {
        "409": {"business-time-zone-unknown", "mail-not-configured"},
        "502": {"mail-refused"},
        "503": {"database-unavailable", "issuer-unavailable", "mail-unavailable"},
    },
    "POST /v1/bulk-cancellations/{job_id}/withdraw": {"409": {"not-on-hold"}},
    "POST /v1/bulk-cancellations/{job_id}/refunds/{refund_id}/resolve": {"409": {"not-resolvable"}},
    "POST /v1/schedule/import": {"400": {"malformed-body", "broken-gzip"}},
    "POST /v1/webhook-endpoints": {
        "409": {"webhooks-not-configured", "too-many-endpoints", "host-has-not-agreed"}
    },
    "PATCH /v1/webhook-endpoints/{endpoint_id}": {"409": {"host-has-not-agreed"}},
    "POST /v1/webhook-endpoints/{endpoint_id}/rotate-secret": {
        "409": {"webhooks-not-configured", "too-many-secrets"}
    },
    "POST /v1/webhook-endpoints/{endpoint_id}/test": {"409": {"endpoint-disabled"}},
    "POST /v1/keys": {
        "400": {"malformed-body", "idempotency-key-missing"},
        "409": {"too-many-keys"},
        "422": {"validation", "idempotency-key-reused"},
    },
    "POST /v1/keys/{key_id}/rotate": {"409": {"key-revoked", "too-many-secrets"}},
    "POST /v1/keys/{key_id}/revoke": {"409": {"last-managing-key"}},
    "POST /v1/hooks/payments": {"401": {"hook-signature-invalid"}, "404": {"hooks-not-configured"}},
}


def test_each_operation_shows_every_type_of_problem_that_is_its_own(operations):
    for name, by_status in OWN_TYPES.items():
        for status, slugs in by_status.items():
            [content] = operations[name]["responses"][status]["content"].values()
            several = [one["value"] for one in content.get("examples", {}).values()]
            shown = [content["example"]] if "example" in content else several
            assert {one["type"].removeprefix("/problems/") for one in shown} == slugs, (
                name,
                status,
            )


def examples(part):
    """(schema, example) of each part of the document that has both.

    A schema that holds examples of its own counts as such a part.
    """
    match part:
        case {"schema": schema, "example": example}:
            yield schema, example
        case {"schema": schema, "examples": dict(several)}:
            yield from ((schema, one["value"]) for one in several.values())
        case {"examples": list(several)}:
            yield from ((part, one) for one in several)
    for inner in (
        part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    ):
        yield from examples(inner)


def test_every_example_fits_its_schema(document):
    named = {"components": document["components"]}  # where references lead
    found = [
        (schema, one)
        for schema, one in examples(document)
        if not isinstance(one, str) or "enum" in schema
    ]
    assert len(found) > 100
    for schema, example in found:
        Draft202012Validator(named | schema).validate(example)


def test_every_member_of_a_problem_is_in_the_one_schema_and_says_of_which_types(document):
    members = document["components"]["schemas"]["ProblemDocument"]["properties"]
    for kind in PROBLEM_TYPES.values():
        for name in kind.members:
            if name != "errors":
                assert f"`{kind.slug}`" in members[name]["description"], (kind.slug, name)


def test_what_follows_from_a_key_a_path_and_a_body_is_documented_for_each(operations):
    for name, operation in operations.items():
        refusals = {int(status) for status in responses(operation, "4", "5")}
        if operation.get("security"):
            assert refusals >= {401, 403, 503}, name
            needs_a_scope = any(scopes for one in operation["security"] for scopes in one.values())
            assert ("missing-scope" in json.dumps(operation["responses"]["403"])) == needs_a_scope
        if "{" in name:
            assert refusals >= {404, 422}, name
        if "requestBody" in operation:
            assert refusals >= {400, 413, 415, 422}, name


def test_streams_and_files_are_documented_with_an_example(operations):
    audit = "GET /v1/bulk-cancellations/{job_id}/audit.csv"
    events = "GET /v1/bulk-cancellations/{job_id}/events"
    content = {
        name: {
            media_type: one
            for response in responses(operation, "2").values()
            for media_type, one in response.get("content", {}).items()
        }
        for name, operation in operations.items()
    }
    assert content["POST /v1/bulk-cancellations"].keys() == {"application/json", CSV}
    assert content[audit].keys() == {CSV}
    assert content[events].keys() == {EVENTS}
    for name in ("POST /v1/bulk-cancellations", audit):
        example = content[name][CSV]["example"]
        header, line = csv.reader(io.StringIO(example, newline=""), strict=True)
        assert header[:2] == ["job_id", "session_id"], name
        assert len(header) == len(line) >= 24, name
        assert example.count("\r\n") == example.count("\n") == 2, name
    example = content[events][EVENTS]["example"]
    assert example.endswith("\n\n")
    for event in example.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.split("\n"))
        assert fields.keys() == {"id", "event", "data"}
        assert json.loads(fields["data"])["id"]


def every_schema(part):
    """The part and whatever is inside it."""
    yield part
    for inner in (
        part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    ):
        yield from every_schema(inner)


def test_what_generators_of_clients_stumble_over_is_not_in_the_document(document):
    parts = [part for part in every_schema(document) if isinstance(part, dict)]
    constants = [part for part in parts if isinstance(part.get("const"), str)]
    assert len(constants) > 10
    for constant in constants:
        assert constant["enum"] == [constant["const"]], "some read only `enum`, and lose the word"
    for part in parts:
        properties = part.get("properties")
        for name, one in properties.items() if isinstance(properties, dict) else ():
            assert one.get("type") != "null", (
                f"{name}: a type that is only null aborts openapi-generator's Python"
            )


def test_the_events_have_a_tag_of_their_own_so_that_they_overwrite_no_calls(document, operations):
    events = {
        tag
        for methods in document["webhooks"].values()
        for one in methods.values()
        for tag in one["tags"]
    }
    assert events == {"events"}
    assert not events & {tag for operation in operations.values() for tag in operation["tags"]}
    assert events <= {tag["name"] for tag in document["tags"]}


def test_every_operation_says_whether_it_needs_a_key(operations):
    for name, operation in operations.items():
        assert "security" in operation, name
        is_open = operation["tags"][0] in {"public", "hooks", "health"}
        assert (operation["security"] == []) == is_open, name


def test_what_a_caller_needs_to_repeat_a_request_or_to_save_one_is_declared(operations):
    def headers(name):
        return {one["name"]: one for one in operations[name]["parameters"] if one["in"] == "header"}

    assert headers("POST /v1/bulk-cancellations")["Idempotency-Key"]["required"]
    for name in (
        "GET /v1/bulk-cancellations/{job_id}",
        "GET /v1/public/{business_id}/schedule.ics",
    ):
        assert "if-none-match" in {header.lower() for header in headers(name)}, name
        assert "ETag" in operations[name]["responses"]["200"]["headers"], name
        assert "content" not in operations[name]["responses"]["304"], name


async def test_a_method_that_an_address_does_not_take_is_refused_with_all_that_it_takes(document):
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        for path, methods in document["paths"].items():
            answer = await http.request(HTTPMethod.TRACE, path.format(**dict.fromkeys(NAMES, "x")))
            assert answer.status_code == 405, path
            allowed = {method.strip() for method in answer.headers["allow"].split(",")}
            taken = {method.upper() for method in methods}
            assert allowed == (taken | {"HEAD"} if "GET" in taken else taken), path


def test_every_operation_says_that_it_may_fail(operations):
    for name, operation in operations.items():
        assert "internal" in operation["responses"]["500"]["description"], name
