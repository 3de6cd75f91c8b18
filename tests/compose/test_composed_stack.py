"""docker-compose.yaml in real containers: confined, scraped, placing pods on the full rung, and holding when a container dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from container_engine.composed import Composed
from control_plane.waiting import until
from hydatis_cli.exposition import scrape, total_by

ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
OURS = sorted(name for name, service in SERVICES.items() if "hydatis-" in service["image"])
EXTENDER, FEATURES, PROMETHEUS = "http://127.0.0.1:7080", "127.0.0.1:7010", "http://127.0.0.1:9090"
#: A synthetic day of about a hundred pods on eight nodes.
REPLAY = ("replay", "--extender", EXTENDER, "--features", FEATURES, "--pods", "80", "--nodes", "8", "--days", "1", "--json")


def start_replay() -> subprocess.Popen[str]:
    """``hydatis replay`` on the stack, as a user runs it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HYDATIS_")}
    command = [sys.executable, "-m", "hydatis_cli.main", *REPLAY]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result_of(replay: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = replay.communicate(timeout=300)
    assert replay.returncode == 0, err[-3000:]
    found: dict[str, Any] = json.loads(out)
    return found


def decided() -> dict[str, float]:
    """Decisions so far, by rung."""
    return total_by(scrape(f"{EXTENDER}/metrics"), "hydatis_decisions_total", "rung")


def asked(path: str, **query: str) -> Any:
    with urllib.request.urlopen(f"{PROMETHEUS}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
        return json.loads(answer.read())["data"]


def value(query: str) -> float:
    found = asked("/api/v1/query", query=query)["result"]
    return float(found[0]["value"][1]) if found else 0.0


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_container_is_confined(composed: Composed, service: str) -> None:
    told = composed.inspect(service)
    host = told["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    # and so it is, by the kernel's word
    status = dict(line.split(":", 1) for line in composed.execute(service, "cat", "/proc/1/status").splitlines())
    assert "0" not in status["Uid"].split()
    assert "0" not in status["Gid"].split()
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[capabilities], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"  # filtered
    written = composed.execute(service, "sh", "-c", "touch /x 2>&1 || true")
    assert "Read-only file system" in written


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_nothing_listens_beyond_loopback(composed: Composed, service: str) -> None:
    published = composed.inspect(service)["NetworkSettings"]["Ports"]
    assert {place["HostIp"] for places in published.values() for place in places or []} <= {"127.0.0.1"}


def test_a_replay_is_decided_on_the_full_rung(composed: Composed) -> None:
    result = result_of(start_replay())
    assert result["unanswered_count"] == 0
    assert result["full_rung_ratio"] >= 0.99
    assert result["retries_count"] == 0
    placed, stock, _ = (outcome["figures"] for outcome in result["outcomes"])
    assert placed["placed_count"] >= stock["placed_count"] > 0
    assert sorted(result["models"]) == sorted(name.removeprefix("model-") for name in OURS if name.startswith("model-"))
    # the state is in Redis, the decisions are in their volume
    until(lambda: int(composed.execute("redis", "redis-cli", "dbsize")) > 0, "the warm store holds the state")
    until(lambda: composed.execute("scheduler-plugin", "ls", "/decisions"), "decisions are recorded")


def test_prometheus_scrapes_every_process_and_holds_the_rules(composed: Composed) -> None:
    def all_up() -> bool:
        targets = asked("/api/v1/targets")["activeTargets"]
        return len(targets) == len(OURS) and all(target["health"] == "up" for target in targets)

    until(all_up, "every target is up")
    until(lambda: value("sum(up)") == len(OURS), "up says so, too")
    until(lambda: value("hydatis_rules") == 1, "the recording rules are computed")
    (group,) = asked("/api/v1/rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}


def test_without_placement_policy_the_shim_places_by_itself_and_then_no_more(composed: Composed) -> None:
    composed.stop("placement-policy")
    assert composed.inspect("placement-policy")["State"]["ExitCode"] == 0, "it was told to stop and did"
    result = result_of(start_replay())
    assert result["unanswered_count"] == 0
    assert set(result["rungs"]) == {"greedy"}
    composed.start("placement-policy")
    composed.wait_until_healthy("placement-policy")
    assert result_of(start_replay())["full_rung_ratio"] >= 0.99


@pytest.mark.parametrize("service", ["placement-policy", "forecaster", "model-cpu-forecaster", "redis"])
def test_a_container_killed_in_a_replay_comes_back_and_no_pod_waits(composed: Composed, service: str) -> None:
    before = sum(decided().values())
    replay = start_replay()
    until(lambda: replay.poll() is not None or sum(decided().values()) > before, "the replay is under way")
    composed.kill_and_wait(service)
    result = result_of(replay)
    assert result["unanswered_count"] == 0
    assert "abstain" not in result["rungs"]
    assert result_of(start_replay())["full_rung_ratio"] >= 0.99


def test_the_shim_killed_comes_back_and_decides_on_the_full_rung(composed: Composed) -> None:
    composed.kill_and_wait("scheduler-plugin")
    result = result_of(start_replay())
    assert result["unanswered_count"] == 0
    assert result["full_rung_ratio"] >= 0.99
