"""The form of a cluster's past: shapes agree, views are of days, rows are found by workload and by pod."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_assessment.cluster_use import CPU, MEMORY, ContainerRow, cluster_use
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_sizing.recommendation import Amounts, ContainerName

WEB, SIDECAR = (ContainerName("shop", "Deployment/web", name) for name in ("app", "proxy"))
ROWS = [
    ContainerRow(WEB, "web-1", requests=Amounts(1.0, 2.0**30)),
    ContainerRow(WEB, "web-2", running=False),
    ContainerRow(SIDECAR, "web-1"),
]
USE = np.arange(2 * 3 * 576, dtype=np.float32).reshape(2, 3, 576)
NODE = Node("a", Resources(8.0, 2.0**35))


def test_days_are_views_and_what_is_not_said_is_not_known() -> None:
    made = cluster_use(ROWS, USE, nodes=[NODE])
    assert (made.days_count, made.steps_a_day, made.end_seconds - made.start_seconds) == (2, 288, 2 * 86_400)
    assert np.shares_memory(made.day(1), made.use)
    assert made.day(1)[CPU, 0, 0] == 288.0
    assert np.isnan(made.throttled_ratio).all()
    assert (made.node_by_day == -1).all()


def test_rows_are_found_by_container_and_by_pod() -> None:
    made = cluster_use(ROWS, USE)
    assert {name: rows.tolist() for name, rows in made.rows_of.items()} == {WEB: [0, 1], SIDECAR: [2]}
    assert {pod: rows.tolist() for pod, rows in made.pods()} == {("shop", "web-1"): [0, 2], ("shop", "web-2"): [1]}
    assert made.requests[MEMORY, 0] == 2.0**30
    assert np.isnan(made.requests[:, 1:]).all()
    assert made.running.tolist() == [True, False, True]
    assert ROWS[0].kind == "Deployment"


def test_what_does_not_agree_is_refused() -> None:
    with pytest.raises(WrongShape, match="use"):
        cluster_use(ROWS[:2], USE)
    with pytest.raises(WrongShape, match="whole days"):
        cluster_use(ROWS, USE[:, :, :300])
    with pytest.raises(InvalidValue, match="step_seconds"):
        cluster_use(ROWS, USE, step_seconds=7.0)
    with pytest.raises(InvalidValue, match="node_by_day"):
        cluster_use(ROWS, USE, nodes=[NODE], node_by_day=np.ones((3, 2), dtype=np.int32))
    with pytest.raises(Duplicate, match="share a name"):
        cluster_use(ROWS, USE, nodes=[NODE, NODE])
