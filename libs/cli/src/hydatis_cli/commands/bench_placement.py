"""`hydatis bench placement`: how many nodes every policy needs, and what it does when things go against it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import hydatis_features
import hydatis_placement
import hydatis_simulator
import hydatis_sizing
import typer
from hydatis_core.errors import InvalidValue
from hydatis_pipelines.whole_files import write_whole
from hydatis_simulator.benchmark.placement.cells import TUNING
from hydatis_simulator.benchmark.placement.levers import PEERS_OF_LEVERS, lever_plan, lever_summary, levers_of
from hydatis_simulator.benchmark.placement.months import ARRIVAL_DAYS, HISTORY_DAYS, MACHINES, TRACE, Months, read_months
from hydatis_simulator.benchmark.placement.plan import freeze, test_plan, tuning_plan
from hydatis_simulator.benchmark.placement.protocol import EXPERIMENTS, QUICK_POLICIES, Protocol, quick
from hydatis_simulator.benchmark.placement.summary import summary
from hydatis_simulator.peers.spec import PeerSpec

from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.placement_fragmentation import FRAGMENTATION, fragmentation_figures
from hydatis_cli.placement_policies import CATALOGUE, chosen_policies, frozen_policy
from hydatis_cli.placement_pool import Setup, run_tasks
from hydatis_cli.placement_report import placement_page
from hydatis_cli.placement_tables import placement_tables
from hydatis_cli.stored_figures import storable, store_figures

__all__ = ["placement"]

_EXPERIMENTS = {**EXPERIMENTS, **FRAGMENTATION}


def placement(
    data: Annotated[Path, typer.Option("--data", envvar="HYDATIS_DATA", help="Folder of data sets: bitbrains; for E7 openb too.")],
    json_: Annotated[Path, typer.Option("--json", help="Store the figures in this JSON file.")],
    models: Annotated[
        Path | None, typer.Option("--models", help="Folder of frozen models: say whether their policy corrects the greedy one.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a self-contained HTML page.")] = None,
    experiments: Annotated[
        str | None, typer.Option("--experiments", help=f"Some of {','.join(_EXPERIMENTS)}; without it all.")
    ] = None,
    policies: Annotated[str | None, typer.Option("--policies", help="Names separated by commas; without it all.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Fleets of every experiment.")] = 10,
    pods: Annotated[int | None, typer.Option("--pods", min=20, help="Pods of a fleet, in place of the protocol's.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = 2,
    quick_: Annotated[bool, typer.Option("--quick", help="A small slice: few policies, few pods, two seeds.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", help="Keep finished cells here and go on from them; without it beside the JSON file until it is written."
        ),
    ] = None,
) -> None:
    """Measure placement policies: nodes needed at equal violation, fixed hardware, burst, broken metrics, cold start, drift.

    Knobs are tuned on the month before the judged one and on other machines. A run that was killed goes on where it was.
    Example: hydatis bench placement --data data --json placement.json --quick
    """
    wanted = _experiments(experiments)
    everyone = [name for name in CATALOGUE if not quick_ or name in QUICK_POLICIES or name.startswith("hydatis")]
    specs = chosen_policies(policies, PEERS_OF_LEVERS if wanted == ["E8"] else everyone)
    frozen = frozen_policy(models) if models is not None else None
    protocol = replace(Protocol(), seeds_count=seeds)
    protocol = quick(protocol) if quick_ else protocol
    if pods is not None:
        bursts = tuple(count for count in protocol.burst_pods_counts if count < pods) or (pods // 4,)
        protocol = replace(protocol, pods_count=pods, tuning_pods_count=pods, burst_pods_counts=bursts)
    months = read_months(data)
    work = resume or json_.with_name(json_.name + ".work")
    with progress_bar("placement") as progress:
        setup = Setup(months.traces, protocol, work / _digest(months, protocol) / "cells.jsonl")
        tuning = run_tasks(setup, tuning_plan(protocol, specs) if TUNING in months.traces else [], jobs, progress, "tuning")
        tuned = freeze(specs, tuning)
        plan = test_plan(protocol, specs, tuned, wanted)
        if "E8" in wanted:
            plan += lever_plan(protocol, specs, tuned, levers_of(months.days))
        results = run_tasks(setup, plan, jobs, progress, "test")
        figures = summary(specs, tuned, results)
        if "E8" in wanted:
            figures["levers"] = lever_summary(protocol, specs, tuned, results, levers_of(months.days))
        if "E7" in wanted:
            figures["fragmentation"] = fragmentation_figures(data, seeds, quick_, progress)
    stored = storable(_header(wanted, specs, protocol, months, frozen, seeds=seeds, quick_=quick_) | figures)
    store_figures(json_, stored)
    if report is not None:
        write_whole(report, placement_page(stored).encode())
    if resume is None:
        shutil.rmtree(work)
    for table in placement_tables(stored):
        out.print(table)
    if frozen is not None and frozen["corrects"]:
        err.print(f"placement-policy {frozen['version']} corrects the greedy value; the arena played greedy alone.")


def _experiments(wanted: str | None) -> list[str]:
    names = [name.strip().upper() for name in wanted.split(",")] if wanted else list(_EXPERIMENTS)
    for name in names:
        if name not in _EXPERIMENTS:
            raise InvalidValue(f"there is no experiment {name!r}", field="--experiments", expected=", ".join(_EXPERIMENTS))
    return names


def _header(
    wanted: Sequence[str],
    specs: Sequence[PeerSpec],
    protocol: Protocol,
    months: Months,
    frozen: dict[str, Any] | None,
    *,
    seeds: int,
    quick_: bool,
) -> dict[str, Any]:
    options = (" --models MODELS" if frozen else "") + f" --seeds {seeds}" + (" --quick" if quick_ else "")
    packages = ("hydatis-simulator", "hydatis-placement", "hydatis-sizing", "numpy")
    return {
        "command": f"hydatis bench placement --data DATA --experiments {','.join(wanted)}{options}",
        "data": {
            "trace": TRACE,
            "digests": {part: trace.digest() for part, trace in months.traces.items()},
            "first_days": months.first_days,
            "days": months.days,
            "history_days": HISTORY_DAYS,
            "arrival_days": ARRIVAL_DAYS,
            "machine_shares": {part: MACHINES[part] for part in months.traces},
            "machines": {part: len({pod.pod.workload for pod in trace.pods}) for part, trace in months.traces.items()},
        },
        "experiments": {name: _EXPERIMENTS[name] for name in wanted},
        "protocol": protocol.to_json(),
        "quick": quick_,
        "versions": {name: version(name) for name in packages},
        "policies": {
            spec.name: {
                "text": spec.text,
                "family": spec.family,
                "knobs": {knob.name: {"published": knob.default, "source": knob.source} for knob in spec.knobs},
                "settings_tried": len(spec.settings()) if spec.knobs else 0,
            }
            for spec in specs
        },
        **({"placement_policy": frozen} if frozen else {}),
    }


def _digest(months: Months, protocol: Protocol) -> str:
    """Of all that a cell's figures depend on beside its key: data, node, code."""
    digest = hashlib.sha256()
    for part, trace in sorted(months.traces.items()):
        digest.update(f"{part} {trace.digest()}\n".encode())
    digest.update(repr((protocol.node_cores, protocol.node_gib)).encode())
    folders = [Path(module.__path__[0]) for module in (hydatis_simulator, hydatis_placement, hydatis_sizing, hydatis_features)]
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
