"""`hydatis tune`: search the hyper-parameters of models, weights, the detector and the inputs, by what placing with them costs."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from hydatis_core.errors import InvalidValue
from hydatis_pipelines.lifecycle_home import LifecycleHome
from hydatis_pipelines.whole_files import write_whole

from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.options import DEFAULT_STATE, DataOption, JsonOption, SeedOption, StateOption, TraceOption
from hydatis_cli.state_folder import StateFolder
from hydatis_cli.stored_figures import storable, store_figures

if TYPE_CHECKING:
    from hydatis_pipelines.search.experiments import Experiment
    from hydatis_pipelines.search.search_report import SearchReport

__all__ = ["tune"]

ALL = "all"


def tune(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[EXPERIMENT...|all]", help="What to tune; --list names them.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show the experiments and end.")] = False,
    trace: TraceOption = "bitbrains",
    data: DataOption = None,
    size: Annotated[str, typer.Option("--size", help="small: worth searching on; smoke: proves that it runs.")] = "small",
    trials: Annotated[int | None, typer.Option("--trials", min=2, help="Trials of each; default: as --list says.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trials at once, a process each.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with searches that are there.")] = False,
    seed: SeedOption = 1,
    state: StateOption = DEFAULT_STATE,
    parameters: Annotated[Path | None, typer.Option("--parameters", help="Write the best parameters to this file (JSON).")] = None,
    store: Annotated[Path | None, typer.Option("--store", help="Store all trials in this file (JSON).")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a self-contained HTML page with Pareto fronts.")] = None,
    katib: Annotated[
        Path | None, typer.Option("--katib", help="Write the experiments for Katib into this folder and end (YAML).")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Search hyper-parameters; the objective is what a simulated placement saves, less what it violates.

    Searches are kept in the state folder and survive an interruption: the same command with --resume goes on.
    Example: hydatis tune xgboost-cpu reward-weights --trace bitbrains --data ./traces --report tune.html
    """
    from hydatis_pipelines.search.experiments import EXPERIMENTS, experiment_named
    from hydatis_pipelines.search.slice import SIZES

    if list_:
        _show_experiments(json_)
        return
    if not names:
        names = [ALL] if katib is not None else []
    if not names or size not in SIZES:
        raise InvalidValue("nothing to tune" if not names else f"size {size!r}", field="EXPERIMENT, --size", expected=_expected())
    chosen = list(EXPERIMENTS.values()) if ALL in names else [experiment_named(name) for name in dict.fromkeys(names)]
    if katib is not None:
        from hydatis_pipelines.search.katib import write_experiments

        for path in write_experiments(chosen, katib):
            err.print(f"wrote {path}")
        return
    started = perf_counter()
    reports = _run(chosen, trace, data, size, state, seed, trials, jobs, resume)
    figures = storable(_figures(reports, trace, size, seed, jobs, trials, perf_counter() - started))
    if store is not None:
        store_figures(store, figures)
    if parameters is not None:
        best = {one.experiment: dict(one.best.parameters) for one in reports}
        write_whole(parameters, (json.dumps(best, indent=1) + "\n").encode())
    if report is not None:
        from hydatis_cli.tune_report import tune_page

        write_whole(report, tune_page(reports, figures).encode())
    if json_:
        typer.echo(json.dumps(figures))
        return
    from hydatis_cli.tune_tables import parameter_table, search_table

    out.print(search_table(reports))
    out.print(parameter_table(reports))


def _run(
    chosen: list[Experiment],
    trace: str,
    data: Path | None,
    size: str,
    state: Path,
    seed: int,
    trials: int | None,
    jobs: int,
    resume: bool,
) -> list[SearchReport]:
    # Only here: it brings optuna, scikit-learn and xgboost.
    from hydatis_pipelines.search.slice import SIZES, make_slice
    from hydatis_pipelines.search.tune import tune as search

    folder = StateFolder(state)
    folder.create()
    home = LifecycleHome(folder.root / "lifecycle", os.environ)
    reports = []
    with progress_bar("preparing") as progress:
        made = make_slice(trace, data, home.root / "search", sizes=SIZES[size], seed=seed, progress=progress)
    for experiment in chosen:
        with progress_bar("tuning") as progress:
            reports.append(
                search(
                    experiment,
                    made,
                    home.search_url,
                    state=folder.root,
                    seed=seed,
                    trials=trials,
                    jobs=jobs,
                    resume=resume,
                    progress=progress,
                )
            )
    return reports


def _figures(
    reports: list[SearchReport], trace: str, size: str, seed: int, jobs: int, trials: int | None, seconds: float
) -> dict[str, Any]:
    names = " ".join(one.experiment for one in reports)
    count = "" if trials is None else f" --trials {trials}"
    return {
        "command": f"hydatis tune {names} --trace {trace} --data DATA --size {size} --jobs {jobs}{count} --seed {seed}",
        "trace": trace,
        "seed": seed,
        "seconds": seconds,
        "versions": {name: version(name) for name in ("hydatis-pipelines", "hydatis-simulator", "optuna", "cmaes", "scikit-learn")},
        "searches": [one.to_json() for one in reports],
    }


def _show_experiments(json_: bool) -> None:
    from hydatis_pipelines.search.experiments import EXPERIMENTS

    from hydatis_cli.tune_tables import experiment_table

    if json_:
        said = [
            {"name": one.name, "text": one.text, "algorithm": one.algorithm, "trials": one.trials} for one in EXPERIMENTS.values()
        ]
        typer.echo(json.dumps(said))
        return
    out.print(experiment_table())


def _expected() -> str:
    from hydatis_pipelines.search.experiments import EXPERIMENTS
    from hydatis_pipelines.search.slice import SIZES

    return f"{ALL}, or some of {', '.join(EXPERIMENTS)}; size {' or '.join(SIZES)}"
