"""The real kube-scheduler asks the extender over HTTPS, each believing the other by a certificate."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from control_plane.fleet import Fleet
from control_plane.processes import free_port
from control_plane.scheduler import OUR_NAME, SECOND, StartScheduler, shipped
from control_plane.waiting import until
from hydatis_cli.exposition import scrape, total_by
from hydatis_cli.own_certificate import VARIABLE
from hydatis_core.errors import DependencyUnavailable
from hydatis_serving.testing_authority import TestAuthority
from hydatis_serving.tls_files import TlsFiles

AUTHORITY = TestAuthority()
PEERS = ("FEATURES_ADDRESS", "FORECASTER_ADDRESS", "ANOMALY_ADDRESS", "PLACEMENT_ADDRESS")


@dataclass
class Shim:
    """An extender over mutual TLS. It has no peers: whatever it is asked, it answers without an opinion."""

    url: str
    files: TlsFiles

    def answers(self) -> dict[str, float]:
        """Requests answered, by HTTP status."""
        return total_by(scrape(f"{self.url}/metrics"), "hydatis_extender_requests_total", "code")

    def asked(self) -> float:
        """How many times kube-scheduler was answered."""
        verbs = total_by(scrape(f"{self.url}/metrics"), "hydatis_extender_requests_total", "verb")
        return sum(count for verb, count in verbs.items() if verb.strip("/") in ("filter", "prioritize"))


@pytest.fixture
def shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shim]:
    files = AUTHORITY.issue(tmp_path / "shim")
    policy = tmp_path / "policy.yaml"
    policy.write_text("mode: on\n")
    prefix, port = "HYDATIS_SCHEDULER_PLUGIN_", free_port()
    told = {"HTTP_PORT": port, "POLICY_FILE": policy} | dict.fromkeys(PEERS, "127.0.0.1:1")
    told |= {"TLS_CERTIFICATE_FILE": files.certificate, "TLS_KEY_FILE": files.key, "TLS_CA_FILE": files.authorities}
    environment = os.environ | {prefix + name: str(value) for name, value in told.items()}
    monkeypatch.setenv(VARIABLE, str(tmp_path / "shim"))
    running = Shim(f"https://127.0.0.1:{port}", files)

    def is_up() -> bool:
        try:
            running.answers()
        except DependencyUnavailable:
            assert process.poll() is None, (tmp_path / "shim.log").read_text()
            return False
        return True

    with (tmp_path / "shim.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "hydatis_scheduler_plugin"], env=environment, stdout=log, stderr=log)
        try:
            until(is_up, "the extender answers")
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def over_tls(shim: Shim, client: TlsFiles | None) -> dict[str, Any]:
    """The shipped configuration, with what docs/security.md adds to it."""
    configuration = shipped(SECOND, shim.url, patient=True)
    (extender,) = configuration["extenders"]
    own = {"certFile": str(client.certificate), "keyFile": str(client.key)} if client is not None else {}
    extender |= {"enableHTTPS": True, "tlsConfig": {"caFile": str(shim.files.authorities)} | own}
    return configuration


def test_the_scheduler_shows_its_certificate_and_is_answered_while_certificates_change(
    shim: Shim, fleet: Fleet, start_scheduler: StartScheduler, tmp_path: Path
) -> None:
    client = AUTHORITY.issue(tmp_path / "scheduler", name="kube-scheduler")
    fleet.add_nodes(3)
    start_scheduler(over_tls(shim, client))
    fleet.add_pod("before", scheduler=OUR_NAME)
    assert shim.asked() >= 2

    name = ("hydatis_tls_certificate_expires_seconds", ())
    old = scrape(f"{shim.url}/metrics")[name]
    AUTHORITY.issue(tmp_path / "shim")
    AUTHORITY.issue(tmp_path / "scheduler", name="kube-scheduler")
    until(lambda: scrape(f"{shim.url}/metrics")[name] != old, "the extender uses its new certificate")
    before = shim.asked()
    fleet.add_pod("after", scheduler=OUR_NAME)

    assert shim.asked() >= before + 2
    assert "403" not in shim.answers()


@pytest.mark.parametrize("who", ["nobody", "a stranger"])
def test_a_scheduler_without_a_certificate_of_ours_is_refused_and_binds_without_us(
    who: str, shim: Shim, fleet: Fleet, start_scheduler: StartScheduler, tmp_path: Path
) -> None:
    stranger = TestAuthority("another").issue(tmp_path / "stranger") if who == "a stranger" else None
    fleet.add_nodes(2)
    start_scheduler(over_tls(shim, stranger))

    assert fleet.add_pod("only", scheduler=OUR_NAME)

    assert total_by(scrape(f"{shim.url}/metrics"), "hydatis_decisions_total", "rung") == {}
    assert shim.answers().get("403", 0) >= (who == "nobody")
