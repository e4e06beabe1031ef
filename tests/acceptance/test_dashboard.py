"""Each panel of the dashboard shows a value of a town that works, as Prometheus scraped it."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
from crash.processes import free_port, until
from crash.told_week import told_week
from crash.webhook_receivers import Receivers, answers
from worlds.prometheus import scraping
from worlds.smtp_server import smtp_server

ROOT = Path(__file__).parents[2]
BOARD = json.loads((ROOT / "deploy" / "grafana" / "bulk-cancel.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
TOKEN = "s3cret"
COUNTERS = (
    "bulk_cancel_refunds_recorded_total",
    "bulk_cancel_jobs_ended_total",
    "bulk_cancel_webhook_attempt_seconds_count",
    "bulk_cancel_messages_tried_total",
)


def expressions(panel):
    """Those of one panel, with an interval as Grafana puts one in."""
    return [target["expr"].replace("$__rate_interval", "10m") for target in panel["targets"]]


def is_known(prometheus, counter):
    return bool(prometheus.values(counter))


def has_grown(prometheus, counter):
    return any(prometheus.values(f"sum(increase({counter}[10m])) > 0"))


@pytest.fixture
def receivers():
    one = Receivers()
    yield one
    one.close()


@pytest.fixture
def relay(tmp_path):
    with smtp_server(tmp_path / "relay") as one:
        yield one


def test_each_panel_shows_a_value_of_a_town_that_works(
    found_towns, postgresql_url, redis_url, tmp_path, receivers, relay
):
    town = found_towns(
        postgresql_url,
        redis_url=redis_url,
        metrics_token=TOKEN,
        smtp_url=relay.url,
        mail_from="bookings@studio.example",
        verify_seconds=1,
    )
    made = told_week(20)
    town.settle_in(made.week)
    town.api()
    worker = f"127.0.0.1:{free_port()}"
    town.worker(worker_address=worker)
    town.add_endpoint(receivers.start(answers()))
    sessions = [one["id"] for one in made.week.records if one["type"] == "session"]
    addresses = {"api": f"127.0.0.1:{town.api_port}", "worker": worker}
    with scraping(tmp_path / "prometheus", addresses, TOKEN) as prometheus:
        until(lambda: prometheus.scraped() == len(addresses))
        # What is counted first is only the beginning of a count; the second time it grows.
        for number, half in enumerate((sessions[::2], sessions[1::2])):
            job_id = town.cancel_all(
                key=str(number), session_ids=half, messages={"clients": "email"}
            )
            town.wait_for(job_id)
            is_seen = has_grown if number else is_known
            for counter in COUNTERS:
                until(partial(is_seen, prometheus, counter))
        empty = [
            (panel["title"], expression)
            for panel in PANELS
            for expression in expressions(panel)
            if not prometheus.values(expression)
        ]
    assert empty == []


def test_panels_do_not_lie_over_each_other_and_have_names_of_their_own():
    places = [
        (x, y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    for member in ("id", "title"):
        names = [panel[member] for panel in BOARD["panels"]]
        assert len(names) == len(set(names))


def test_each_metric_is_on_the_dashboard_or_in_an_alert():
    shown = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    page = (ROOT / "docs" / "metrics.md").read_text()
    metrics = set(re.findall(r"^\| `(bulk_cancel_[a-z_]+)`", page, re.MULTILINE))
    assert {name for name in metrics if name not in shown} == set()
