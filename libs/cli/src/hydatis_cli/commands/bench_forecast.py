"""`hydatis bench forecast`: the served forecaster beside simple rivals, on machines and days it has not seen."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_forecasting.targets import RESOURCES
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_pipelines.whole_files import write_whole
from hydatis_simulator.benchmark.forecast.sets import SETS, sets_in

from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.forecast_report import forecast_page, forecast_tables
from hydatis_cli.options import SeedOption
from hydatis_cli.stored_figures import storable, store_figures

if TYPE_CHECKING:
    from hydatis_forecasting.model import QuantileForecaster
    from hydatis_simulator.benchmark.forecast.run import ForecastRun

__all__ = ["forecast"]


def forecast(
    data: Annotated[
        Path,
        typer.Option("--data", envvar="HYDATIS_DATA", help=f"Folder of data sets: {', '.join(SETS)}; missing ones are skipped."),
    ],
    json_: Annotated[Path, typer.Option("--json", help="Store the figures in this JSON file.")],
    models: Annotated[
        Path | None, typer.Option("--models", help="Folder of frozen models; without it they are trained on the learning part.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a self-contained HTML page.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A small slice of everything.")] = False,
    seed: SeedOption = 1,
) -> None:
    """Measure forecasts of CPU and memory 5, 15 and 60 minutes ahead, beside persistence, averages, seasons and regressions.

    Machines and days are kept apart: what is judged on, no model was trained on.
    Example: hydatis bench forecast --data data --json forecast.json --quick
    """
    # Only here: it brings xgboost, which no other command should wait for.
    from hydatis_simulator.benchmark.forecast.run import FULL, QUICK, run_forecast

    present = sets_in(data)
    for name in SETS:
        if name not in present:
            err.print(f"{name}: skipped, there is no folder {name} in {data.name}")
    frozen = None if models is None else _frozen(models)
    with progress_bar("forecast") as progress:
        run, _ = run_forecast(data, present, frozen, QUICK if quick else FULL, seed, progress)
    for note in run.notes:
        err.print(note)
    figures = storable(_figures(run, present, models is not None, quick, seed))
    store_figures(json_, figures)
    if report is not None:
        write_whole(report, forecast_page(figures).encode())
    for table in forecast_tables(figures):
        out.print(table)


def _figures(run: ForecastRun, present: list[str], frozen: bool, quick: bool, seed: int) -> dict[str, Any]:
    from hydatis_simulator.benchmark.forecast.run import JUDGED_EVERY

    options = (" --models MODELS" if frozen else "") + (" --quick" if quick else "")
    return {
        "command": f"hydatis bench forecast --data DATA{options} --seed {seed}",
        "data": present,
        "seed": seed,
        "quick": quick,
        "models": "frozen" if frozen else "trained on the learning part",
        "judged_every_steps": JUDGED_EVERY,
        "versions": {name: version(name) for name in ("hydatis-forecasting", "hydatis-simulator", "numpy", "xgboost-cpu")},
        "notes": run.notes,
        "sets": run.sets,
        "drift": run.drift,
    }


def _frozen(models: Path) -> dict[str, QuantileForecaster]:
    from hydatis_forecasting.model import QuantileForecaster

    folder = ArtifactFolder(models)
    try:
        return {
            resource: QuantileForecaster.from_files(dict(folder.load(f"{resource}-forecaster").files)) for resource in RESOURCES
        }
    except ArtifactRefused as refused:
        raise InvalidValue(f"{models.name}: {refused}", field="--models", expected="a folder that `hydatis train` filled") from None
