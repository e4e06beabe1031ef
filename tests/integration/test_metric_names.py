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

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus-rules.yml"
PAGE = (ROOT / "docs" / "metrics.md").read_text()
NAME = re.compile(r"bulk_cancel_[a-z_]+")
OF_HISTOGRAM = re.compile(r"_(?:bucket|count|sum|created)$")


@pytest.fixture
async def said(db):
    """Every name of a metric of ours that a process knows, though nothing was counted yet."""
    app = create_app(Settings(), database=db, queue=LocalQueue())
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        text = (await http.get("/metrics")).text
    names = re.findall(r"^# TYPE (bulk_cancel_[a-z_]+) (?:gauge|histogram)", text, re.MULTILINE)
    return {name for name in names if not name.endswith("_created")}  # when a histogram began


def alerts():
    return [one for group in yaml.safe_load(RULES.read_text())["groups"] for one in group["rules"]]


async def test_alerts_are_of_metrics_that_there_are(said):
    for alert in alerts():
        named = {OF_HISTOGRAM.sub("", name) for name in NAME.findall(alert["expr"])}
        assert named
        assert named <= said, alert["alert"]


async def test_the_page_names_each_metric(said):
    written = PAGE.replace("`…_max`", "`bulk_cancel_database_connections_max`")
    assert set(NAME.findall(written)) == said


def test_each_alert_has_what_to_do():
    for alert in alerts():
        assert f"\n## {alert['alert']}\n" in PAGE
        assert alert["annotations"]["runbook"] == f"docs/metrics.md#{alert['alert'].lower()}"


def test_promtool_finds_nothing_wrong():
    promtool = shutil.which("promtool")
    if promtool is None:
        assert os.environ.get("CI") != "true", "promtool is missing"
        pytest.skip("promtool is missing (Debian: apt-get install prometheus)")
    subprocess.run([promtool, "check", "rules", str(RULES)], check=True)
