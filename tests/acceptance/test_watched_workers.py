"""A worker tells its metrics where the settings say; it refunds though it can't be had there."""

import json

import httpx
import pytest
from crash.processes import free_port, until
from crash.week import assert_once, week
from prometheus_client.parser import text_string_to_metric_families

TOKEN = {"Authorization": "Bearer s3cret"}


@pytest.fixture
def town(found_towns, postgresql_url, redis_url):
    return found_towns(postgresql_url, redis_url=redis_url, metrics_token="s3cret")


def test_a_worker_tells_what_it_called(town):
    made = week(20)
    town.settle_in(made)
    town.api()
    address = f"127.0.0.1:{free_port()}"
    town.worker(worker_address=address)
    until(lambda: alive(address))
    job = town.wait_for(town.cancel_all())
    assert job["status"] == "completed"
    assert_once(town.books(), made.lines)
    assert httpx.get(f"http://{address}/metrics", trust_env=False).status_code == 404
    told = httpx.get(f"http://{address}/metrics", headers=TOKEN, trust_env=False)
    succeeded = [
        sample.value
        for family in text_string_to_metric_families(told.text)
        for sample in family.samples
        if sample.name == "bulk_cancel_upstream_call_seconds_count"
        and (sample.labels["call"], sample.labels["outcome"]) == ("refund", "succeeded")
    ]
    assert sum(succeeded) == len(made.lines)


def test_a_worker_whose_address_is_taken_refunds_all_the_same(town):
    made = week(4)
    town.settle_in(made)
    town.api()
    worker = town.worker(worker_address=f"127.0.0.1:{town.api_port}")
    assert town.wait_for(town.cancel_all())["status"] == "completed"
    events = [json.loads(line)["event"] for line in worker.log.read_text().splitlines()]
    assert "worker.not_watched" in events


def alive(address):
    try:
        return httpx.get(f"http://{address}/livez", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
