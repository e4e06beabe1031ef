"""Each alert fires when its condition has lasted as long as its rule says, and clears after it."""

import asyncio
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from crash.processes import free_port, until
from crash.told_week import told_week
from crash.webhook_receivers import Receivers, answers
from worlds.prometheus import program, scraping
from worlds.smtp_server import smtp_server

from app.db.core.engine import Database

RULES = yaml.safe_load((Path(__file__).parents[2] / "deploy" / "prometheus-rules.yml").read_text())
ALERTS = {one["alert"]: one for group in RULES["groups"] for one in group["rules"]}
TOKEN = "s3cret"
CALLS = 'bulk_cancel_upstream_call_seconds_count{upstream="payment",outcome="%s"}'
REQUESTS = 'bulk_cancel_http_request_seconds_count{status="%s"}'

# By alert: what is scraped each minute, when it is still quiet, fires, and has cleared (minutes),
# and the labels that it fires with.
TIMES = {
    "BulkCancelBooksBroken": (
        {'bulk_cancel_invariant_violations{rule="line"}': "0 0 3 3 3 0 0 0"},
        (1, 2, 6),
        {"rule": "line"},
    ),
    "BulkCancelBooksUnchecked": (
        {"bulk_cancel_books_checked_timestamp_seconds": "0x79 4800x20"},
        (69, 72, 81),
        {},
    ),
    "BulkCancelChainsUnchecked": (
        {"bulk_cancel_chains_checked_timestamp_seconds": "0x5800 348000x20"},
        (5759, 5762, 5802),
        {},
    ),
    "BulkCancelDatabaseAway": ({"bulk_cancel_database_up": "1x1 0x5 1x5"}, (3, 4, 8), {}),
    "BulkCancelNoWorkers": (
        {'bulk_cancel_build_info{role="worker"}': "1x3 stale _x8 1x5"},
        (5, 6, 14),
        {"role": None},
    ),
    "BulkCancelJobsOverdue": (
        {"bulk_cancel_most_overdue_seconds": "0x2 300x10 0x5"},
        (7, 8, 15),
        {},
    ),
    "BulkCancelUpstreamFailing": (
        {CALLS % "succeeded": "0+60x60", CALLS % "indeterminate": "0x5 30+30x20 600x30"},
        (8, 15, 40),
        {"upstream": "payment"},
    ),
    "BulkCancelUpstreamThrottles": (
        {CALLS % "succeeded": "0+60x70", CALLS % "throttled": "0x5 60+60x30 1800x40"},
        (15, 25, 50),
        {"upstream": "payment"},
    ),
    "BulkCancelUpstreamLeftAlone": (
        {'bulk_cancel_upstream_breakers_open{upstream="credit"}': "1x20 0x5"},
        (14, 15, 22),
        {"upstream": "credit"},
    ),
    "BulkCancelWebhooksLate": (
        {"bulk_cancel_webhook_deliveries_overdue_seconds": "0x2 400x10 0x5"},
        (7, 8, 15),
        {},
    ),
    "BulkCancelMessagesLate": (
        {"bulk_cancel_messages_overdue_seconds": "0x2 700x10 0x5"},
        (7, 8, 15),
        {},
    ),
    "BulkCancelBackgroundFailing": (
        {
            'bulk_cancel_background_rounds_total{service="sweep",outcome="failed"}': (
                "0x5 2+2x20 40x30"
            )
        },
        (7, 20, 45),
        {"service": "sweep"},
    ),
    "BulkCancelPoolExhausted": (
        {
            'bulk_cancel_database_connections_in_use{instance="a"}': "10x10 3x5",
            'bulk_cancel_database_connections_max{instance="a"}': "10x20",
        },
        (4, 5, 12),
        {"instance": "a"},
    ),
    "BulkCancelAnswersErrors": (
        {REQUESTS % 200: "0+60x60", REQUESTS % 503: "0x5 6+6x20 120x40"},
        (8, 15, 40),
        {},
    ),
}


def test_each_alert_has_its_times():
    assert TIMES.keys() == ALERTS.keys()


def test_each_alert_fires_in_its_time_and_clears(tmp_path):
    groups = []
    for name, (series, (quiet, fires, clear), labels) in TIMES.items():
        alert = ALERTS[name]
        fired = {
            "exp_labels": {word: said for word, said in labels.items() if said} | alert["labels"],
            "exp_annotations": alert["annotations"],
        }
        groups.append(
            {
                "name": name,
                "interval": "1m",
                "input_series": [{"series": key, "values": of} for key, of in series.items()],
                "alert_rule_test": [
                    {"eval_time": f"{at}m", "alertname": name, "exp_alerts": expected}
                    for at, expected in ((quiet, []), (fires, [fired]), (clear, []))
                ],
            }
        )
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(RULES))
    tests = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": groups}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests))
    found = subprocess.run(
        [program("promtool"), "test", "rules", "tests.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def in_seconds():
    """The rules with minutes made seconds; what a metric is compared with stays."""
    text = re.sub(r"\[(\d+)m\]", lambda found: f"[{int(found[1]) * 3}s]", yaml.safe_dump(RULES))
    return yaml.safe_load(re.sub(r"for: \d+m", "for: 1s", text))


@contextmanager
def at(database_url):
    """Run statements there: `run(statement)`; a lock that one takes is kept until `end()`."""
    with asyncio.Runner() as runner:
        db = Database(database_url)
        connection = runner.run(db.engine.connect().start())
        yield (
            lambda *statements: [
                runner.run(connection.execute(sa.text(statement))) for statement in statements
            ],
            lambda: runner.run(connection.commit()),
        )
        runner.run(connection.close())
        runner.run(db.close())


def run_at(database_url, *statements):
    with at(database_url) as (run, end):
        run(*statements)
        end()


class Watch:
    """A town, and a Prometheus that watches it by the rules in seconds."""

    def __init__(self, town, prometheus):
        self.town, self.prometheus, self.seen = town, prometheus, set()

    def fires(self, *names, meanwhile=lambda: None):
        alerts = {f"BulkCancel{name}" for name in names}

        def found():
            meanwhile()
            return alerts <= self.prometheus.firing()

        until(found, pause=0.5)
        self.seen |= alerts

    def clears(self):
        until(lambda: not self.prometheus.firing(), pause=0.5)

    def run(self, *statements):
        run_at(self.town.database_url, *statements)


def the_books_are_broken_or_nobody_looks(watch):
    watch.run("UPDATE checks SET checked_at = now(), due_at = now() + interval '1 day'")
    watch.clears()
    watch.run("""UPDATE checks SET violations = '{"line": 1}'""")
    watch.fires("BooksBroken")
    watch.run("UPDATE checks SET violations = '{}', checked_at = now() - interval '4 days'")
    watch.fires("BooksUnchecked", "ChainsUnchecked")
    watch.run("UPDATE checks SET checked_at = now()")
    watch.clears()


def upstreams_are_in_trouble(watch, sessions, fault, *names):
    watch.town.faults(**{fault: 1})
    job_id = watch.town.cancel_all(key=fault, session_ids=sessions, messages={"clients": "email"})
    watch.fires(*names)
    watch.town.faults()
    watch.town.wait_for(job_id)
    watch.clears()


def nobody_works(watch, sessions, worker, again):
    worker.kill()
    job_id = watch.town.cancel_all(key="late", session_ids=sessions)
    late = "due_at = now() - interval '20 minutes'"
    watch.run(
        f"UPDATE jobs SET {late} WHERE due_at IS NOT NULL",
        f"UPDATE messages SET status = 'pending', {late} WHERE status = 'sent'",
        f"UPDATE webhook_deliveries SET status = 'pending', {late}",
    )
    watch.fires("NoWorkers", "JobsOverdue", "WebhooksLate", "MessagesLate")
    again()
    watch.town.wait_for(job_id)
    watch.clears()


@pytest.fixture
def relay(tmp_path):
    with smtp_server(tmp_path / "relay") as one:
        yield one


@pytest.fixture
def receiver():
    receivers = Receivers()
    yield receivers.start(answers())
    receivers.close()


@pytest.mark.long
def test_each_alert_fires_of_its_cause_in_a_town_and_clears(
    breakable_postgresql, found_towns, redis_url, tmp_path, relay, receiver
):
    town = found_towns(
        breakable_postgresql.url,
        redis_url=redis_url,
        metrics_token=TOKEN,
        smtp_url=relay.url,
        mail_from="bookings@studio.example",
        verify_seconds=3600,
        concurrency=4,
    )
    made = told_week(60)
    town.settle_in(made.week)
    town.api()
    address = f"127.0.0.1:{free_port()}"
    worker = town.worker(worker_address=address)
    town.add_endpoint(receiver)
    sessions = [one["id"] for one in made.week.records if one["type"] == "session"]
    addresses = {"api": f"127.0.0.1:{town.api_port}", "worker": address}
    with scraping(tmp_path / "prometheus", addresses, TOKEN, rules=in_seconds()) as prometheus:
        watch = Watch(town, prometheus)
        until(lambda: prometheus.scraped() == len(addresses))
        the_books_are_broken_or_nobody_looks(watch)
        failing = ("UpstreamFailing", "UpstreamLeftAlone")
        upstreams_are_in_trouble(watch, sessions[::3], "answer_503", *failing)
        upstreams_are_in_trouble(watch, sessions[1::3], "answer_429", "UpstreamThrottles")
        until(lambda: relay.taken() and receiver.calls)
        again = partial(town.worker, worker_address=address)
        nobody_works(watch, sessions[2::3], worker, again)
        breakable_postgresql.stop_at_once()
        ask = partial(town.ask_to_cancel, key="asked")
        watch.fires("DatabaseAway", "BackgroundFailing", "AnswersErrors", meanwhile=ask)
        breakable_postgresql.start()
        watch.clears()
    assert watch.seen | {"BulkCancelPoolExhausted"} == ALERTS.keys()


def test_a_process_that_has_no_connection_left_fires_and_clears(
    found_towns, postgresql_url, redis_url, tmp_path
):
    town = found_towns(postgresql_url, redis_url=redis_url, metrics_token=TOKEN, database_pool=2)
    town.settle_in(told_week(1).week)
    town.api()
    addresses = {"api": f"127.0.0.1:{town.api_port}"}
    alert = "BulkCancelPoolExhausted"
    with (
        at(town.database_url) as (run, end),
        ThreadPoolExecutor() as callers,
        scraping(
            tmp_path / "prometheus", addresses, TOKEN, rules=in_seconds(), every_seconds=5
        ) as prometheus,
    ):
        run("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        asked = [callers.submit(town.ask_to_cancel, key=str(number)) for number in range(8)]
        until(lambda: alert in prometheus.firing(), pause=0.5)
        end()
        assert {one.result().status_code for one in asked} <= {202, 200, 409, 422, 503}
        until(lambda: alert not in prometheus.firing(), pause=0.5)
