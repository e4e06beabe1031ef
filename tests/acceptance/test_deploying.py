"""What deploy/ starts is what there is: settings, ports, probes, secrets, and no right to spare."""

import os
import re
import shutil
import subprocess
import venv
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from worlds.deployed import DEPLOY, OBJECTS, ROOT
from worlds.prometheus import program
from worlds.sample_keys import EVIDENCE_KEY, HOOKS_SECRET, SECRETS_KEY

from app.config.environment import IN_FILE
from app.config.settings import PREFIX, SECRETS, Settings
from app.main import create_app

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PAGE = (ROOT / "docs" / "deploying.md").read_text()
# A secret of each kind, as an operator would have it.
CREDENTIALS = {
    "database-url": "postgresql://bulk_cancel:kxcjvh23@database.internal/bulk_cancel",
    "redis-url": "redis://redis.internal:6379/0",
    "secrets-key": SECRETS_KEY,
    "evidence-key": EVIDENCE_KEY,
    "payments-token": "said-to-nobody",
    "credits-token": "nor-this",
    "hooks-secret": HOOKS_SECRET,
    "metrics-token": "s3cret",
}
# `systemd-analyze security` from 0 (safe) to 10, times ten.
MOST_EXPOSED = "15"


WORKLOADS = {
    one["metadata"]["name"].removeprefix("bulk-cancel-"): one
    for one in OBJECTS
    if one["kind"] in {"Deployment", "Job"}
}


def of_kind(kind):
    return [one for one in OBJECTS if one["kind"] == kind]


def pod(workload):
    return WORKLOADS[workload]["spec"]["template"]["spec"]


def container(workload):
    [one] = pod(workload)["containers"]
    return one


def variables(workload):
    """What a container's process finds in its environment."""
    found = {}
    for source in container(workload).get("envFrom", ()):
        [settings] = of_kind("ConfigMap")
        assert source["configMapRef"]["name"] == settings["metadata"]["name"]
        found |= settings["data"]
    return found | {one["name"]: one["value"] for one in container(workload)["env"]}


def with_credentials(environment, folder):
    """The same with files of secrets in this folder, where the real ones would be elsewhere."""
    for name, value in CREDENTIALS.items():
        (folder / name).write_text(value)
    return {
        name: str(folder / Path(value).name) if name.endswith(IN_FILE) else value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }


def test_every_name_of_a_setting_in_deploy_and_compose_is_one():
    names = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known = names | {f"{PREFIX}{name.upper()}{IN_FILE}" for name in SECRETS}
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    for path in (*files, ROOT / "compose.yaml", ROOT / "Dockerfile", ROOT / "docs/deploying.md"):
        found = set(re.findall(rf"\b{PREFIX}[A-Z_]+", path.read_text()))
        assert found - {PREFIX} <= known, path


def test_the_image_is_built_of_pinned_bytes():
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    [base] = re.findall(r"^ARG BASE=(.*)$", lines, re.MULTILINE)
    assert re.fullmatch(r"python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", base)
    assert set(re.findall(r"^FROM (\S+)", lines, re.MULTILINE)) == {"${BASE}"}
    installs = re.findall(r"\bpip\b(?: install| sync)?[^&\n]*", lines)
    assert len(installs) == 4
    assert installs[0].strip() == "pip uv.lock"  # of .ci/uv-of-lock, of which the next test is
    assert all("--require-hashes" in one for one in installs[1:3])
    assert "--no-deps --build-constraints build.txt" in installs[3]


@pytest.mark.long  # it asks the index, which a laptop may be without
def test_uv_is_installed_by_the_hashes_of_the_lock_or_not_at_all(tmp_path):
    lock = (ROOT / "uv.lock").read_text()
    others = re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", lock)
    venv.create(tmp_path / "venv", with_pip=True)
    codes = {}
    for name, text in (("others", others), ("ours", lock)):
        (tmp_path / name).write_text(text)
        command = ["sh", ROOT / ".ci/uv-of-lock", tmp_path / "venv/bin/pip", tmp_path / name]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        codes[name] = ended.returncode, "DO NOT MATCH THE HASHES" in ended.stderr
    assert codes == {"others": (1, True), "ours": (0, False)}
    [version] = re.findall(r'^name = "uv"\nversion = "(.*)"$', lock, re.MULTILINE)
    said = subprocess.check_output([tmp_path / "venv/bin/uv", "--version"], text=True)
    assert said.split()[1] == version
    # Whose build backend is the same, and inside of it.
    assert f'requires = ["uv_build=={version}"]' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("workload", ["api", "worker"])
def test_a_pod_of_kubernetes_starts_with_what_it_is_given(zygote, tmp_path, workload):
    environment = with_credentials(variables(workload), tmp_path)
    host = ["--host", "0.0.0.0"] if workload == "api" else []
    code, out, err = zygote.command(["check-config", *host], environment, tmp_path)
    assert (code, "refused" in err) == (0, False), err
    assert f"{PREFIX}SECRETS_KEY=(set, not shown)  [file]" in out


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_pod_may_do_nothing_but_its_work(workload):
    of_pod, of_container = pod(workload)["securityContext"], container(workload)["securityContext"]
    assert of_pod["runAsNonRoot"]
    assert f"USER {of_pod['runAsUser']}:{of_pod['runAsGroup']}" in (ROOT / "Dockerfile").read_text()
    assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert of_container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(workload)["automountServiceAccountToken"] is False
    # BULK_CANCEL_API_PORT, of the Service, is no setting: no process would start.
    assert pod(workload)["enableServiceLinks"] is False
    assert "memory" in container(workload)["resources"]["limits"]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_pod_is_given_its_secrets_as_files_and_none_by_value(workload):
    given = variables(workload)
    files = {Path(value).name for name, value in given.items() if name.endswith(IN_FILE)}
    assert files <= CREDENTIALS.keys()
    assert not {f"{PREFIX}{name.upper()}" for name in SECRETS} & given.keys()
    mounts = {one["name"]: one["mountPath"] for one in container(workload)["volumeMounts"]}
    for name, value in given.items():
        assert not name.endswith(IN_FILE) or str(Path(value).parent) == mounts["secrets"]
    assert {one["name"] for one in pod(workload)["volumes"]} == mounts.keys()
    for name in files:
        assert name in PAGE


def test_probes_ask_what_there_is_where_it_listens():
    app = create_app(Settings())
    routes = {one.path for one in iter_route_contexts(app.routes) if hasattr(one, "path")}
    of_worker = (ROOT / "workers" / "watched.py").read_text()
    for workload in ("api", "worker"):
        one = container(workload)
        [port] = one["ports"]
        probes = [one[name]["httpGet"] for name in one if name.endswith("Probe")]
        assert {probe["port"] for probe in probes} == {port["name"]}
        for probe in probes:
            known = probe["path"] in routes if workload == "api" else probe["path"] in of_worker
            assert known, probe
    api, worker = container("api"), container("worker")
    assert api["args"][api["args"].index("--port") + 1] == str(api["ports"][0]["containerPort"])
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= api.keys()
    listens = variables("worker")[f"{PREFIX}WORKER_ADDRESS"]
    assert listens.endswith(f":{worker['ports'][0]['containerPort']}")


def test_what_selects_pods_selects_some():
    labels = {
        name: one["spec"]["template"]["metadata"]["labels"] for name, one in WORKLOADS.items()
    }
    for one in OBJECTS:
        spec = one.get("spec", {})
        if one["kind"] == "Service":
            assert spec["selector"] == labels["api"]
            assert {port["targetPort"] for port in spec["ports"]} == {"http"}
        elif one["kind"] == "HorizontalPodAutoscaler":
            assert spec["scaleTargetRef"]["name"] == "bulk-cancel-worker"
            assert "replicas" not in WORKLOADS["worker"]["spec"]  # they are the autoscaler's
            metrics = [metric["external"]["metric"]["name"] for metric in spec["metrics"]]
            assert all(f"`{name}`" in (ROOT / "docs/metrics.md").read_text() for name in metrics)
        elif one["kind"] in {"Deployment", "PodDisruptionBudget"}:
            assert spec["selector"]["matchLabels"] in labels.values()
        elif one["kind"] == "NetworkPolicy":
            assert spec["podSelector"]["matchLabels"] in labels.values()
    selected = [one["spec"]["podSelector"]["matchLabels"] for one in of_kind("NetworkPolicy")]
    assert sorted(map(str, selected)) == sorted(map(str, labels.values()))


def test_a_pod_that_is_told_to_stop_has_the_time_that_its_work_takes():
    grace = pod("worker")["terminationGracePeriodSeconds"]
    slice_ = Settings.model_fields["slice_seconds"].default
    assert grace > slice_ + Settings.model_fields["upstream_timeout_seconds"].default


def lines_of(unit, key):
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_of_systemd_starts_with_what_it_is_given(zygote, tmp_path, unit):
    settings = (DEPLOY / "systemd" / "settings.example").read_text()
    given = [line for line in settings.splitlines() if line and not line.startswith("#")]
    environment = dict(line.split("=", 1) for line in (*given, *lines_of(unit, "Environment")))
    loaded = dict(line.split(":", 1) for line in lines_of(unit, "LoadCredential"))
    named = {Path(value).name for name, value in environment.items() if name.endswith(IN_FILE)}
    assert named == loaded.keys() <= CREDENTIALS.keys()
    environment = with_credentials(environment, tmp_path)
    environment = {name: value.replace("%i", "9101") for name, value in environment.items()}
    if "migrate" not in unit.name:  # which needs the database's address alone
        code, _, err = zygote.command(["check-config"], environment, tmp_path)
        assert (code, "refused" in err) == (0, False), err


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path, unit):
    command = program("systemd-analyze", package="systemd")
    made = tmp_path / unit.name.replace("@", "@9101")
    binary = shutil.which("true")  # it is to be there
    text = unit.read_text()
    made.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={binary}", text, flags=re.MULTILINE))
    found = subprocess.run(
        [command, "verify", "--man=no", "--recursive-errors=no", made],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SYSTEMD_LOG_LEVEL": "warning"},
    )
    said = [line for line in found.stderr.splitlines() if "bulk-cancel" in line]
    assert said == []
    exposed = subprocess.run(
        [command, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", made],
        capture_output=True,
        text=True,
        check=False,
    )
    assert exposed.returncode == 0, exposed.stdout[-600:]
