"""A cluster for the tests: a control plane of their own or, with KUBECONFIG, any real one; and a scheduler for each test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from control_plane.api import Api
from control_plane.binaries import Binaries
from control_plane.fleet import Fleet
from control_plane.kubelets import Kubelets
from control_plane.plane import ControlPlane
from control_plane.scheduler import DEFAULT_NAME, DROP_IN, OUR_NAME, SECOND, Scheduler, StartScheduler, shipped
from control_plane.told_stack import ToldStack
from hydatis_cli.stack import Stack


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane | None]:
    """The tests' own control plane; None where KUBECONFIG names another cluster."""
    if os.environ.get("KUBECONFIG"):
        yield None
        return
    running = ControlPlane(tmp_path_factory.mktemp("plane"), Binaries.chosen())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def own_plane(plane: ControlPlane | None) -> ControlPlane:
    """The tests' own control plane, for tests that would disturb another cluster."""
    if plane is None:
        pytest.skip("the cluster of KUBECONFIG has its own default scheduler and its own administrators")
    return plane


@pytest.fixture(scope="session")
def kubeconfig_of(plane: ControlPlane | None) -> Callable[[str], Path]:
    """Kubeconfig of a party of the control plane; on another cluster everybody is who KUBECONFIG says."""
    return plane.kubeconfig if plane is not None else lambda party: Path(os.environ["KUBECONFIG"])


@pytest.fixture(scope="session")
def api(kubeconfig_of: Callable[[str], Path]) -> Iterator[Api]:
    """A client of an administrator."""
    client = Api(kubeconfig_of("admin"))
    yield client
    client.close()


@pytest.fixture(scope="session")
def kubelets(kubeconfig_of: Callable[[str], Path]) -> Iterator[Kubelets]:
    """What stands for the kubelets of the tests' nodes."""
    running = Kubelets(kubeconfig_of("admin"))
    yield running
    running.stop()


@pytest.fixture
def fleet(api: Api, kubelets: Kubelets) -> Iterator[Fleet]:
    """Nodes and pods of one test."""
    made = Fleet(api, f"test-{uuid.uuid4().hex[:8]}")
    yield made
    made.remove()


@pytest.fixture
def start_scheduler(kubeconfig_of: Callable[[str], Path], tmp_path: Path) -> Iterator[StartScheduler]:
    """Starts kube-scheduler with a configuration; it ends with the test."""
    started: list[Scheduler] = []

    def start(configuration: dict[str, Any], **options: Any) -> Scheduler:
        binary, folder = Binaries.chosen().path("kube-scheduler"), tmp_path / f"scheduler-{len(started)}"
        started.append(Scheduler(binary, kubeconfig_of("kube-scheduler"), configuration, folder, **options))
        return started[-1]

    yield start
    for scheduler in started:
        scheduler.stop()


@pytest.fixture
def told(stack: Stack, api: Api) -> Iterator[Callable[[Fleet], ToldStack]]:
    """Makes the stack know a fleet."""
    made: list[ToldStack] = []

    def tell(fleet: Fleet) -> ToldStack:
        made.append(ToldStack(stack, api, fleet.nodes()))
        return made[-1]

    yield tell
    for one in made:
        one.close()


@pytest.fixture(params=["drop-in", "second"])
def our_scheduler(request: pytest.FixtureRequest, stack: Stack, plane: ControlPlane | None, start_scheduler: StartScheduler) -> str:
    """The name of a scheduler that asks the stack, by each of the two ways that are shipped."""
    if request.param == "second":
        start_scheduler(shipped(SECOND, stack.extender_url, patient=True))
        return OUR_NAME
    if plane is None:
        pytest.skip("another cluster's default scheduler is its own")
    start_scheduler(shipped(DROP_IN, stack.extender_url, patient=True))
    return DEFAULT_NAME
