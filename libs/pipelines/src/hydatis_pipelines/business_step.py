"""business-check: the candidates that were accepted, put in the place of the champions, and a judged window replayed with each.

Nothing was accepted: nothing would change, so nothing is replayed. A detector decides no placement by its score alone, so a set in
which only the detector is new passes as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydatis_pipelines.champions import MODEL_NAMES, champion_of
from hydatis_pipelines.effort import effort_named
from hydatis_pipelines.evaluate_step import forecaster_of, read_verdicts
from hydatis_pipelines.progress import Progress
from hydatis_pipelines.whole_files import digest_of, write_whole

if TYPE_CHECKING:
    from hydatis_simulator.policy import Policy

__all__ = ["PLACING", "business_check"]

#: Models that placements depend on.
PLACING = ("cpu-forecaster", "memory-forecaster", "placement-policy")


def business_check(
    *,
    evaluation: Path,
    workload: Path,
    cpu_model: Path | None,
    memory_model: Path | None,
    anomaly_model: Path | None,
    policy_model: Path | None,
    models_dir: Path,
    accept: str,
    seed: int,
    effort: str,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Holds the accepted candidates against the champions and the stock scheduler by what placing costs."""
    given = {"cpu_model": cpu_model, "memory_model": memory_model, "anomaly_model": anomaly_model, "policy_model": policy_model}
    paths = {MODEL_NAMES[key]: path for key, path in given.items() if path is not None}
    accepted = {one.model: paths[one.model] for one in read_verdicts(evaluation) if one.accepted(accept) and one.model in paths}
    if not set(accepted) & set(PLACING):
        said: dict[str, Any] = {
            "passed": True,
            "reason": "no candidate that places was accepted: placements stay as they are",
            "scores": {},
            "outcomes": {},
        }
    else:
        said = _replayed(accepted, workload, models_dir, seed, effort, progress)
    said["candidates"] = sorted(accepted)
    said["evaluation"] = digest_of(evaluation)  # two checks that come to the same of other models are two things
    write_whole(out, (json.dumps(said, indent=1) + "\n").encode())
    return {"out": str(out), **said}


def _replayed(
    accepted: Mapping[str, Path], workload: Path, models_dir: Path, seed: int, effort: str, progress: Progress
) -> dict[str, Any]:
    from hydatis_core.event_time import HOUR_SECONDS
    from hydatis_lifecycle.business_objective import Outcome
    from hydatis_lifecycle.evaluation.business_check import check
    from hydatis_simulator.learned_policy import InProcessPolicy
    from hydatis_simulator.policy import StockPolicy

    from hydatis_pipelines.judging.judged_window import judged_window
    from hydatis_pipelines.search.simulated_placement import Window, placed
    from hydatis_pipelines.workload import read_workload

    trace, nodes = read_workload(workload)
    judged = judged_window(trace, effort_named(effort))
    filled = judged.start_seconds + min(HOUR_SECONDS, (judged.end_seconds - judged.start_seconds) / 4)
    policies: dict[str, Policy] = {"stock": StockPolicy(), "candidate": _policy(accepted, models_dir)}
    if any(champion_of(models_dir, name) is not None for name in PLACING):
        policies["champion"] = _policy({}, models_dir)
    outcomes: dict[str, Outcome] = {}
    for done, (name, policy) in enumerate(policies.items(), 1):
        observers = [policy] if isinstance(policy, InProcessPolicy) else []
        outcomes[name] = placed(Window(judged, filled), nodes, policy, observers, seed=seed)
        progress(done, len(policies), f"placing with {name}")
    return check(outcomes["candidate"], outcomes.get("champion"), outcomes["stock"]).to_json()


def _policy(accepted: Mapping[str, Path], models_dir: Path) -> Policy:
    from hydatis_placement.after_state import COLUMN_DEFINITIONS
    from hydatis_placement.q_function import QFunction
    from hydatis_simulator.learned_policy import greedy_policy, learned_policy

    from hydatis_pipelines.search.simulated_placement import OBJECTIVE_WEIGHT
    from hydatis_pipelines.trained_model import read_trained

    forecaster = forecaster_of(accepted, models_dir)
    name = "placement-policy"
    champion = None if name in accepted else champion_of(models_dir, name)
    if name not in accepted and champion is None:
        return greedy_policy(forecaster=forecaster, objective_weight=OBJECTIVE_WEIGHT)
    files = read_trained(accepted[name]).files if champion is None else champion.files
    function = QFunction.from_files(files, input_count=len(COLUMN_DEFINITIONS))
    return learned_policy(function, forecaster=forecaster, objective_weight=OBJECTIVE_WEIGHT)
