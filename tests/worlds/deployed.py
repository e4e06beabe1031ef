"""What deploy/ has for Kubernetes, as Kustomize's base lists it."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes" / "base"


def _resources():
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    return [
        one
        for name in kustomization["resources"]
        for one in yaml.safe_load_all((BASE / name).read_text())
    ]


OBJECTS = _resources()
