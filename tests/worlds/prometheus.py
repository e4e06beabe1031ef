"""A Prometheus that scrapes what a test names, with the rules that it gives."""

import math
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from crash.processes import free_port, until


def program(name: str, *, package: str = "prometheus") -> str:
    """Where a program of this package of Debian's is."""
    found = shutil.which(name)
    if found is None:
        assert os.environ.get("CI") != "true", f"{name} is missing"
        pytest.skip(f"{name} is missing (Debian: apt-get install {package})")
    return found


class Prometheus:
    """One that runs; it is asked by its HTTP API."""

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)

    def _get(self, path: str, **query: str) -> Any:
        answer = self._http.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def values(self, expression: str) -> list[float]:
        """What an expression has now, without what is no number."""
        found = [float(one["value"][1]) for one in self._get("query", query=expression)["result"]]
        return [value for value in found if math.isfinite(value)]

    def firing(self) -> set[str]:
        """The alerts that fire."""
        return {
            alert["labels"]["alertname"]
            for alert in self._get("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def scraped(self) -> int:
        """How many targets answer."""
        return len([one for one in self._get("targets")["activeTargets"] if one["health"] == "up"])

    def close(self) -> None:
        self._http.close()


@contextmanager
def scraping(
    folder: Path,
    addresses: Mapping[str, str],
    token: str,
    *,
    rules: Mapping[str, Any] | None = None,
    every_seconds: int = 1,
) -> Iterator[Prometheus]:
    """Scrape these addresses so often; `rules`: a file of rules, as a document."""
    every = f"{every_seconds}s"
    folder.mkdir()
    configuration = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": name,
                "authorization": {"credentials": token},
                "static_configs": [{"targets": [address]}],
            }
            for name, address in addresses.items()
        ],
    }
    if rules is not None:
        (folder / "rules.yml").write_text(yaml.safe_dump(rules))
        configuration["rule_files"] = ["rules.yml"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    one = Prometheus(port)
    try:
        until(one.ready)
        yield one
    finally:
        one.close()
        process.terminate()
        process.wait(60)
