"""evaluate: each candidate beside its champion and beside what costs nothing, on the same days that none of them learned from.

The record's last fifth is judged on: candidates did not see it. A champion of an earlier run may have, when the days overlap; it
then has an advantage that it would not have on new days, so a candidate that wins has won.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydatis_lifecycle.evaluation.verdict import DEFAULT_MARGIN, ModelVerdict, Verdict, judge

from hydatis_pipelines.champions import MODEL_NAMES, champion_of
from hydatis_pipelines.effort import effort_named
from hydatis_pipelines.progress import Progress, scaled
from hydatis_pipelines.whole_files import digest_of_tree, write_whole

if TYPE_CHECKING:
    from hydatis_simulator.learned_policy import Forecaster

    from hydatis_pipelines.judging.losses import JudgedLosses

__all__ = ["evaluate", "read_verdicts"]

Files = Mapping[str, bytes]
FORMAT = "hydatis-evaluation/1"


def evaluate(
    *,
    dataset: Path,
    workload: Path,
    cpu_model: Path | None,
    memory_model: Path | None,
    anomaly_model: Path | None,
    policy_model: Path | None,
    models_dir: Path,
    seed: int,
    effort: str,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Judges candidates beside the champions and beside what costs nothing."""
    from hydatis_pipelines.trained_model import read_trained

    given = {"cpu_model": cpu_model, "memory_model": memory_model, "anomaly_model": anomaly_model, "policy_model": policy_model}
    candidates = {MODEL_NAMES[key]: path for key, path in given.items() if path is not None}
    verdicts = []
    for done, (name, path) in enumerate(candidates.items()):
        tell = scaled(progress, done, done + 1, len(candidates))
        files = read_trained(path).files
        champion = champion_of(models_dir, name)
        version = "" if champion is None else champion.manifest.version
        if champion is not None and dict(champion.files) == dict(files):
            verdict = _without_judging(name, path, Verdict.SAME, version, f"these are the files of version {version}")
        else:
            losses = _LOSSES[name](
                _Given(dataset, workload, candidates, models_dir, seed, effort, tell),
                files,
                None if champion is None else champion.files,
            )
            verdict = _verdict(name, path, version, losses, seed)
        verdicts.append(verdict)
        tell(1, 1, f"{name}: {verdict.verdict.value}")
    said = {"format": FORMAT, "verdicts": [verdict.to_json() for verdict in verdicts]}
    write_whole(out, (json.dumps(said, indent=1) + "\n").encode())
    return {"out": str(out), "verdicts": {verdict.model: f"{verdict.verdict.value}: {verdict.reason}" for verdict in verdicts}}


def read_verdicts(path: Path) -> tuple[ModelVerdict, ...]:
    """What evaluate wrote.

    Raises:
        ArtifactRefused: the file is none of it.
    """
    from hydatis_core.errors import ArtifactRefused

    try:
        value = json.loads(path.read_text())
        if value["format"] != FORMAT:
            raise ArtifactRefused(f"format {value['format']!r}", field="evaluation", expected=FORMAT)
        return tuple(ModelVerdict.from_json(one) for one in value["verdicts"])
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise ArtifactRefused(f"{path} is no evaluation: {wrong}", field="evaluation", expected="what evaluate wrote") from None


class _Given:
    """What the judges of all families read."""

    def __init__(
        self,
        dataset: Path,
        workload: Path,
        candidates: Mapping[str, Path],
        models_dir: Path,
        seed: int,
        effort: str,
        tell: Progress,
    ) -> None:
        self.dataset, self.workload, self.candidates, self.models_dir = dataset, workload, candidates, models_dir
        self.seed, self.effort, self.tell = seed, effort_named(effort), tell


def _forecaster(given: _Given, candidate: Files, champion: Files | None) -> JudgedLosses | None:
    from hydatis_forecasting.model import QuantileForecaster

    from hydatis_pipelines.judging.forecaster_losses import forecaster_losses
    from hydatis_pipelines.node_record import read_record

    rival = None if champion is None else QuantileForecaster.from_files(dict(champion))
    return forecaster_losses(read_record(given.dataset), QuantileForecaster.from_files(dict(candidate)), rival)


def _detector(given: _Given, candidate: Files, champion: Files | None) -> JudgedLosses | None:
    from hydatis_anomaly.forest import IsolationForestArrays

    from hydatis_pipelines.judging.detector_losses import detector_losses
    from hydatis_pipelines.node_record import read_record

    rival = None if champion is None else IsolationForestArrays.from_files(dict(champion))
    return detector_losses(read_record(given.dataset), IsolationForestArrays.from_files(dict(candidate)), rival, given.seed)


def _policy(given: _Given, candidate: Files, champion: Files | None) -> JudgedLosses | None:
    from hydatis_placement.after_state import COLUMN_DEFINITIONS
    from hydatis_placement.q_function import QFunction

    from hydatis_pipelines.judging.judged_window import judged_window
    from hydatis_pipelines.judging.policy_losses import policy_losses
    from hydatis_pipelines.workload import read_workload

    width = len(COLUMN_DEFINITIONS)
    trace, nodes = read_workload(given.workload)
    return policy_losses(
        judged_window(trace, given.effort),
        nodes,
        QFunction.from_files(candidate, input_count=width),
        None if champion is None else QFunction.from_files(champion, input_count=width),
        forecaster_of(given.candidates, given.models_dir),
        seed=given.seed,
        progress=given.tell,
    )


def forecaster_of(candidates: Mapping[str, Path], models_dir: Path) -> Forecaster:
    """The forecast that policies see: of the candidates, or else of the champions; persistence without either."""
    from hydatis_forecasting.model import QuantileForecaster
    from hydatis_simulator.learned_policy import persistence

    from hydatis_pipelines.policy_step import forecast_with
    from hydatis_pipelines.trained_model import read_trained

    models = []
    for name in ("cpu-forecaster", "memory-forecaster"):
        champion = None if name in candidates else champion_of(models_dir, name)
        if name not in candidates and champion is None:
            return persistence
        files = read_trained(candidates[name]).files if champion is None else champion.files
        models.append(QuantileForecaster.from_files(dict(files)))
    return forecast_with(models[0], models[1])


_LOSSES: dict[str, Callable[[_Given, Files, Files | None], JudgedLosses | None]] = {
    "cpu-forecaster": _forecaster,
    "memory-forecaster": _forecaster,
    "anomaly-detector": _detector,
    "placement-policy": _policy,
}


def _verdict(name: str, path: Path, version: str, losses: JudgedLosses | None, seed: int) -> ModelVerdict:
    import numpy as np
    from hydatis_lifecycle.evaluation.paired_bootstrap import improvement

    if losses is None:
        verdict = Verdict.UNJUDGED if version else Verdict.FIRST
        return _without_judging(name, path, verdict, version, "its resource was never measured: it says what is now, or nothing")
    over_baseline = improvement(losses.candidate, losses.by_baseline, losses.hours, seed=seed)
    over_champion = None
    means = {"candidate": losses.candidate, "baseline": losses.by_baseline}
    if losses.by_champion is not None:
        over_champion = improvement(losses.candidate, losses.by_champion, losses.hours, seed=seed)
        means["champion"] = losses.by_champion
    verdict, reason = judge(over_champion, over_baseline)
    if version and losses.by_champion is None:
        reason += f"; version {version} reads columns that there are no more"
    return ModelVerdict(
        model=name,
        digest=digest_of_tree(path),
        verdict=verdict,
        loss=losses.loss,
        baseline=losses.baseline,
        champion=version,
        losses={who: float(np.nanmean(values)) for who, values in means.items()},
        over_champion=over_champion,
        over_baseline=over_baseline,
        margin=DEFAULT_MARGIN,
        reason=reason,
    )


def _without_judging(name: str, path: Path, verdict: Verdict, version: str, reason: str) -> ModelVerdict:
    return ModelVerdict(name, digest_of_tree(path), verdict, "", "", version, {}, None, None, DEFAULT_MARGIN, reason)
