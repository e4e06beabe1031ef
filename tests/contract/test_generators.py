"""Clients by the generators that others use: each generates, and a live server answers it.

Each compiles where it can, and has an environment of its own, from npm's registry by a lock or from
PyPI's by `make .venv-generators/.synced`.
"""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from contract.clients.live import WEEK, live
from contract.clients.programs import DOCUMENT, IN_CI, ROOT, needs, run

GENERATORS = ROOT / "tests" / "contract" / "generators"
PYTHONS = ROOT / ".venv-generators" / "bin"
SECONDS = 300
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Generator:
    """A generator of TypeScript: its folder, and how it is called there."""

    name: str
    command: Sequence[str]


TYPESCRIPT = (
    Generator("orval", ("npx", "orval", "--config", "orval.config.mjs")),
    Generator("hey-api", ("npx", "openapi-ts", "-i", "bulk-cancel.json", "-o", "client")),
    Generator("kubb", ("npx", "kubb", "generate", "--config", "kubb.config.mjs")),
    Generator(
        "swagger-typescript-api",
        (
            "npx",
            "swagger-typescript-api",
            "generate",
            "-p",
            "bulk-cancel.json",
            "-o",
            "client",
            "-n",
            "bulk-cancel.ts",
        ),
    ),
    Generator("oazapfts", ("npx", "oazapfts", "bulk-cancel.json", "client.ts")),
    Generator(
        "openapi-zod-client", ("npx", "openapi-zod-client", "bulk-cancel.json", "-o", "client.ts")
    ),
)


@pytest.fixture
async def server(sqlite_url, tmp_path):
    async with live(sqlite_url, tmp_path) as server:
        yield server


async def workshop(name, folder):
    """A generator's folder with what its lock names installed, and the document in it."""
    needs("node", "npm")
    made = shutil.copytree(GENERATORS / name, folder / name)
    for shared in (GENERATORS / "tsconfig.json", GENERATORS / "week.ts", DOCUMENT):
        shutil.copy(shared, made)
    await run(
        "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=made, seconds=SECONDS
    )
    return made


async def openapi_generator(language, folder, *options):
    """What openapi-generator makes for a language, and all that it said meanwhile."""
    if not (PYTHONS / "openapi-generator-cli").exists():
        reason = "openapi-generator missing (make .venv-generators/.synced installs it)"
        if IN_CI:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    generate = (
        PYTHONS / "openapi-generator-cli",
        "generate",
        "-i",
        DOCUMENT,
        "-g",
        language,
        "-o",
        "client",
        *options,
    )
    said = await run(*generate, folder=folder, seconds=SECONDS, PATH=f"{PYTHONS}:/usr/bin:/bin")
    # Two files of one name: the calls of one tag would be lost.
    assert "COLLISION" not in said
    return folder / "client"


async def judge(printed, server):
    """The client saw what is there.

    It neither lost the word "all" nor sent parameters that it was not given.
    """
    async with server.caller() as http:
        plan = (await http.post("/v1/bulk-cancellations/plan", json=WEEK)).json()
        days = {name: WEEK[name] for name in ("date_from", "date_to")}
        page = (await http.get("/v1/sessions", params=days | {"limit": 200})).json()
    expected = {"refunds": plan["totals"]["refunds"], "sessions": len(page["data"])}
    assert expected["refunds"] > 300
    assert expected["sessions"] > 40
    assert json.loads(printed) == expected


@pytest.mark.parametrize("generator", TYPESCRIPT, ids=lambda generator: generator.name)
async def test_a_typescript_client_generates_compiles_and_is_answered(generator, server, tmp_path):
    made = await workshop(generator.name, tmp_path)
    await run(
        *generator.command, folder=made, seconds=SECONDS, KUBB_DISABLE_TELEMETRY="1", CI="true"
    )
    await run("npx", "tsc", folder=made, seconds=SECONDS)
    await judge(await run("node", "out/use.js", folder=made, **server.environment()), server)


async def test_openapi_generators_typescript_client_compiles_and_is_answered(server, tmp_path):
    made = await workshop("openapi-generator", tmp_path)
    await openapi_generator("typescript-fetch", made)
    for path in (made / "client").rglob("*.ts"):  # it imports without the endings that Node wants
        text = re.sub(r"from '(\.[^']*)'", r"from '\1.js'", path.read_text())
        path.write_text(re.sub(r"from '([^']*/(?:apis|models))\.js'", r"from '\1/index.js'", text))
    await run("npx", "tsc", folder=made, seconds=SECONDS)
    await judge(await run("node", "out/use.js", folder=made, **server.environment()), server)


async def test_openapi_generators_python_client_is_answered(server, tmp_path):
    made = await openapi_generator("python", tmp_path)
    shutil.copy(GENERATORS / "use.py", made)
    await judge(
        await run(PYTHONS / "python", "use.py", folder=made, **server.environment()), server
    )


async def test_openapi_generators_go_client_compiles_and_is_answered(server, tmp_path):
    # Without the option all its enumerations' words are constants of one package, and some are of
    # two enumerations.
    made = await openapi_generator("go", tmp_path, "--additional-properties=enumClassPrefix=true")
    shutil.rmtree(made / "test")
    # Its only dependency is on no registry of ours; the client calls one function of it, of which
    # it needs no answer.
    validator = tmp_path / "validator"
    validator.mkdir()
    (validator / "go.mod").write_text("module gopkg.in/validator.v2\n\ngo 1.23\n")
    (validator / "validator.go").write_text(
        "package validator\n\nfunc Validate(any) error { return nil }\n"
    )
    module = (
        (made / "go.mod")
        .read_text()
        .replace("github.com/GIT_USER_ID/GIT_REPO_ID", "bulk-cancel/client")
    )
    (made / "go.mod").write_text(f"{module}\nreplace gopkg.in/validator.v2 => ../validator\n")
    (made / "go.sum").unlink(missing_ok=True)
    (made / "use").mkdir()
    shutil.copy(GENERATORS / "use.go", made / "use" / "main.go")
    alone = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    alone |= {"GOPATH": str(tmp_path / "go"), "GOCACHE": str(tmp_path / "cache")}
    await run(PYTHONS / "go", "build", "-o", "used", "./use", folder=made, seconds=SECONDS, **alone)
    await judge(await run(made / "used", folder=made, **server.environment()), server)


async def test_openapi_generators_java_client_has_every_call(tmp_path):
    made = await openapi_generator("java", tmp_path)
    document = json.loads(DOCUMENT.read_text())
    names = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    sources = "".join(path.read_text() for path in (made / "src" / "main").rglob("*Api.java"))
    called = {
        re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
        for name in re.findall(r"public \S+ (\w+)\(", sources)
    }
    assert names <= called


async def test_redocly_finds_nothing_wrong_with_the_document(tmp_path):
    made = await workshop("redocly", tmp_path)
    said = await run(
        "npx", "redocly", "lint", "bulk-cancel.json", "--format=json", folder=made, seconds=SECONDS,
        REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true",
    )  # fmt: skip
    assert json.loads(said)["problems"] == []


def test_the_locks_name_hashes_and_no_addresses_to_download_from():
    locks = sorted(GENERATORS.rglob("package-lock.json"))
    assert len(locks) == len(TYPESCRIPT) + 2
    for lock in locks:
        for name, package in json.loads(lock.read_text())["packages"].items():
            assert "resolved" not in package, (lock, name)
            assert not name or package["integrity"].startswith("sha512-"), (lock, name)
