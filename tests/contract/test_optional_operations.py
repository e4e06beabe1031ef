"""What a service may leave out: the sandbox offers or lacks it as the documents say."""

import httpx
import jsonschema
import pytest
from contract.test_upstream_documents import document, holds, resolved
from worlds.orders import GRANT_BODY, PAYMENT_BODY, STORE_CREDIT_BODY

from app.sandbox.app import create_sandbox

FORMS = {
    "/voids": ("payments", PAYMENT_BODY, {"payment_id": "pay2"}),
    "/store-credits": ("credits", STORE_CREDIT_BODY, {"client_id": "lee"}),
    "/credit-grants": ("credits", GRANT_BODY, {"client_id": "lee"}),
}
READS = {"/payments/{payment_id}": "/payments/pay1", "/balance": "/balance"}


@pytest.fixture
async def http():
    transport = httpx.ASGITransport(create_sandbox())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sandbox", verify=False
    ) as client:
        for payment_id in ("pay1", "pay2", "pay3"):
            facts = {"amount_minor": 2500, "currency": "USD", "captured": False}
            facts |= {"business_id": "studio", "refundable_until": "2027-05-22T00:00:00Z"}
            registered = await client.put(f"/payments/{payment_id}", json=facts)
            assert registered.status_code == 200
        yield client


def operations(service, path):
    whole = document(service)
    return resolved(whole["paths"][path], whole)


@pytest.mark.parametrize("path", sorted(FORMS))
async def test_a_form_is_offered_as_the_document_says(http, path):
    service, body, other = FORMS[path]
    promised = operations(service, path)
    schema = promised["post"]["requestBody"]["content"]["application/json"]["schema"]
    subject = next(iter(other))

    async def post(key="k1", **changes):
        answer = await http.post(
            f"/{service}{path}", json=body | changes, headers={"Idempotency-Key": key}
        )
        holds(promised["post"], answer)
        return answer

    async def faults(**switches):
        assert (await http.put("/faults", json={service: switches})).status_code == 200

    jsonschema.validate(body, schema)
    first = await post()
    assert first.status_code == 201
    echo = {name: value for name, value in body.items() if name != "reason"}
    assert echo.items() <= first.json().items()
    assert (await post()).headers["idempotent-replayed"] == "true"
    codes = [await post(reference="r2"), await post(extra=1), await post(reason="x" * 70_000)]
    assert [one.status_code for one in codes] == [400, 400, 413]
    await faults(pending=1)
    assert (await post("k2", reference="r2", **other)).json()["status"] == "pending"
    await faults(fail=1)
    failed = await post("k3", reference="r3", **{subject: "pay3"})
    assert failed.json()["status"] == "failed"
    await faults(refuse_ids={"no": "client_closed", "none": "client_not_found"})
    assert (await post("k4", reference="r4", **{subject: "no"})).status_code == 422
    assert (await post("k5", reference="r5", **{subject: "none"})).status_code == 404
    for switch, status in (("answer_503", 503), ("answer_500_before", 500), ("answer_429", 429)):
        await faults(**{switch: 1})
        assert (await post("k6", reference="r6")).status_code == status
    await faults()
    for reference, count in (("r1", 1), ("r3", 1), ("nobody", 0)):
        found = await http.get(f"/{service}{path}", params={"reference": reference})
        holds(promised["get"], found)
        assert len(found.json()["data"]) == count


@pytest.mark.parametrize("path", sorted(READS))
async def test_a_read_is_offered_as_the_document_says(http, path):
    promised = operations("payments", path)
    url = f"/payments{READS[path]}"
    assert (await http.put("/balance", json={"USD": 5})).status_code == 200
    answer = await http.get(url, params={"business_id": "studio"})
    assert answer.status_code == 200
    holds(promised["get"], answer)
    if "{" in path:
        unknown = await http.get("/payments/payments/none", params={"business_id": "studio"})
        assert unknown.json()["code"] == "payment_not_found"
        holds(promised["get"], unknown)


@pytest.mark.parametrize("status", [404, 501])
@pytest.mark.parametrize("path", sorted({*FORMS, *READS}))
async def test_what_is_lacking_is_said_as_the_document_says(http, path, status):
    service, *_ = FORMS.get(path, ("payments",))
    name = path.split("/")[1]
    switches = {"unsupported": [name], "unsupported_status": status}
    assert (await http.put("/faults", json={service: switches})).status_code == 200
    promised = operations(service, path)
    url = f"/{service}{READS.get(path, path)}"
    for method in promised:
        answer = await http.request(method, url)
        assert answer.status_code == status
        assert "code" not in answer.json()
        holds(promised[method], answer)


@pytest.mark.parametrize("service", ["payments", "credits"])
def test_just_the_first_operation_of_a_contract_is_not_optional(service):
    whole = document(service)
    first, *others = whole["paths"].items()
    assert {path for path, _ in others} == {
        path for path in {**FORMS, **READS} if FORMS.get(path, ("payments",))[0] == service
    }
    for path, promised in [first, *others]:
        for operation in promised.values():
            is_optional = operation["summary"].endswith("(optional)")
            assert is_optional == ("501" in operation["responses"]) == (path != first[0])
