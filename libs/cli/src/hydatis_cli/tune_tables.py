"""Searches as tables for people: what there is to tune, what a search came to, and which parameters won."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydatis_pipelines.search.experiments import EXPERIMENTS
from hydatis_pipelines.search.space import Choice, Parameter, Value
from rich.table import Table

if TYPE_CHECKING:
    from hydatis_pipelines.search.comparison import Gain
    from hydatis_pipelines.search.search_report import SearchReport

__all__ = ["experiment_table", "parameter_table", "search_table"]


def experiment_table() -> Table:
    """The experiments."""
    table = Table("experiment", "what", "algorithm", "trials", "parameters", title="hydatis tune EXPERIMENT")
    for one in EXPERIMENTS.values():
        table.add_row(one.name, one.text, one.algorithm, str(one.trials), ", ".join(map(_space, one.parameters)))
    return table


def search_table(reports: list[SearchReport]) -> Table:
    """A row per search: scores of the defaults and of the best, and the gain with its interval."""
    table = Table(
        "experiment",
        "algorithm",
        "trials",
        "default",
        "best",
        "gain on validation",
        "gain on later windows",
        "front",
        title="business_roi_score: share of the stock scheduler's node-hours, higher is better",
    )
    for one in reports:
        trials = f"{one.count('complete')} + {one.count('pruned')} pruned"
        test = _gain(one.test) if one.test is not None else "the defaults are the best"
        row = (f"{one.default.figures['business_roi_score']:+.4f}", f"{one.best.figures['business_roi_score']:+.4f}")
        table.add_row(one.experiment, one.algorithm, trials, *row, _gain(one.validation), test, str(len(one.front)))
    return table


def parameter_table(reports: list[SearchReport]) -> Table:
    """Best parameters beside the defaults."""
    table = Table("experiment", "parameter", "default", "best", title="best parameters")
    for one in reports:
        for position, (name, value) in enumerate(one.best.parameters.items()):
            default = one.default.parameters[name]
            table.add_row(
                one.experiment if position == 0 else "", name, _shown(default), "=" if value == default else _shown(value)
            )
    return table


def _gain(gain: Gain) -> str:
    return f"{gain.value:+.4f} ({gain.low:+.4f} .. {gain.high:+.4f})"


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _space(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return f"{parameter.name} {{{', '.join(map(str, parameter.values))}}}"
    return f"{parameter.name} {parameter.low:g}..{parameter.high:g}{' log' if parameter.log else ''}"
