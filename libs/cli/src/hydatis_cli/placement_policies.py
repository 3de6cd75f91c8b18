"""Who takes part in the placement benchmark: ours, and all rivals; and what frozen models add to ours where they are served."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_placement.q_function import QFunction
from hydatis_simulator.arena_policy.greedy import HydatisGreedy
from hydatis_simulator.benchmark.placement.policies import OURS, RIVALS
from hydatis_simulator.peers.spec import PeerSpec

__all__ = ["CATALOGUE", "chosen_policies", "frozen_policy"]

#: All policies by name.
CATALOGUE: dict[str, PeerSpec] = {
    "hydatis-greedy": PeerSpec("hydatis-greedy", "the bound of HYDATIS on overload, nothing learned", OURS, HydatisGreedy)
} | RIVALS


def chosen_policies(wanted: str | None, fallback: Sequence[str]) -> list[PeerSpec]:
    """Policies by names separated by commas; without any those of the fallback.

    Raises:
        InvalidValue: there is no policy of a name.
    """
    names = list(dict.fromkeys(name.strip() for name in wanted.split(","))) if wanted else list(fallback)
    for name in names:
        if name not in CATALOGUE:
            raise InvalidValue(f"there is no policy {name!r}", field="--policies", expected=f"some of {', '.join(CATALOGUE)}")
    return [CATALOGUE[name] for name in names]


def frozen_policy(models: Path) -> dict[str, Any]:
    """The placement-policy of a folder of models: its ``version``, and ``corrects``: whether it adds anything to the greedy value.

    The arena plays greedy alone, so figures of ours are those of the served policy only where it corrects nothing.

    Raises:
        InvalidValue: the folder holds no placement-policy, or one that is no Q function.
    """
    try:
        artifact = ArtifactFolder(models).load("placement-policy")
        function = QFunction.from_files(artifact.files, input_count=len(artifact.manifest.columns))
    except ArtifactRefused as refused:
        expected = "a folder that `hydatis train` filled"
        raise InvalidValue(f"{models.name}: {refused}", field="--models", expected=expected) from None
    return {"version": artifact.manifest.version, "corrects": bool(function.weights[-1].any() or function.biases[-1].any())}
