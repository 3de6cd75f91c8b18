"""How policies place the judged days: the share of nodes over a limit of CPU or memory, tick by tick.

All of them see the same forecast, so that the difference is the policy's own. The rival that costs nothing is greedy: the same
forecast without learning.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.nodes import Node
from hydatis_placement.q_function import QFunction
from hydatis_simulator.learned_policy import Forecaster, InProcessPolicy, greedy_policy, learned_policy
from hydatis_simulator.limits import CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO
from hydatis_simulator.outcomes import Outcome
from hydatis_simulator.replay import replay
from hydatis_simulator.trace import Trace
from numpy.typing import NDArray

from hydatis_pipelines.dataset_step import SCRAPE_DELAY_SECONDS, TICK_SECONDS
from hydatis_pipelines.judging.losses import JudgedLosses, hours_of
from hydatis_pipelines.progress import Progress, untold

__all__ = ["over_limits", "policy_losses"]


def policy_losses(
    judged: Trace,
    nodes: Sequence[Node],
    candidate: QFunction,
    champion: QFunction | None,
    forecaster: Forecaster,
    *,
    seed: int,
    progress: Progress = untold,
) -> JudgedLosses:
    """Losses on a window that no policy learned from.

    Args:
        judged: the window.
        nodes: the cluster.
        candidate: what is judged.
        champion: its rival; None: there is none.
        forecaster: the same for all.
        seed: of the scheduler's tie-breaks.
        progress: told after each replay.
    """
    policies = {
        "candidate": learned_policy(candidate, forecaster=forecaster),
        "greedy": greedy_policy(forecaster=forecaster),
    }
    if champion is not None:
        policies["champion"] = learned_policy(champion, forecaster=forecaster)
    outcomes: dict[str, Outcome] = {}
    for done, (name, policy) in enumerate(policies.items(), 1):
        outcomes[name] = _placed(judged, nodes, policy, seed)
        progress(done, len(policies), f"placement-policy: {name}")
    losses = {name: over_limits(outcome).mean(axis=1) for name, outcome in outcomes.items()}
    return JudgedLosses(
        loss="share of nodes above a limit of CPU or memory",
        baseline="greedy on the same forecast",
        hours=hours_of(outcomes["candidate"].tick_times_seconds),
        candidate=losses["candidate"],
        by_baseline=losses["greedy"],
        by_champion=losses.get("champion"),
    )


def over_limits(outcome: Outcome) -> NDArray[np.bool_]:
    """shape (ticks, nodes): above a limit of CPU or memory; a memory that the trace does not know is above none."""
    return (outcome.cpu_load > CPU_LIMIT_RATIO) | (outcome.memory_load > MEMORY_LIMIT_RATIO)


def _placed(judged: Trace, nodes: Sequence[Node], policy: InProcessPolicy, seed: int) -> Outcome:
    return replay(
        judged,
        nodes,
        policy,
        [policy],
        seed=seed,
        tick_seconds=TICK_SECONDS,
        scrape_delay_seconds=SCRAPE_DELAY_SECONDS,
    )
