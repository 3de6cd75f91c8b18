"""`hydatis bench catalogue`: what it costs to register data, and to ask a catalogue that has ten thousand versions."""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.table import Table

from hydatis_cli.console import out, progress_bar
from hydatis_cli.options import SeedOption
from hydatis_cli.stored_figures import storable, store_figures

__all__ = ["catalogue"]

_VERSIONS_COUNT, _BYTES_COUNT = 10_000, 100_000_000
_QUICK_VERSIONS_COUNT, _QUICK_BYTES_COUNT = 300, 2_000_000


def catalogue(
    json_: Annotated[Path, typer.Option("--json", help="Store the figures in this JSON file.")],
    data: Annotated[
        Path | None, typer.Option("--data", envvar="HYDATIS_DATA", help="Folder of real traces to register as one dataset.")
    ] = None,
    seed: SeedOption = 1,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="How often each is done.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="2 MB and 300 versions: a slice, no result.")] = False,
) -> None:
    """Measure registering 100 MB (and a real folder), and queries on 10,000 versions with their lineage.

    Everything is made in a temporary folder. Example: hydatis bench catalogue --data data --json catalogue.json
    """
    from hydatis_cli.catalogue_bench import ManyVersions, registering_seconds, write_samples

    bytes_count, versions_count = (_QUICK_BYTES_COUNT, _QUICK_VERSIONS_COUNT) if quick else (_BYTES_COUNT, _VERSIONS_COUNT)
    registered = {}
    with tempfile.TemporaryDirectory(prefix="hydatis-bench-") as scratch, progress_bar("catalogue") as progress:
        write_samples(Path(scratch) / "synthetic", bytes_count, seed)
        folders = {"synthetic": Path(scratch) / "synthetic"} | ({"real": data} if data else {})
        for name, folder in folders.items():
            registered[name] = registering_seconds(folder, Path(scratch) / f"{name}-homes", repeats, progress)
        many = ManyVersions(Path(scratch) / "many", versions_count)
        many.fill(progress)
        asked = many.asked_ms(repeats * 4)
    options = f" --seed {seed} --repeats {repeats}" + (" --data DATA" if data else "") + (" --quick" if quick else "")
    figures = {
        "command": f"hydatis bench catalogue --json JSON{options}",
        "seeds": [seed],
        "versions": {name: version(name) for name in ("hydatis-lifecycle", "sqlalchemy", "pyarrow")},
        "versions_count": versions_count,
        "registered": registered,
        "asked_ms": asked,
    }
    store_figures(json_, storable(figures))
    table = Table("data", "files", "MB", *(f"{what}, s" for what in registered["synthetic"]["seconds"]), title="median of repeats")
    for name, found in registered.items():
        spent = [f"{median(seconds):.2f}" for seconds in found["seconds"].values()]
        table.add_row(name, str(found["files_count"]), f"{found['bytes_count'] / 1e6:.1f}", *spent)
    out.print(table)
    table = Table("question", "median, ms", "slowest, ms", title=f"{versions_count:,} versions, as many lineage records")
    for what, spent_ms in asked.items():
        table.add_row(what, f"{median(spent_ms):.1f}", f"{max(spent_ms):.1f}")
    out.print(table)
