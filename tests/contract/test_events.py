"""The events that the document names are those that are sent, each as its schema says it.

A real receiver hears them.
"""

import asyncio
import copy
import json
import time

import pytest
from contract.clients.live import MONDAY, WEEK, live
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from standardwebhooks import Webhook

from app.document import document as generated
from app.domain.events import EventType

MAX_BYTES = 20_000  # Standard Webhooks 1.0.0, "Payload size"
LONGEST = 128
JOBS = "/v1/bulk-cancellations"


@pytest.fixture(scope="module")
def document():
    return json.loads(generated())


def complaints(document, schema, value):
    """What the schema, whose references are into the document, has against the value."""
    whole = {**schema, "components": document["components"]}
    found = OAS31Validator(whole, format_checker=oas31_format_checker).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]


def body_of(document, event_type):
    return document["webhooks"][event_type]["post"]["requestBody"]["content"]["application/json"]


def undocumented(document, schema, value, pointer=""):
    """Members that the schema does not name, at any depth."""
    named = [one["$ref"] for one in (schema, *schema.get("anyOf", ())) if "$ref" in one]
    name = named[0].rsplit("/", 1)[1] if named else None
    properties = document["components"]["schemas"][name]["properties"] if name else {}
    if not isinstance(value, dict):
        return []
    missing = [f"{pointer}/{member}" for member in value if member not in properties]
    for member in value.keys() & properties.keys():
        missing += undocumented(document, properties[member], value[member], f"{pointer}/{member}")
    return missing


def test_every_type_of_event_is_documented_with_an_example_that_fits(document):
    assert document["webhooks"].keys() == set(EventType)
    for event_type, methods in document["webhooks"].items():
        content = body_of(document, event_type)
        assert methods.keys() == {"post"}
        assert methods["post"]["summary"]
        assert methods["post"]["description"]
        assert methods["post"]["responses"].keys() == {"2XX", "410"}
        assert content["example"]["type"] == event_type
        assert complaints(document, content["schema"], content["example"]) == [], event_type
        assert undocumented(document, content["schema"], content["example"]) == [], event_type


def test_an_event_that_lacks_something_or_is_of_another_type_does_not_fit(document):
    for event_type in EventType:
        content = body_of(document, event_type)
        for member in ("type", "timestamp", "data"):
            lacking = {name: value for name, value in content["example"].items() if name != member}
            assert complaints(document, content["schema"], lacking), (event_type, member)
        for member in content["example"]["data"]:
            lacking = copy.deepcopy(content["example"])
            del lacking["data"][member]
            assert complaints(document, content["schema"], lacking), (event_type, member)
            more = content["example"] | {"data": content["example"]["data"] | {"colour": "red"}}
            assert undocumented(document, content["schema"], more) == ["/data/colour"]
        for other in set(EventType) - {event_type}:
            assert complaints(document, content["schema"], content["example"] | {"type": other}), (
                event_type,
                other,
            )
        assert complaints(
            document, content["schema"], content["example"] | {"timestamp": "yesterday"}
        )


def test_any_event_is_a_webhook_event_told_apart_by_its_type(document):
    union = document["components"]["schemas"]["WebhookEvent"]
    assert union["discriminator"]["propertyName"] == "type"
    for event_type in EventType:
        content = body_of(document, event_type)
        assert (
            complaints(document, {"$ref": "#/components/schemas/WebhookEvent"}, content["example"])
            == []
        )
        assert union["discriminator"]["mapping"][event_type] == content["schema"]["$ref"]


def test_operations_and_schemas_have_names_of_their_own(document):
    """A generator names functions after operations, and types after schemas or their titles."""
    items = [*document["paths"].values(), *document["webhooks"].values()]
    operations = [operation["operationId"] for methods in items for operation in methods.values()]
    assert len(set(operations)) == len(operations)
    schemas = document["components"]["schemas"]
    # Two underscores are pydantic's way with two models of one name.
    assert not [name for name in schemas if "__" in name]
    titles = [schema["title"] for schema in schemas.values()]
    assert len(set(titles)) == len(titles) > 50


def long(name):
    return f"{name}-".ljust(LONGEST, "x")


def lines():
    """Two sessions, with a booking each; every id as long as may be."""
    yield {"type": "client", "id": long("client"), "name": "Kim Li"}
    for name in ("done", "undone"):
        times = {
            "starts_at": f"{MONDAY}T09:00:00Z",
            "ends_at": f"{MONDAY}T10:00:00Z",
            "timezone": "UTC",
        }
        yield {"type": "session", "id": long(name), "name": "Yoga"} | times
        for number in (1, 2):
            payment = {
                "method": "payment",
                "payment_id": f"{name}-{number}",
                "amount_minor": 2000,
                "currency": "CAD",
            }
            names = {"session_id": long(name), "client_id": long("client"), "status": "booked"}
            yield {"type": "booking", "id": long(f"{name}-{number}"), "payments": [payment]} | names


async def answered(request, status):
    answer = await request
    assert answer.status_code == status, answer.text
    return answer.json()


async def until(found, seconds=20):
    deadline = time.monotonic() + seconds
    while not (answer := await found()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        await asyncio.sleep(0.1)
    return answer


async def cause_every_event(server, http):
    """Endpoints, one of which is gone, and two jobs.

    One has a refund that fails and is resolved, the other is withdrawn.
    """
    endpoint = await answered(
        http.post("/v1/webhook-endpoints", json={"url": f"{server.receiver.address}/all"}), 201
    )
    gone = {
        "url": f"{server.receiver.address}/gone",
        "event_types": ["bulk_cancellation.withdrawn"],
    }
    gone = await answered(http.post("/v1/webhook-endpoints", json=gone), 201)
    for one in (endpoint, gone):
        await answered(http.post(f"/v1/webhook-endpoints/{one['id']}/test"), 202)

    async def cancel(session, **more):
        body = WEEK | {"session_ids": [long(session)]} | more
        key = {"Idempotency-Key": f"{session}-{'-'.join(more)}"}
        return await answered(http.post(JOBS, json=body, headers=key), 202)

    await server.refuse({"done-2": "c" * 64})  # as long as a code is kept
    job = await cancel("done")

    async def failed():
        page = await answered(
            http.get(f"{JOBS}/{job['id']}/refunds", params={"status": "rejected"}), 200
        )
        now = await answered(http.get(f"{JOBS}/{job['id']}"), 200)
        return now["status"] == "completed_with_failures" and page["data"]

    [refund] = await until(failed)
    held = await cancel("undone", hold_seconds=600)
    await answered(http.post(f"{JOBS}/{held['id']}/withdraw"), 200)
    await answered(http.put("/v1/approval-limits", json={"sessions": 0}), 200)
    asked = await cancel("undone", reason="Snow day")
    await answered(http.post(f"{JOBS}/{asked['id']}/refuse", json={"note": "No snow."}), 200)
    closed = {"resolution": "waived", "reference": "4711"}
    await answered(
        http.post(f"{JOBS}/{job['id']}/refunds/{refund['id']}/resolve", json=closed), 200
    )
    return endpoint["secret"]


async def test_what_endpoints_are_sent_is_what_the_document_says(database_url, tmp_path, document):
    week = [json.dumps(line).encode() for line in lines()]
    async with (
        live(database_url, tmp_path, business=long("business"), lines=week) as server,
        server.caller() as http,
    ):
        secret = await cause_every_event(server, http)
        expected = sorted(
            [
                *set(EventType),
                "bulk_cancellation.accepted",
                "session.cancelled",
                "bulk_cancellation.completed",
                "client.settled",
            ]
        )

        async def all_came():
            return len(server.receiver.at("/all")) >= len(expected)

        await until(all_came)
        heard = server.receiver.at("/all")
    events = [json.loads(body) for _, body in heard]
    assert sorted(event["type"] for event in events) == expected
    for (headers, body), event in zip(heard, events, strict=True):
        operation = document["webhooks"][event["type"]]["post"]
        schema = body_of(document, event["type"])["schema"]
        assert complaints(document, schema, event) == [], event
        assert undocumented(document, schema, event) == [], event
        assert len(body) < MAX_BYTES
        assert headers["content-type"] == "application/json"
        for parameter in operation["parameters"]:
            assert parameter["in"] == "header"
            assert complaints(document, parameter["schema"], headers[parameter["name"]]) == [], (
                parameter["name"]
            )
        Webhook(secret).verify(body, headers)
    statuses = [event["data"]["status"] for event in events if event["type"] == EventType.COMPLETED]
    assert sorted(statuses) == ["completed", "completed_with_failures"]
    [failed] = [event for event in events if event["type"] == EventType.REFUND_FAILED]
    assert [
        len(failed["data"][name])
        for name in ("business_id", "session_id", "booking_id", "client_id")
    ] == [LONGEST] * 4
