"""Names of metrics in the alerts and in docs/metrics.md are names that `/metrics` says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from app.config.settings import Settings
from app.main import create_app
from app.queue import LocalQueue
from app.refunds.runtime import Runtime

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus-rules.yml"
PAGE = (ROOT / "docs" / "metrics.md").read_text()
NAME = re.compile(r"bulk_cancel_[a-z_]+")
# What a histogram or a counter adds to its name.
ADDED = re.compile(r"_(?:bucket|count|sum|created|total)$")


@pytest.fixture
def promtool():
    program = shutil.which("promtool")
    if program is None:
        assert os.environ.get("CI") != "true", "promtool is missing"
        pytest.skip("promtool is missing (Debian: apt-get install prometheus)")
    return program


@pytest.fixture
async def scraped(db):
    """What a process says that calls upstreams, though nothing was counted yet."""
    queue = LocalQueue()
    app = create_app(
        Settings(), database=db, queue=queue, runtime=Runtime(db, queue, {}, Settings())
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        return (await http.get("/metrics")).text


@pytest.fixture
def said(scraped):
    """Every name of a metric of ours that it knows."""
    names = re.findall(r"^# TYPE (bulk_cancel_[a-z_]+) [a-z]+", scraped, re.MULTILINE)
    # When a histogram began is no metric of its own.
    return {name.removesuffix("_total") for name in names if not name.endswith("_created")}


def alerts():
    return [one for group in yaml.safe_load(RULES.read_text())["groups"] for one in group["rules"]]


async def test_alerts_are_of_metrics_that_there_are(said):
    for alert in alerts():
        named = {ADDED.sub("", name) for name in NAME.findall(alert["expr"])}
        assert named
        assert named <= said, alert["alert"]


async def test_the_page_names_each_metric(said):
    written = PAGE.replace("`…_max`", "`bulk_cancel_database_connections_max`")
    assert {ADDED.sub("", name) for name in NAME.findall(written)} == said


def test_each_alert_has_what_to_do():
    for alert in alerts():
        assert f"\n## {alert['alert']}\n" in PAGE
        assert alert["annotations"]["runbook"] == f"docs/metrics.md#{alert['alert'].lower()}"


def test_promtool_finds_nothing_wrong(promtool):
    subprocess.run([promtool, "check", "rules", str(RULES)], check=True)


def test_metrics_are_named_as_prometheus_names_them(promtool, scraped):
    found = subprocess.run(
        [promtool, "check", "metrics"], input=scraped, capture_output=True, text=True, check=False
    )
    assert [line for line in found.stderr.splitlines() if line.startswith("bulk_cancel")] == []
