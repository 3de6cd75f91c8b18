"""register: what was judged good enough gets a version and a signature, and servers find it.

Nothing else does: a candidate that is not better stays in the folder of its run, with its verdict. All or nothing at the business
check: the candidates were replayed together, so they are published together or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydatis_lifecycle.evaluation.verdict import ModelVerdict
from hydatis_lifecycle.lineage.record import EntityKind

from hydatis_pipelines.champions import MODEL_NAMES
from hydatis_pipelines.evaluate_step import read_verdicts
from hydatis_pipelines.progress import Progress
from hydatis_pipelines.run_folder import home_of, models_of
from hydatis_pipelines.whole_files import digest_of, digest_of_tree, write_whole

if TYPE_CHECKING:
    from hydatis_pipelines.trained_model import TrainedModel

__all__ = ["register"]


def register(
    *,
    evaluation: Path,
    business: Path,
    cpu_model: Path | None,
    memory_model: Path | None,
    anomaly_model: Path | None,
    policy_model: Path | None,
    state: Path,
    accept: str,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Signs and publishes the candidates that were accepted, and says why the others were not."""
    from hydatis_lifecycle.adapters.signers import signer_of
    from hydatis_lifecycle.adapters.sigstore_signer import SigstoreIdentity
    from hydatis_lifecycle.manifest import MANIFEST_FILE

    from hydatis_pipelines.publish_step import publish
    from hydatis_pipelines.trained_model import read_trained

    given = {"cpu_model": cpu_model, "memory_model": memory_model, "anomaly_model": anomaly_model, "policy_model": policy_model}
    paths = {MODEL_NAMES[key]: path for key, path in given.items() if path is not None}
    verdicts = {verdict.model: verdict for verdict in read_verdicts(evaluation)}
    checked = json.loads(business.read_text())
    decisions = {name: _decision(verdicts.get(name), paths[name], checked, accept) for name in paths}
    signer = signer_of(home_of(state).signing_key, SigstoreIdentity.of(os.environ))
    registered: list[dict[str, Any]] = []
    for name in [name for name, refusal in decisions.items() if not refusal]:
        model = _with_verdict(read_trained(paths[name]), verdicts[name], checked["scores"])
        published = publish(model, models_of(state), signer)
        registered.append(
            {
                "name": name,
                "version": published.manifest.version,
                "path": str(published.path),
                "digest": digest_of(published.path / MANIFEST_FILE),
                "signer": signer.identity,
            }
        )
        progress(len(registered), len(decisions), f"{name} {published.manifest.version}")
    said = {"registered": registered, "not_registered": {name: refusal for name, refusal in decisions.items() if refusal}}
    write_whole(out, (json.dumps(said, indent=1) + "\n").encode())
    return {"out": str(out), **said, "entities": _entities(registered)}


def _decision(verdict: ModelVerdict | None, path: Path, checked: Mapping[str, Any], accept: str) -> str:
    """Why a candidate is not registered; empty: it is."""
    if verdict is None:
        return "it was not evaluated"
    if verdict.digest != digest_of_tree(path):
        return "it is not the model that was evaluated"
    if not verdict.accepted(accept):
        return f"{verdict.verdict.value}: {verdict.reason}"
    return "" if checked["passed"] else f"business check: {checked['reason']}"


def _with_verdict(model: TrainedModel, verdict: ModelVerdict, scores: Mapping[str, float]) -> TrainedModel:
    """The model with what it was judged by among its figures, where its card is made from."""
    from hydatis_pipelines.trained_model import known_figures

    names = {"candidate": "business_roi_score", "champion": "business_roi_score_of_champion"}
    figures = {names[who]: score for who, score in scores.items()}
    for rival, found in (("champion", verdict.over_champion), ("baseline", verdict.over_baseline)):
        if found is not None:
            saved = f"loss_saved_over_{rival}_ratio"
            figures |= {saved: found.ratio, f"{saved}_low": found.low, f"{saved}_high": found.high}
    figures |= {f"loss_{who}": loss for who, loss in verdict.losses.items()}
    return replace(model, metrics={**model.metrics, **known_figures(figures)})


def _entities(registered: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    kind = EntityKind.ARTIFACT.value
    return [{"kind": kind, "name": one["name"], "digest": one["digest"], "version": one["version"]} for one in registered]
