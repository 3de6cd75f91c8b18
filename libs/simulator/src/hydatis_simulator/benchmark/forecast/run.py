"""One run of the forecast benchmark: read, learn unless models are given, forecast the judged days tick by tick, judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.event_time import DAY_SECONDS
from hydatis_forecasting.dataset import Dataset
from hydatis_forecasting.model import QuantileForecaster
from hydatis_forecasting.targets import RESOURCES
from hydatis_forecasting.training import TrainingParameters, train_and_calibrate

from hydatis_simulator.benchmark.forecast.drift import coverage_after_shift
from hydatis_simulator.benchmark.forecast.judged import figures
from hydatis_simulator.benchmark.forecast.ours import served_forecast
from hydatis_simulator.benchmark.forecast.rivals import RIVALS, Past, rival_forecast
from hydatis_simulator.benchmark.forecast.series import SeriesSet
from hydatis_simulator.benchmark.forecast.sets import Sizes, read_set
from hydatis_simulator.benchmark.forecast.watched import Watched, watch

__all__ = ["FULL", "QUICK", "ForecastRun", "learn", "run_forecast"]

FULL = Sizes(node_draws=4, learning_draws=4, workloads_count=20, learning_days=62.0, judged_days=31.0, rounds=60)
QUICK = Sizes(node_draws=1, learning_draws=2, workloads_count=5, learning_days=6.0, judged_days=1.5, rounds=15)
#: Days before the judged ones in which the windows fill, and then the calibration settles.
_FILL_DAYS, _SETTLE_DAYS = 1.05, 7.0
#: Days before the judged ones that rivals look back on; their offsets and weights come from the last 30 of them.
_RIVAL_DAYS = 40
#: Every so many steps is judged; no divisor of an hour, so that every minute of the clock is.
JUDGED_EVERY = 5
#: Rows to learn from, per set and resource.
_LEARNED_ROWS = 90_000
Progress = Callable[[int, int, str], None]


@dataclass
class ForecastRun:
    """What came out."""

    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By set, then resource, then side ("unseen", "seen"), then method, target and figure; ``series`` and ``rows`` counts."""
    drift: dict[str, Any] = field(default_factory=dict)
    """Coverage around a level shift, by set with nodes."""
    notes: list[str] = field(default_factory=list)
    """What was left out, and why."""


def run_forecast(
    data: Path, names: Sequence[str], models: dict[str, QuantileForecaster] | None, sizes: Sizes, seed: int, progress: Progress
) -> tuple[ForecastRun, dict[str, dict[str, QuantileForecaster]]]:
    """Runs it.

    Args:
        data: folder of data sets.
        names: those to use (``sets.sets_in``).
        models: frozen models by resource; None: each data set trains its own on its learning machines and days, as a cluster would.
        sizes: how much.
        seed: of dealing and training.
        progress: told (steps done, steps, what).

    Returns:
        The figures, and the models that were used, by data set.

    Raises:
        InvalidValue, TraceRefused: a set cannot be read or is too short.
    """
    run = ForecastRun()
    used: dict[str, dict[str, QuantileForecaster]] = {}
    for name in names:
        judged, learned = read_set(name, data, sizes, seed)
        if models is not None:
            used[name] = models
        elif learned:
            used[name] = learn(learned, sizes, seed, run.notes, progress)
        elif used:
            lender, used[name] = next(iter(used.items()))
            run.notes.append(f"{name}: too short to learn from, forecast by the models of {lender}")
        else:
            run.notes.append(f"{name}: too short to learn from, and there are no models to borrow: left out")
            continue
        for series in judged:
            run.sets[series.name] = _judge(series, used[name], sizes, run.notes, progress)
            if series.name.endswith("nodes"):
                unseen = series.take(series.unseen)
                few = unseen.take(np.arange(min(10, len(unseen.names))))
                run.drift[series.name] = coverage_after_shift(few, used[name])
    return run, used


def learn(
    sets: Sequence[SeriesSet], sizes: Sizes, seed: int, notes: list[str], progress: Progress
) -> dict[str, QuantileForecaster]:
    """Trains the forecasters on series and days of learning: what the product's training does, over several sets.

    Raises:
        InvalidValue: no set has rows to learn from.
    """
    watched = [_watch_learning(series.take(~series.unseen), sizes, progress) for series in sets]
    models = {}
    parameters = TrainingParameters(rounds=sizes.rounds, max_depth=5, bin_count=64)
    for resource in RESOURCES:
        parts = [one.dataset(resource) for one in watched if one.series.known(resource)]
        parts = [part for part in parts if len(part.rows) >= 100]
        if not parts:
            notes.append(f"{resource}: no set has 100 rows to learn from, so it is not forecast")
            continue
        models[resource] = train_and_calibrate(_joined(parts), seed=seed, parameters=parameters, progress=progress)
    if not models:
        raise InvalidValue("there is nothing to learn from", field="--data", expected="a day or more before the judged days")
    return models


def _watch_learning(series: SeriesSet, sizes: Sizes, progress: Progress) -> Watched:
    day = round(DAY_SECONDS / series.step_seconds)
    first = max(0, series.test_step - round(sizes.learning_days * day))
    part = series.between(first, series.test_step)
    fill = min(day, part.steps_count // 2)
    stride = max(1, round(len(part.names) * (part.steps_count - fill) / _LEARNED_ROWS))
    keep = np.zeros(part.steps_count, dtype=np.bool_)
    keep[fill::stride] = True
    return watch(part, keep, lambda done, total: progress(done, total, f"{series.name}: watching to learn"))


def _joined(parts: Sequence[Dataset]) -> Dataset:
    """Rows of several sets, by how far into its own set each is: all clocks differ, and all end with the last to learn from."""
    ends = [part.generations.max() for part in parts]
    times = np.concatenate([part.generations - end for part, end in zip(parts, ends, strict=True)]) + max(ends)
    order = np.argsort(times, kind="stable")

    def rows(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])[order]

    return replace(
        parts[0],
        rows=rows("rows"),
        targets=rows("targets"),
        yesterday=rows("yesterday"),
        generations=times[order],
        node_rows=rows("node_rows"),
    )


def _judge(
    series: SeriesSet, models: dict[str, QuantileForecaster], sizes: Sizes, notes: list[str], progress: Progress
) -> dict[str, Any]:
    day = round(DAY_SECONDS / series.step_seconds)
    last = min(series.steps_count, series.test_step + round(sizes.judged_days * day))
    series = series.between(max(0, series.test_step - _RIVAL_DAYS * day), last)
    first = max(0, series.test_step - round((_FILL_DAYS + _SETTLE_DAYS) * day))
    part = series.between(first, last)
    keep = np.ones(part.steps_count, dtype=np.bool_)
    keep[: min(round(_FILL_DAYS * day), part.test_step - 1)] = False
    watched = watch(part, keep, lambda done, total: progress(done, total, f"{series.name}: watching"))
    served = served_forecast(watched, {r: m for r, m in models.items() if part.known(r)})
    judged = np.arange(series.test_step, series.steps_count, JUDGED_EVERY)
    learn_steps = np.zeros(series.steps_count, dtype=np.bool_)
    learn_steps[max(0, series.test_step - 30 * day) : max(series.test_step - 12, 1)] = True
    answer: dict[str, Any] = {}
    for resource, forecasts in served.items():
        past = Past.of(series.of(resource), series.step_seconds, learn_steps, ~series.unseen, judged)
        said = {method: forecast[:, judged - first - watched.steps[0]] for method, forecast in forecasts.items()}
        for number, name in enumerate(RIVALS):
            progress(number, len(RIVALS), f"{series.name}: {resource} {name}")
            said[name] = rival_forecast(name, past)
        # A rival that knows nothing yet (a week ago, in a trace of a day) is left out rather than every row.
        came, used = past.outcomes[:, judged], past.used[:, judged]
        for name in [name for name in RIVALS if np.isnan(said[name][:, :, 1]).mean() > 0.5 + 0.5 * np.isnan(used).mean()]:
            notes.append(f"{series.name}, {resource}: {name} is left out, it knows less than half of the rows")
            del said[name]
        answer[resource] = {"series": len(series.names), "rows": int((~np.isnan(used)).sum())}
        for side, mask in (("unseen", series.unseen), ("seen", ~series.unseen)):
            if mask.any():
                answer[resource][side] = figures(came[mask], used[mask], {name: one[mask] for name, one in said.items()})
    for resource in RESOURCES:
        if resource not in served and series.known(resource):
            notes.append(f"{series.name}: no model of {resource}")
    return answer
