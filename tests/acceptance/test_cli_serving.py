"""Commands that serve: they start, tell their address, and end soon after SIGTERM."""

import json
import re
import signal
import subprocess
import sys

import httpx
import psutil
import pytest
from acceptance.terminal import (
    PATIENCE_SECONDS,
    WEEK,
    Terminal,
    environment,
    lines,
    serving,
    wait_until,
)
from worlds.sample_keys import SECRETS_KEY


def test_the_api_serves_embedded_and_ends_soon_after_sigterm(terminal, ends_soon):
    with (
        serving(terminal, "api", "--port=0") as (process, address),
        httpx.Client(base_url=address, timeout=PATIENCE_SECONDS) as client,
    ):
        assert client.get("/livez").json() == {"status": "alive"}
        assert client.get("/readyz").json()["status"] == "ready"
        assert "server" not in client.get("/livez").headers
        assert "cdn" not in client.get("/docs").text
        assert client.get("/docs/assets/swagger-ui-bundle.js").status_code == 200
        assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
        # The client's idle connection is still open, and must not keep the process.
        assert ends_soon(process)


def test_the_api_is_ready_though_degraded_without_its_redis(on_sqlite, ends_soon):
    with serving(
        on_sqlite,
        "api",
        "--port=0",
        redis_url="redis://127.0.0.1:1",
        sandbox_url="http://127.0.0.1:1",
    ) as (process, address):
        ready = httpx.get(f"{address}/readyz", timeout=PATIENCE_SECONDS)
        assert (ready.status_code, ready.json()["status"], ready.json()["redis"]) == (
            200,
            "degraded",
            "unreachable",
        )
        assert ends_soon(process)


def test_the_demo_is_up_with_a_week_that_can_be_cancelled_by_the_lines_it_prints(
    zygote, tmp_path, ends_soon
):
    with serving(Terminal(zygote, tmp_path), "demo", "--port=0") as (process, address):
        wait_until(lambda: "Ctrl-C" in process.log.read_text())
        told = process.log.read_text()
        key = re.search(r"bck_\w+", told)[0]
        body = json.loads(re.search(r"/plan -d '(.*)'", told)[1])
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "snow-day"}
        with httpx.Client(
            base_url=f"{address}/v1", headers=headers, timeout=PATIENCE_SECONDS
        ) as client:
            plan = client.post("/bulk-cancellations/plan", json=body).json()
            assert plan["totals"]["sessions"] == 45
            job = client.post("/bulk-cancellations", json=body).json()
            assert next(iter(job)) == "id"  # the printed line takes it from there
            audit = client.get(
                f"/bulk-cancellations/{job['id']}/audit.csv", params={"follow": "true"}
            ).text
            assert audit.count('"succeeded"') == plan["totals"]["refunds"]
            assert client.get(f"/bulk-cancellations/{job['id']}").json()["status"] == "completed"
        assert ends_soon(process)


def test_the_demo_under_a_prefix_prints_addresses_that_answer(zygote, tmp_path):
    terminal = Terminal(zygote, tmp_path)
    with serving(terminal, "demo", "--port=0", root_path="/bulk-cancel") as (process, address):
        wait_until(lambda: "Ctrl-C" in process.log.read_text())
        told = process.log.read_text()
        printed = set(re.findall(rf"{address}(\S*)", told))
        assert printed == {f"/bulk-cancel{path}" for path in ("", "/c/demo", "/outbox", "/docs")}
        headers = {"Authorization": f"Bearer {re.search(r'bck_[0-9A-Za-z_]+', told)[0]}"}
        with httpx.Client(headers=headers, timeout=PATIENCE_SECONDS) as client:
            for path in (*printed, "/bulk-cancel/v1/business", "/v1/business"):
                assert client.get(address + path).status_code == 200, path


def test_streams_end_at_once_on_sigterm_and_an_audit_that_is_not_whole_by_a_reset(
    studio, ends_soon
):
    """A follower of a job on hold would otherwise keep the process as long as the hold lasts."""
    key = studio.ok("keys", "create", "studio").strip()
    studio.ok("import", "-", "--business=studio", stdin=lines(*WEEK))
    body = {
        "date_from": "2026-11-23",
        "date_to": "2026-11-23",
        "session_ids": "all",
        "hold_seconds": 600,
    }
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}
    with (
        serving(studio, "api", "--port=0") as (process, address),
        httpx.Client(base_url=f"{address}/v1", headers=headers, timeout=PATIENCE_SECONDS) as client,
    ):
        accepted = client.post("/bulk-cancellations", json=body)
        assert accepted.status_code == 202, accepted.text
        job = f"/bulk-cancellations/{accepted.json()['id']}"
        with (
            client.stream("GET", f"{job}/events") as events,
            client.stream("GET", f"{job}/audit.csv?follow=true") as audit,
        ):
            assert b"event: progress" in next(events.iter_raw())
            parts = audit.iter_raw()
            assert b"job_id" in next(parts)
            assert ends_soon(process)
            with pytest.raises(httpx.TransportError):
                list(parts)


def test_the_sandbox_command_serves_both_upstreams(on_sqlite, ends_soon):
    with serving(on_sqlite, "sandbox", "--port=0", "--token=t") as (process, address):
        assert httpx.get(f"{address}/books", timeout=PATIENCE_SECONDS).status_code == 200
        look_up = f"{address}/payments/refunds?reference=x"
        assert httpx.get(look_up, timeout=PATIENCE_SECONDS).status_code == 401
        assert ends_soon(process)


def test_a_worker_that_ends_by_itself_is_started_again_and_sigterm_ends_both(on_sqlite, redis_url):
    upstream = "http://127.0.0.1:1"
    named = {"redis_url": redis_url, "payments_url": upstream, "credits_url": upstream}
    named["secrets_key"] = SECRETS_KEY
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "worker"],
        cwd=on_sqlite.cwd,
        env=environment(**on_sqlite.settings | named),
        stderr=subprocess.PIPE,
    )
    try:
        first = wait_until(lambda: psutil.Process(supervisor.pid).children())[0]
        first.kill()
        second = wait_until(
            lambda: [c for c in psutil.Process(supervisor.pid).children() if c.pid != first.pid]
        )[0]
        wait_until(lambda: any("workers" in part for part in second.cmdline()))
        supervisor.send_signal(signal.SIGTERM)
        supervisor.communicate(timeout=PATIENCE_SECONDS)
        assert supervisor.returncode == 0
        assert not second.is_running()
    finally:
        supervisor.kill()
        supervisor.communicate()
