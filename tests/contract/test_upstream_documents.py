"""The documents upstream teams work from are valid; the sandbox and the gateways keep to them."""

import asyncio
import base64
from collections import Counter
from pathlib import Path

import httpx
import jsonschema
import pytest
import yaml
from openapi_spec_validator import validate
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from worlds.orders import CREDIT_BODY, PAYMENT, PAYMENT_BODY

from app.gateways.answers import classify
from app.gateways.by_reference import utc_now
from app.gateways.http import HttpAnswer
from app.gateways.outcomes import Rejected
from app.sandbox.app import create_sandbox
from app.serving import served

OPENAPI = Path(__file__).parents[2] / "openapi"
SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
SERVICES = {"payments": ("/refunds", PAYMENT_BODY), "credits": ("/credit-returns", CREDIT_BODY)}


def document(service):
    return yaml.safe_load((OPENAPI / f"{service}-upstream.yaml").read_text(encoding="utf-8"))


def resolved(node, whole):
    """The node with every reference in it replaced by what it names."""
    if isinstance(node, dict):
        if "$ref" in node:
            target = whole
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            return resolved(target, whole)
        return {name: resolved(value, whole) for name, value in node.items()}
    return [resolved(one, whole) for one in node] if isinstance(node, list) else node


def holds(operation, answer):
    """Assert that an answer is one the operation promises: status, media type and schema."""
    promised = operation["responses"].get(str(answer.status_code))
    assert promised is not None, f"{answer.status_code} is not in the document"
    schema = promised["content"][answer.headers["content-type"]]["schema"]
    jsonschema.validate(answer.json(), schema, format_checker=jsonschema.FormatChecker())


@pytest.fixture(params=sorted(SERVICES))
async def service(request):
    transport = httpx.ASGITransport(create_sandbox())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sandbox", verify=False
    ) as http:
        whole = document(request.param)
        path, body = SERVICES[request.param]
        yield request.param, http, resolved(whole["paths"][path], whole), body


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_the_document_is_valid_openapi(name):
    validate(document(name))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_example_keeps_to_its_own_schema(name):
    whole = document(name)
    seen = Counter()

    def walk(node):
        if isinstance(node, dict):
            if "schema" in node and "examples" in node:
                for example in node["examples"].values():
                    jsonschema.validate(example["value"], node["schema"])
                    seen["examples"] += 1
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for one in node:
                walk(one)

    walk(resolved(whole, whole))
    assert seen["examples"] >= 6


async def test_the_sandbox_answers_as_the_document_says(service):
    name, http, operations, body = service
    path = f"/{name}{SERVICES[name][0]}"

    async def post(key="k1", **changes):
        answer = await http.post(path, json=body | changes, headers={"Idempotency-Key": key})
        holds(operations["post"], answer)
        return answer.status_code

    async def faults(**switches):
        assert (await http.put("/faults", json={name: switches})).status_code == 200

    jsonschema.validate(
        body, operations["post"]["requestBody"]["content"]["application/json"]["schema"]
    )
    assert [await post(), await post(), await post(reference="r2"), await post(extra=1)] == [
        201,
        201,
        400,
        400,
    ]
    await faults(pending=1)
    subject = "payment_id" if name == "payments" else "account_id"
    assert await post("k2", reference="r2", **{subject: "other2"}) == 201
    await faults(fail=1)
    assert await post("k3", reference="r3", **{subject: "other3"}) == 201
    await faults(refuse_ids={"no": "payment_disputed", "none": "account_not_found"})
    assert await post("k4", reference="r4", **{subject: "no"}) == 422
    assert await post("k5", reference="r5", **{subject: "none"}) == 404
    assert await post("k5", reference="r5", business_id="other") == 404
    await faults(answer_503=1)
    assert await post("k6", reference="r6") == 503
    await faults(answer_500_before=1)
    assert await post("k6", reference="r6") == 500
    await faults(throttle_per_second=1)
    assert {await post(f"t{n}", reference=f"t{n}", **{subject: f"t{n}"}) for n in range(3)} == {
        201,
        429,
    }
    await faults(latency_seconds=0.1)
    both = await asyncio.gather(*(post("k8", reference="r8", **{subject: "p8"}) for _ in range(2)))
    assert sorted(both) == [201, 409]
    await faults()
    assert await post("k9", reason="x" * 70_000) == 413
    for reference, count in (("r1", 1), ("r3", 1), ("nobody", 0)):
        found = await http.get(path, params={"reference": reference})
        holds(operations["get"], found)
        assert len(found.json()["data"]) == count


@pytest.mark.parametrize("name", sorted(SERVICES))
async def test_the_sandbox_sends_the_hooks_that_the_document_describes(name):
    whole = document(name)
    [told] = resolved(whole["webhooks"], whole).values()
    heard = asyncio.Queue()

    async def hear(request):
        await heard.put((request.headers, await request.body()))
        return Response(status_code=204)

    hooks = Starlette(routes=[Route("/hooks", hear, methods=["POST"])])
    path, body = SERVICES[name]
    async with (
        served(hooks) as url,
        served(create_sandbox()) as sandbox,
        httpx.AsyncClient(base_url=sandbox, trust_env=False, verify=False) as http,
    ):
        switches = {
            "hooks": {"url": f"{url}/hooks", "secret": SECRET},
            "pending": 1,
            "pending_seconds": 0.1,
        }
        assert (await http.put("/faults", json={name: switches})).status_code == 200
        answer = await http.post(f"/{name}{path}", json=body, headers={"Idempotency-Key": "k1"})
        headers, content = await asyncio.wait_for(heard.get(), 10)
    hook = Webhook(SECRET).verify(content, dict(headers))
    jsonschema.validate(hook, told["post"]["requestBody"]["content"]["application/json"]["schema"])
    for parameter in told["post"]["parameters"]:
        jsonschema.validate(headers[parameter["name"]], parameter["schema"])
    assert answer.json()["status"] == "pending"
    assert hook["data"] == answer.json() | {"status": "succeeded"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_the_codes_of_the_document_pass_through_the_gateway_unchanged(name):
    refused = document(name)["components"]["responses"]["Refused"]["description"]
    codes = [line.split("`")[1] for line in refused.splitlines() if line.startswith("* `")]
    assert len(codes) >= 3
    for code in codes:
        outcome = classify(
            HttpAnswer(422, {}, b'{"code":"%s","detail":"x"}' % code.encode()),
            PAYMENT,
            now=utc_now(),
        )
        assert outcome == Rejected(code, "x", None)
