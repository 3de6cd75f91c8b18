"""What the fault tests break and measure with: a small replay over the real stack, faults at stated decisions, and clocks.

A fault happens at a decision of the replay and never after a sleep, so that every run breaks the same thing at the same moment.
What is measured is written to ``faults.json`` below pytest's base folder and printed as a table; docs/reliability.md says what it
means.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from hydatis_cli.exposition import Samples, differences, scrape
from hydatis_cli.extender_client import ExtenderClient, pod_json
from hydatis_cli.extender_policy import ExtenderPolicy
from hydatis_cli.readiness import is_ready
from hydatis_cli.stack import Process, Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_cli.supervision import Supervision
from hydatis_cli.workloads import SCRAPE_DELAY_SECONDS, TICK_SECONDS, Workload, evaluation_workload
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.pods import Pod, Resources
from hydatis_simulator.outcomes import Outcome
from hydatis_simulator.policy import Ranking
from hydatis_simulator.replay import ReplayObserver, replay

T = TypeVar("T")

#: What a test waits for something to happen, at most. Start-ups are in it, on a machine that does other things too.
PATIENCE_SECONDS = 90.0
#: How long a tick of a broken stack is waited for: short, so that pods are placed while something is gone.
BROKEN_TICK_SECONDS = 0.1
#: Length of a replay, event time: fifteen ticks, and about nine pods a tick.
REPLAY_SECONDS = 15 * TICK_SECONDS
FULL = ("full", "none")
#: How decisions are counted that missed a deadline inside their budget; after several, a policy is not asked for a while.
LATE = (("full_local", "no_model_server"), ("greedy", "policy_late"), ("greedy", "no_policy"))
MEASURED = pytest.StashKey[list[dict[str, Any]]]()


def until(condition: Callable[[], T], what: str, timeout_seconds: float = PATIENCE_SECONDS, why: Callable[[], Any] = str) -> T:
    """What the condition returns as soon as that is true; ``why`` says more when it never is."""
    deadline = time.monotonic() + timeout_seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_seconds:g} s: {what} {why()}"
        time.sleep(0.01)
    return found


@dataclass
class Faults:
    """Breaks processes of a stack and sees what becomes of it."""

    stack: Stack
    workload: Workload
    measured: list[dict[str, Any]]
    _asked: int = 0

    # --- the processes

    def process(self, name: str) -> Process:
        return next(process for process in self.stack.processes() if process.name == name)

    def pid(self, name: str) -> int:
        return next(told.pid for told in Supervision(self.stack).status() if told.name == name)

    def send(self, name: str, number: signal.Signals) -> int:
        """Signals a process; returns its pid."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def supervisor(self, action: str, name: str) -> None:
        """Has the supervisor start or stop one process."""
        server = f"unix://{self.stack.state.supervisor_socket}"
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-s", server, action, name]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_SECONDS)

    def kill_and_hold(self, name: str) -> None:
        """Kills a process and keeps it down, so that what its absence costs does not depend on how fast it starts."""
        self.send(name, signal.SIGKILL)

        def held() -> bool:
            state = next(told.state for told in Supervision(self.stack).status() if told.name == name)
            if state != "STOPPED":
                with suppress(DependencyUnavailable):  # between its death and its restart there is nothing to stop
                    Supervision(self.stack).halt(name)
            return state == "STOPPED"

        until(held, f"{name} is kept down")

    def release(self, name: str) -> None:
        """Starts a process that was kept down, and returns when it is ready."""
        self.supervisor("start", name)
        until(lambda: is_ready(self.process(name)), f"{name} is ready")

    def wait_started_again(self, name: str, dead_pid: int) -> None:
        """Returns when another process answers the readiness check of one that was killed."""
        until(lambda: self.pid(name) not in (0, dead_pid), f"{name} is started again")
        until(lambda: is_ready(self.process(name)), f"{name} is ready")

    @contextmanager
    def replaced(self, name: str, settings: Mapping[str, str]) -> Iterator[None]:
        """Runs a process with other settings in the place of the supervised one."""
        process = self.process(name)
        prefix = process.module.upper() + "_"
        environment = self.stack.inherited_environment() | process.environment
        environment |= {prefix + key: value for key, value in settings.items()}
        self.supervisor("stop", name)
        log = self.stack.state.logs / f"{name}.replaced.log"
        try:
            with log.open("w") as output:
                own = subprocess.Popen(self.stack.command(process), env=environment, stdout=output, stderr=output)
            try:
                until(lambda: own.poll() is not None or is_ready(process), f"{name} is ready")
                assert own.poll() is None, log.read_text()
                yield
            finally:
                own.terminate()
                own.wait(PATIENCE_SECONDS)
        finally:
            self.supervisor("start", name)
            until(lambda: is_ready(process), f"{name} is ready")

    # --- what they say

    def metrics(self, name: str) -> Samples:
        environment = self.process(name).environment
        port = next((value for key, value in environment.items() if key.endswith("METRICS_PORT")), None)
        return scrape(f"http://{self.stack.host}:{port}/metrics" if port else f"{self.stack.extender_url}/metrics")

    def count(self, process: str, metric: str, **labels: str) -> float:
        """Sum of a metric's samples with these labels."""
        return total(self.metrics(process), metric, **labels)

    def log(self, name: str) -> list[dict[str, Any]]:
        """The JSON lines of a process's log."""
        lines = (self.stack.state.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def readiness(self) -> dict[str, Any]:
        """What the shim says of itself; empty when it does not answer."""
        client = ExtenderClient(self.stack.extender_url)
        try:
            return dict(client.get_json("/readyz", timeout_seconds=2))
        except DependencyUnavailable:
            return {}
        finally:
            client.close()

    def decide(self, pod: Pod | None = None) -> tuple[str, str]:
        """Has a new pod decided: rung and reason, and "+risk" or not; "unanswered" when nobody does."""
        self._asked += 1
        wire = pod_json(pod or Pod(uid=f"asked-{os.getpid()}-{self._asked}", requests=Resources(0.1, 2**27)))
        names = [node.name for node in self.workload.nodes]
        client = ExtenderClient(self.stack.extender_url)
        try:
            before = self.metrics("scheduler-plugin")
            kept = client.filter(wire, names)["NodeNames"]
            client.prioritize(wire, kept)
            made = differences(before, self.metrics("scheduler-plugin"))
        except DependencyUnavailable:
            return "unanswered", ""
        finally:
            client.close()
        masked = total(made, "hydatis_risk_masked_total") > 0
        ((rung, reason), _), *_ = rungs(made).items()
        return rung, "no_risk" if masked and rung == "full" else reason

    def whole(self) -> bool:
        """Whether a new pod is decided on the full rung with nothing masked, and every stream stands.

        It is not even asked about before the shim says so: that it heals must not take a decision that finds it broken.
        """
        told = self.readiness()
        return bool(told) and all(told["streams"].values()) and not told["missing"] and self.decide() == ("full", "none")

    def wait_whole(self, after: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Returns when the stack is whole."""
        until(self.whole, f"the stack is whole after {after}", timeout_seconds, lambda: (self.readiness(), self.decide()))

    # --- replays

    def replay(
        self, at: Mapping[int, Callable[[], None]], feed: StackFeed | None = None, observers: Sequence[ReplayObserver] = ()
    ) -> Replayed:
        """Replays the workload over the stack; calls ``at[n]`` just before decision n."""
        own = feed or self.feed()
        policy = FaultyPolicy(ExtenderPolicy(self.stack.extender_url), at)
        trace, nodes = self.workload.trace, self.workload.nodes
        try:
            outcome = replay(
                trace,
                nodes,
                policy,
                [*observers, own],
                seed=1,
                tick_seconds=TICK_SECONDS,
                scrape_delay_seconds=SCRAPE_DELAY_SECONDS,
                until=trace.start_seconds + REPLAY_SECONDS,
            )
        finally:
            policy.asked.close()
            if feed is None:
                own.close()
        assert policy.count > max(at), "the replay was over before the faults were"
        return Replayed(outcome, policy.count, policy.asked.unanswered_count, tuple(policy.asked.latencies_seconds))

    def feed(self) -> StackFeed:
        return StackFeed(self.stack.features_address, self.stack.extender_url)

    def note(self, fault: str, **figures: Any) -> None:
        """Keeps figures for the table."""
        self.measured.append({"fault": fault, **figures})


@dataclass
class FaultyPolicy:
    """The stack as a policy, with something done before stated decisions."""

    asked: ExtenderPolicy
    at: Mapping[int, Callable[[], None]]
    name: str = "hydatis"
    count: int = 0

    def filter_and_score(self, pod: Pod, node_names: Sequence[str], time_seconds: float) -> Ranking | None:
        self.count += 1
        if self.count in self.at:
            self.at[self.count]()
        return self.asked.filter_and_score(pod, node_names, time_seconds)


@dataclass(frozen=True)
class Replayed:
    """How a replay went."""

    outcome: Outcome
    decisions_count: int
    unanswered_count: int
    latencies_seconds: tuple[float, ...] = field(repr=False)

    @property
    def undecided(self) -> tuple[str, ...]:
        """Pods that arrived and were never placed."""
        return self.outcome.pending_uids


def total(samples: Samples, name: str, **labels: str) -> float:
    """Sum of a metric's samples with these labels."""
    return sum(value for (sample, found), value in samples.items() if sample == name and labels.items() <= dict(found).items())


def rungs(samples: Samples) -> Counter[tuple[str, str]]:
    """Decisions by rung and reason."""
    found: Counter[tuple[str, str]] = Counter()
    for (sample, labels), value in samples.items():
        if sample == "hydatis_decisions_total" and value:
            found[dict(labels)["rung"], dict(labels)["reason"]] += int(value)
    return found


def only(found: Counter[tuple[str, str]], allowed: Collection[tuple[str, str]] = ()) -> bool:
    """Whether decisions were on the full rung or on those allowed, but for those that a busy machine made late: half at most."""
    late = sum(found[row] for row in LATE if row not in allowed)
    others = [row for row in found if row not in allowed and row not in LATE and row != FULL]
    return not others and late <= 0.5 * found.total()


@pytest.fixture(scope="session")
def workload() -> Workload:
    """Some 130 pods in an hour and a quarter."""
    return evaluation_workload("synthetic", None, seed=3, pod_count=650, days=1)


@pytest.fixture
def faults(stack: Stack, workload: Workload, request: pytest.FixtureRequest) -> Faults:
    """The shared stack, to be broken."""
    return Faults(stack, workload, request.config.stash[MEASURED])


@pytest.fixture(scope="session")
def chaos() -> SimpleNamespace:
    """Functions and limits that the tests share."""
    return SimpleNamespace(
        until=until,
        total=total,
        rungs=rungs,
        only=only,
        differences=differences,
        broken_tick_seconds=BROKEN_TICK_SECONDS,
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASURED] = []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints what was measured."""
    for row in config.stash.get(MEASURED, []):
        terminalreporter.write_line("  ".join(f"{key}={value}" for key, value in row.items()))


@pytest.fixture(scope="session", autouse=True)
def _written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    path = Path(tmp_path_factory.getbasetemp()) / "faults.json"
    path.write_text(json.dumps(request.config.stash[MEASURED], indent=1))
