"""The predictors as peers: each in two forms, with the knobs that tuning may turn."""

from __future__ import annotations

from collections.abc import Callable

from hydatis_simulator.arena.contender import Contender
from hydatis_simulator.peers.correlated_gaussian_sum import CorrelatedGaussianSum
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


#: Best fit fills nodes up to theta, however many there are: theta is what trades nodes for violations, so it is tuned most.
_LOW_THETAS, _THETAS = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0), (0.6, 0.7, 0.8, 0.9, 1.0, 1.25)
_HOURS = (2.0, _BORG, (2.0, 12.0), (2.0, 6.0, 12.0))
_SIGMAS = (5.0, _BORG, (5.0,), (2.0, 3.0, 5.0, 8.0))
_Z = (0.0, 0.5, 1.0, 1.64, 2.33, 3.09, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0)
_PERCENTS = (50.0, 75.0, 85.0, 90.0, 93.0, 95.0, 97.0, 98.0, 99.0, 99.5, 99.9, 100.0)

PREDICTION_SPECS = (
    *_both(NSigma, "mean + N deviations of the node's last hours", _LOW_THETAS, {"sigmas": _SIGMAS, "history_hours": _HOURS}),
    *_both(
        RcLike,
        "sum of pods' percentiles of the last hours",
        _LOW_THETAS,
        {"percent": (99.0, _BORG, (99.0,), (90.0, 95.0, 99.0, 100.0)), "history_hours": _HOURS},
    ),
    *_both(MaxPredictor, "the larger of N-sigma and RC-like", _LOW_THETAS, {"sigmas": _SIGMAS, "history_hours": _HOURS}),
    *_both(
        GaussianSum,
        "mean + z deviations of independent pods, a week",
        _THETAS,
        {"z": (2.33, "99 %, Janus and Rzadca 2017", (2.33, 4.0), _Z)},
    ),
    *_both(
        CorrelatedGaussianSum,
        "mean + z deviations with covariances by hour, a week",
        _THETAS,
        {"z": (2.33, "99 %, Janus and Rzadca 2017", (2.33, 4.0), _Z)},
    ),
    *_both(WeekPercentile, "sum of pods' percentiles of a week", _THETAS, {"percent": (99.0, _OWN, (95.0, 99.0), _PERCENTS)}),
    *_both(
        HourProfile,
        "mean + k deviations by hour, highest hour",
        _THETAS,
        {"deviations": (2.0, _OWN, (2.0,), (0.5, 1.0, 2.0, 3.0, 4.0, 6.0)), "slots": (24, _OWN, (24, 168), (24, 168))},
    ),
)
