"""Who takes part in the placement benchmark: ours, made from a folder of models, and all rivals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_simulator.arena.contender import Contender
from hydatis_simulator.arena_policy.greedy import HydatisGreedy
from hydatis_simulator.arena_policy.learned import HydatisLearned, correction_of
from hydatis_simulator.benchmark.placement.policies import OURS, RIVALS
from hydatis_simulator.peers.spec import PeerSpec

__all__ = ["catalogue", "chosen_policies"]


def catalogue(models: Path | None) -> dict[str, PeerSpec]:
    """All policies by name.

    Args:
        models: folder of frozen models; None: ours take part as far as they need none. Without a correction among the files,
            as when none was better than greedy on validation, ``hydatis`` is greedy.

    Raises:
        InvalidValue: the folder holds no placement policy, or one whose correction takes other inputs than these.
    """
    ours = [PeerSpec("hydatis-greedy", "the forecast of HYDATIS, greedy, nothing learned", OURS, HydatisGreedy)]
    if models is not None:
        try:
            correction = correction_of(ArtifactFolder(models).load("placement-policy").files)
        except ArtifactRefused as refused:
            expected = "a folder that `hydatis train` filled"
            raise InvalidValue(f"{models.name}: {refused}", field="--models", expected=expected) from None
        greedy = partial(HydatisGreedy, name="hydatis")
        make: Callable[..., Contender] = greedy if correction is None else partial(HydatisLearned, correction)
        text = "the same: these models hold no correction" if correction is None else "the same and what was learned"
        ours.insert(0, PeerSpec("hydatis", text, OURS, make))
    return {spec.name: spec for spec in ours} | RIVALS


def chosen_policies(wanted: str | None, fallback: Sequence[str], models: Path | None) -> list[PeerSpec]:
    """Policies by names separated by commas; without any those of the fallback.

    Raises:
        InvalidValue: there is no policy of a name.
    """
    every = catalogue(models)
    names = list(dict.fromkeys(name.strip() for name in wanted.split(","))) if wanted else list(fallback)
    for name in names:
        if name not in every:
            raise InvalidValue(f"there is no policy {name!r}", field="--policies", expected=f"some of {', '.join(every)}")
    return [every[name] for name in names]
