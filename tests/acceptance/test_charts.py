"""What Kubernetes is given is right by its schemas, and the same by Kustomize and by Helm."""

import json
import os
import shutil
import subprocess

import pytest
import yaml
from worlds.deployed import BASE, DEPLOY, OBJECTS, ROOT

PYTHON = ROOT / ".venv-deploy" / "bin" / "python"
CHART = DEPLOY / "helm" / "bulk-cancel"
INGRESS = {"ingress": {"enabled": True, "host": "cancel.studio.example"}}

pytestmark = pytest.mark.long


def run(*task, given):
    if not PYTHON.exists():
        reason = "Helm is missing (make .venv-deploy/.synced installs it)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    found = subprocess.run(
        [PYTHON, ROOT / "tests" / "worlds" / "charts.py", *task],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def rendered(**values):
    """The chart's objects, with what Helm alone adds taken off."""
    found = run("render", str(CHART), given=values)
    assert found["wrong"] == []
    objects = [
        one
        for text in found["made"].values()
        for one in yaml.safe_load_all(text)
        if one is not None
    ]
    for one in objects:
        if one["kind"] == "Job":
            assert one["metadata"].pop("annotations").keys() == {
                "helm.sh/hook",
                "helm.sh/hook-delete-policy",
            }
        if one["kind"] == "Deployment":
            of_pod = one["spec"]["template"]["metadata"]
            assert of_pod.pop("annotations").keys() == {"checksum/settings"}
    return objects


def by_name(objects):
    return {f"{one['kind']} {one['metadata']['name']}": one for one in objects}


def kustomized(folder):
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is missing")
    made = subprocess.run(
        [program, "kustomize", folder], capture_output=True, text=True, check=True
    )
    return [*yaml.safe_load_all(made.stdout)]


def test_the_schemas_of_kubernetes_find_nothing_wrong():
    example = yaml.safe_load((BASE.parent / "example" / "ingress.yaml").read_text())
    assert run("validate", given=[*OBJECTS, example, *rendered(**INGRESS)]) == []


def test_what_the_schemas_are_given_they_judge():
    [deployment] = [one for one in OBJECTS if one["metadata"]["name"] == "bulk-cancel-api"][:1]
    wrong = json.loads(json.dumps(deployment).replace("livenessProbe", "livenesProbe"))
    [said] = run("validate", given=[wrong])
    assert "livenesProbe" in said


def test_the_chart_gives_what_kustomize_gives():
    assert by_name(rendered()) == by_name(OBJECTS)


def test_the_chart_gives_what_its_values_say():
    found = by_name(
        rendered(
            image={
                "repository": "images.example/it",
                "tag": "9",
                "pullSecrets": [{"name": "mine"}],
            },
            settings={"BULK_CANCEL_LOG_LEVEL": "debug"},
            secretName="vault",
            worker={"maxReplicas": 40},
            networkPolicy={"enabled": False},
            **INGRESS,
        )
    )
    of_pod = found["Deployment bulk-cancel-worker"]["spec"]["template"]["spec"]
    assert of_pod["containers"][0]["image"] == "images.example/it:9"
    assert of_pod["imagePullSecrets"] == [{"name": "mine"}]
    assert of_pod["volumes"][0]["secret"]["secretName"] == "vault"
    assert found["HorizontalPodAutoscaler bulk-cancel-worker"]["spec"]["maxReplicas"] == 40
    assert found["ConfigMap bulk-cancel"]["data"]["BULK_CANCEL_LOG_LEVEL"] == "debug"
    assert not [name for name in found if name.startswith("NetworkPolicy")]
    [rule] = found["Ingress bulk-cancel"]["spec"]["rules"]
    assert rule["host"] == "cancel.studio.example"
    assert rule["http"]["paths"][0]["path"] == "/"


def test_the_chart_s_ingress_has_the_path_of_the_prefix():
    prefix = {"BULK_CANCEL_ROOT_PATH": "/bulk-cancel"}
    found = by_name(rendered(settings=prefix, **INGRESS))
    [rule] = found["Ingress bulk-cancel"]["spec"]["rules"]
    assert rule["http"]["paths"][0]["path"] == "/bulk-cancel"
    assert found["ConfigMap bulk-cancel"]["data"]["BULK_CANCEL_ROOT_PATH"] == "/bulk-cancel"


def test_kustomize_builds_the_base_and_the_example():
    assert by_name(kustomized(BASE)) == by_name(OBJECTS)
    example = by_name(kustomized(BASE.parent / "example"))
    assert example.keys() == by_name(OBJECTS).keys() | {"Ingress bulk-cancel"}
    assert {one["metadata"]["namespace"] for one in example.values()} == {"bulk-cancel"}
    of_api = example["Deployment bulk-cancel-api"]["spec"]["template"]["spec"]["containers"]
    assert of_api[0]["image"] == "images.example/bulk-cancel:0.1.0"
