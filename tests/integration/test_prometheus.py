"""A real Prometheus, told by our own configuration, finds every process and can be asked what the dashboards ask."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydatis_cli.extender_policy import ExtenderPolicy
from hydatis_cli.stack import Process, Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_cli.workloads import Workload
from hydatis_simulator.replay import replay

CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "monitoring" / "prometheus.yml"


def loopback_target(stack: Stack, target: str) -> str:
    """Where the laptop's stack has what compose has at ``name:port``."""
    by_name: dict[str, Process] = {process.name: process for process in stack.processes()}
    environment = by_name[target.partition(":")[0]].environment
    ports = {key.rpartition("_PORT")[0].rpartition("_")[2]: value for key, value in environment.items() if key.endswith("_PORT")}
    return f"{stack.host}:{ports.get('METRICS', ports.get('HTTP'))}"


@pytest.fixture
def prometheus(
    stack: Stack, prometheus_path: str, free_port: Callable[[], int], tmp_path: Path, until: Callable[..., Any]
) -> Iterator[Callable[..., Any]]:
    """Asks the HTTP API of a Prometheus that runs on our configuration, at other addresses and more often."""
    config = yaml.safe_load(CONFIG.read_text())
    config["global"]["scrape_interval"] = config["global"]["evaluation_interval"] = "1s"
    for job in config["scrape_configs"]:
        for group in job["static_configs"]:
            group["targets"] = [loopback_target(stack, target) for target in group["targets"]]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    base = f"http://127.0.0.1:{free_port()}"
    with (tmp_path / "prometheus.log").open("wb") as log:
        running = subprocess.Popen(
            [
                prometheus_path,
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'series'}",
                f"--web.listen-address={base.removeprefix('http://')}",
            ],
            stdout=log,
            stderr=log,
        )

    def ask(path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{base}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.loads(answer.read())["data"]

    def ready() -> bool:
        assert running.poll() is None, (tmp_path / "prometheus.log").read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"{base}/-/ready", timeout=10) as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            return False

    try:
        until(ready, "Prometheus is ready")
        yield ask
    finally:
        running.terminate()
        running.wait(30)


def test_every_target_is_up_and_decisions_can_be_asked_for(
    stack: Stack, small: Workload, prometheus: Callable[..., Any], until: Callable[..., Any]
) -> None:
    feed, policy = StackFeed(stack.features_address, stack.extender_url), ExtenderPolicy(stack.extender_url, timeout_seconds=10)
    replay(small.trace, small.nodes, policy, [feed], seed=3, until=small.trace.start_seconds + 1800)
    policy.close()
    feed.close()

    def value(query: str) -> float:
        found = prometheus("/api/v1/query", query=query)["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def all_up() -> bool:
        targets = prometheus("/api/v1/targets")["activeTargets"]
        return len(targets) == len(stack.processes()) and all(target["health"] == "up" for target in targets)

    until(all_up, "every target is up")
    until(lambda: value("sum(up)") == len(stack.processes()), "up says so, too")
    assert not [target["lastError"] for target in prometheus("/api/v1/targets")["activeTargets"] if target["lastError"]]
    until(lambda: value('sum(hydatis_decisions_total{rung="full"})') > 0, "decisions on the full rung")
    until(lambda: value("count(count by (model) (hydatis_model_requests_total))") == 4, "calls of all four models")
    assert value("max(hydatis_generation_seconds)") == small.trace.start_seconds + 1800
    assert value('histogram_quantile(0.99, sum by (le) (hydatis_extender_seconds_bucket{verb="filter"}))') > 0
    # every metric of ours says what it is
    metadata = prometheus("/api/v1/metadata")
    assert [name for name, told in metadata.items() if name.startswith("hydatis_") and not told[0]["help"]] == []
