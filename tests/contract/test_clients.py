"""Clients that others would generate of the committed document go through a live server's API."""

import json
import shutil

import pytest
from contract.clients.live import live
from contract.clients.programs import BIN, CLIENTS, DOCUMENT, run, typescript
from standardwebhooks import Webhook

LOCK = CLIENTS / "typescript" / "package-lock.json"


async def judge(printed, server):
    """What a journey has seen, against the upstreams' books and what the receiver heard."""
    facts = json.loads(printed)
    books = await server.books()
    done = {effect["reference"] for service in books.values() for effect in service["effects"]}
    assert not [service["twice"] for service in books.values() if service["twice"]]
    assert facts["planned"]["refunds"] == len(done) > 300
    assert (
        facts["planned"]["credits"]
        == facts["credits"]
        == books["credits"]["totals"]["sums"]["credits"]
    )
    assert facts["cancelled"] == [202, None]
    assert facts["replayed"] == [202, "true", True]
    assert facts["status"] == "completed"
    assert facts["was_unchanged"]
    assert {name for name, status in facts["refunds"].items() if status == "succeeded"} == done
    assert set(facts["refunds"].values()) == {"succeeded", "skipped"}
    [(headers, body)] = server.receiver.at("/hooks")
    assert Webhook(facts["secret"]).verify(body, headers)["data"]["business_id"] == "studio"
    assert facts["event"] == [headers["webhook-id"], "webhook_endpoint.test", True]
    assert facts["answered"] == [204]
    assert facts["after_deletion"] == 404


@pytest.fixture
async def server(sqlite_url, tmp_path):
    async with live(sqlite_url, tmp_path) as server:
        yield server


async def test_the_python_client_generates_without_a_warning_and_makes_the_journey(
    server, tmp_path
):
    folder = tmp_path / "python"
    shutil.copytree(CLIENTS / "python", folder)
    generate = (
        BIN / "openapi-python-client",
        "generate",
        "--path",
        DOCUMENT,
        "--config",
        "config.yaml",
    )
    said = await run(
        *generate,
        "--meta",
        "none",
        "--output-path",
        "bulk_cancel_client",
        "--fail-on-warning",
        folder=folder,
    )
    assert "WARNING" not in said.upper()
    # What a client installed from a package would be spared too: complaints of the generated code
    # itself.
    await run(BIN / "mypy", "--strict", "--follow-imports=silent", "journey.py", folder=folder)
    await judge(
        await run(BIN / "python", "journey.py", folder=folder, **server.environment()), server
    )


@pytest.mark.long
async def test_the_typescript_client_generates_and_makes_the_journey(server, tmp_path):
    workshop = await typescript(tmp_path)
    await run("npx", "tsc", folder=workshop)
    await judge(
        await run("node", "out/journey.js", folder=workshop, **server.environment()), server
    )


def test_the_lock_of_the_typescript_client_names_hashes_and_no_addresses_to_download_from():
    packages = json.loads(LOCK.read_text())["packages"]
    assert len(packages) > 3
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
