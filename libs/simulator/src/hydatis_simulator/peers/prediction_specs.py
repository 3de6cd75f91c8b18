"""The predictors as peers: each in two forms, with the knobs that tuning may turn."""

from __future__ import annotations

from collections.abc import Callable

from hydatis_simulator.arena.contender import Contender
from hydatis_simulator.peers.gaussian_sum import GaussianSum
from hydatis_simulator.peers.hour_profile import HourProfile
from hydatis_simulator.peers.max_predictor import MaxPredictor
from hydatis_simulator.peers.n_sigma import NSigma
from hydatis_simulator.peers.percentile_sum import RcLike, WeekPercentile
from hydatis_simulator.peers.predictor import AdmissionBestFit, LowestPredicted, Predictor
from hydatis_simulator.peers.spec import Knob, PeerSpec

__all__ = ["PREDICTION_SPECS"]

_BORG = "cluster-resource-forecast simulator, Bashir et al. 2021"
_OWN = "none published"
_THETA = "predicted load within capacity, Bashir et al. 2021"

Values = tuple[float, ...]


def _best_fit(predictor: Callable[..., Predictor]) -> Callable[..., Contender]:
    def make(theta: float = 1.0, **knobs: float) -> Contender:
        return AdmissionBestFit(predictor(**knobs), theta)

    return make


def _lowest(predictor: Callable[..., Predictor]) -> Callable[..., Contender]:
    def make(**knobs: float) -> Contender:
        return LowestPredicted(predictor(**knobs))

    return make


def _both(
    predictor: type[Predictor], text: str, thetas: Values, knobs: dict[str, tuple[float, str, Values, Values]]
) -> tuple[PeerSpec, PeerSpec]:
    """Both forms. A knob: default, source, values with best fit (beside theta's), values with the lowest load."""
    best_fit = tuple(Knob(name, default, values, source) for name, (default, source, values, _) in knobs.items())
    lowest = tuple(Knob(name, default, values, source) for name, (default, source, _, values) in knobs.items())
    theta = Knob("theta", 1.0, thetas, _THETA)
    admitted = f"{text}: admission within theta, then the fullest node"
    return (
        PeerSpec(f"{predictor.name}-best-fit", admitted, "prediction", _best_fit(predictor), (theta, *best_fit)),
        PeerSpec(f"{predictor.name}-lowest", f"{text}: the lowest node", "prediction", _lowest(predictor), lowest),
    )


PREDICTION_SPECS = (
    *_both(
        NSigma,
        "mean + N deviations of the node's last hours",
        (0.8, 0.9, 1.0),
        {"sigmas": (5.0, _BORG, (3.0, 5.0), (2.0, 3.0, 5.0, 8.0)), "history_hours": (2.0, _BORG, (2.0, 12.0), (2.0, 6.0, 12.0))},
    ),
    *_both(
        RcLike,
        "sum of pods' percentiles of the last hours",
        (0.8, 0.9, 1.0),
        {
            "percent": (99.0, _BORG, (95.0, 99.0), (90.0, 95.0, 99.0)),
            "history_hours": (2.0, _BORG, (2.0, 12.0), (2.0, 6.0, 12.0, 24.0)),
        },
    ),
    *_both(
        MaxPredictor,
        "the larger of N-sigma and RC-like",
        (0.8, 0.9, 1.0),
        {"sigmas": (5.0, _BORG, (3.0, 5.0), (2.0, 3.0, 5.0, 8.0)), "history_hours": (2.0, _BORG, (2.0, 12.0), (2.0, 6.0, 12.0))},
    ),
    *_both(
        GaussianSum,
        "mean + z deviations of independent pods, a week",
        (0.8, 0.9, 1.0),
        {
            "z": (
                2.33,
                "99 %, Janus and Rzadca 2017",
                (1.28, 2.33, 3.09, 4.0),
                (0.0, 0.5, 1.0, 1.64, 2.33, 3.09, 4.0, 5.0, 6.0, 8.0, 12.0),
            )
        },
    ),
    *_both(
        WeekPercentile,
        "sum of pods' percentiles of a week",
        (0.9, 1.0, 1.25, 1.5),
        {"percent": (99.0, _OWN, (95.0, 99.0, 100.0), (50.0, 75.0, 85.0, 90.0, 93.0, 95.0, 97.0, 98.0, 99.0, 99.5, 99.9, 100.0))},
    ),
    *_both(
        HourProfile,
        "mean + k deviations by hour, highest hour",
        (0.8, 0.9, 1.0),
        {"deviations": (2.0, _OWN, (1.0, 2.0), (0.5, 1.0, 2.0, 3.0, 4.0, 6.0)), "slots": (24, _OWN, (24, 168), (24, 168))},
    ),
)
