"""The slice of a trace that a search works on, made once: what all trials share is computed by none of them.

Time is cut in three, in its order: models train on the first part, trials are judged on windows of the second, and the third is
touched when a search is over and no more. In a folder lie the workload, the record of the node table over the first two parts, the
forecasters that are used where none is tuned, and what the stock scheduler comes to in each window.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_core.event_time import HOUR_SECONDS
from hydatis_core.nodes import Node
from hydatis_forecasting.model import QuantileForecaster
from hydatis_forecasting.targets import HORIZONS_SECONDS
from hydatis_lifecycle.business_objective import Outcome
from hydatis_simulator.cluster_shape import SHAPES, make_nodes
from hydatis_simulator.generator import generate_trace
from hydatis_simulator.policy import StockPolicy
from hydatis_simulator.trace import Trace
from hydatis_simulator.trace_window import window
from hydatis_simulator.traces.registry import read_trace
from hydatis_simulator.workload_shape import Lifetimes

from hydatis_pipelines.dataset_step import build_dataset
from hydatis_pipelines.effort import effort_named
from hydatis_pipelines.forecaster_step import train_forecaster
from hydatis_pipelines.node_record import NodeRecord, read_record, write_record
from hydatis_pipelines.progress import Progress
from hydatis_pipelines.search.simulated_placement import Window, node_faults, placed
from hydatis_pipelines.trace_parts import SYNTHETIC, choice_of
from hydatis_pipelines.trained_model import read_trained, write_trained
from hydatis_pipelines.whole_files import new_folder
from hydatis_pipelines.workload import read_workload, write_workload

__all__ = ["PARTS", "SIZES", "Slice", "SliceSizes", "make_slice", "read_trace_slice"]

FORMAT = "hydatis-search-slice/1"
#: In the order of time; the first trains.
PARTS = ("train", "validation", "test")
#: Pods are replaced often, so that there is something to decide all day: eight in ten live four hours in the median.
_CHURN = Lifetimes(churning_share=0.8, median_seconds=4 * HOUR_SECONDS, sigma=1.0)
#: Nodes: so little is asked for that packing leaves some of them empty.
_REQUEST_FACTOR, _REQUEST_RATIO, _SHAPE = 0.3, 0.6, "general-16"
_FAULTY_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class SliceSizes:
    """How much of a trace."""

    pod_count: int = 120
    train_hours: float = 48.0
    validation_hours: float = 48.0
    test_hours: float = 48.0
    window_hours: float = 8.0
    warm_up_hours: float = 2.0
    """Time over which pods arrive at the start of a window."""

    def hours(self, part: str) -> float:
        """Length of a part."""
        return float(getattr(self, f"{part}_hours"))


SIZES: dict[str, SliceSizes] = {
    "small": SliceSizes(),
    "smoke": SliceSizes(30, 12.0, 8.0, 8.0, 4.0, 1.0),
}


@dataclass(frozen=True)
class Slice:
    """A slice, read."""

    trace: Trace
    nodes: tuple[Node, ...]
    record: NodeRecord
    """Of training and validation, under the stock scheduler."""
    folder: Path
    """Where the default forecasters lie."""
    sizes: SliceSizes
    seed: int
    """That it was made with; of faults."""
    digest: str
    """Of the workload, the sizes and the seed."""
    baselines: dict[str, tuple[Outcome, ...]]
    """By "validation" and "validation, faulty": of the stock scheduler in each window."""

    def span(self, part: str) -> tuple[float, float]:
        """Unix seconds of a part."""
        before = sum(self.sizes.hours(one) for one in PARTS[: PARTS.index(part)])
        first = self.trace.start_seconds + before * HOUR_SECONDS
        return first, first + self.sizes.hours(part) * HOUR_SECONDS

    def windows(self, part: str, *, faulty: bool = False) -> tuple[Window, ...]:
        """Windows of a part, in order; faulty: a fifth of the nodes have a runaway process."""
        return tuple(_windows(self, part, faulty))

    @cached_property
    def cpu(self) -> QuantileForecaster:
        """The default forecaster of CPU, trained on the training part."""
        return QuantileForecaster.from_files(dict(read_trained(self.folder / "cpu").files))

    @cached_property
    def memory(self) -> QuantileForecaster:
        """The same of memory."""
        return QuantileForecaster.from_files(dict(read_trained(self.folder / "memory").files))

    @cached_property
    def training_record(self) -> NodeRecord:
        """The record of the training part alone: its targets end with it, too."""
        last = self.span("train")[1]
        history = self.record.history
        kept = history.times_seconds < last
        tables = tuple(table for table in self.record.tables if table.generation < last - max(HORIZONS_SECONDS))
        return NodeRecord(
            tables,
            replace(history, times_seconds=history.times_seconds[kept], cpu=history.cpu[kept], memory=history.memory[kept]),
        )

    @cached_property
    def validation_record(self) -> NodeRecord:
        """The record of the validation part."""
        first = self.span("validation")[0]
        return replace(self.record, tables=tuple(table for table in self.record.tables if table.generation >= first))

    def baselines_of(self, part: str, *, faulty: bool = False) -> tuple[Outcome, ...]:
        """The stock scheduler in each window of a part; computed where it was not kept."""
        return self.baselines.get(_key(part, faulty)) or _stock(self, part, faulty)


def make_slice(name: str, data: Path | None, folder: Path, *, sizes: SliceSizes, seed: int, progress: Progress) -> Path:
    """Makes a slice, or finds it made already; returns its folder, ``slice-<digest>``.

    Raises:
        InvalidValue: the trace is unknown, needs a data folder, or is too short.
        TraceRefused: the folder does not hold it.
    """
    progress(0, 5, "reading the trace")
    trace, nodes = _workload(name, data, sizes, seed)
    said = json.dumps([FORMAT, trace.digest(), [asdict(node) for node in nodes], asdict(sizes), seed], sort_keys=True)
    digest = hashlib.sha256(said.encode()).hexdigest()
    target = folder / f"slice-{digest[:12]}"
    if target.exists():
        progress(5, 5, "prepared before")
        return target
    with new_folder(target) as making:
        write_workload(making / "workload.npz", trace, nodes)
        progress(1, 5, "recording the node table")
        ends = trace.start_seconds + (sizes.train_hours + sizes.validation_hours) * HOUR_SECONDS
        watched = window(trace, trace.start_seconds, ends, spread_seconds=sizes.warm_up_hours * HOUR_SECONDS)
        record = build_dataset(watched, nodes, seed=seed, rows_count_at_most=10**6)
        write_record(making / "record.npz", record)
        half = Slice(trace, nodes, record, making, sizes, seed, digest, {})
        for step, resource in enumerate(("cpu", "memory"), start=2):
            progress(step, 5, f"training the default forecaster of {resource}")
            trained = train_forecaster(
                half.training_record,
                resource,
                dataset_version=f"sha256:{digest}",
                training_run="search-default",
                seed=seed,
                effort=effort_named("demo"),
            )
            write_trained(making / resource, trained)
        progress(4, 5, "the stock scheduler's windows")
        baselines = {_key("validation", faulty): _stock(half, "validation", faulty) for faulty in (False, True)}
        header = {
            "format": FORMAT,
            "digest": digest,
            "trace": name,
            "seed": seed,
            "sizes": asdict(sizes),
            "baselines": {key: [outcome.to_json() for outcome in outcomes] for key, outcomes in baselines.items()},
        }
        (making / "slice.json").write_text(json.dumps(header, indent=1) + "\n")
    progress(5, 5, "prepared")
    return target


def read_trace_slice(folder: Path) -> Slice:
    """The slice of a folder, or of the only slice in it: a cluster's trials know the volume and not the digest.

    Raises:
        ArtifactRefused: it is not one, or was not made whole.
    """
    slices = list(folder.glob("slice-*")) if not (folder / "slice.json").exists() else []
    folder = slices[0] if len(slices) == 1 else folder
    try:
        header = json.loads((folder / "slice.json").read_text())
        if header["format"] != FORMAT:
            raise ArtifactRefused(f"format {header['format']!r}", field="slice", expected=FORMAT)
        baselines = {key: tuple(_outcome(value) for value in values) for key, values in header["baselines"].items()}
        sizes, seed, digest = SliceSizes(**header["sizes"]), int(header["seed"]), str(header["digest"])
    except (OSError, ValueError, KeyError, TypeError, InvalidValue) as cause:
        shown = f"{folder} is not a slice: {str(cause)[:200]}"
        raise ArtifactRefused(shown, field="slice", expected="a folder that prepare-search wrote") from None
    trace, nodes = read_workload(folder / "workload.npz")
    return Slice(trace, nodes, read_record(folder / "record.npz"), folder, sizes, seed, digest, baselines)


def _workload(name: str, data: Path | None, sizes: SliceSizes, seed: int) -> tuple[Trace, tuple[Node, ...]]:
    hours = sum(sizes.hours(part) for part in PARTS)
    days = int(np.ceil(hours / 24))
    share = choice_of(name).train.machine_share
    if name == SYNTHETIC:
        trace = generate_trace(seed, sizes.pod_count, days=days, request_factor=_REQUEST_FACTOR, lifetimes=_CHURN)
    elif data is None:
        raise InvalidValue(f"trace {name} is read from a folder", field="--data", expected="the folder that holds it")
    else:
        trace = read_trace(
            name,
            data,
            seed=seed,
            pod_count=sizes.pod_count,
            days=days,
            machine_share=share,
            request_factor=_REQUEST_FACTOR,
            lifetimes=_CHURN,
        )
    if trace.end_seconds - trace.start_seconds < hours * HOUR_SECONDS:
        raise InvalidValue(f"trace {name} is too short", field="--trace", expected=f"{days} days")
    return trace, make_nodes(trace, target_request_ratio=_REQUEST_RATIO, shapes=(SHAPES[_SHAPE],))


def _windows(of: Slice, part: str, faulty: bool) -> Sequence[Window]:
    first, last = of.span(part)
    length, warm_up = of.sizes.window_hours * HOUR_SECONDS, of.sizes.warm_up_hours * HOUR_SECONDS
    windows = []
    for start in np.arange(first, last - length + 1, length):
        trace = window(of.trace, float(start), float(start + length), spread_seconds=warm_up)
        judged = float(start) + warm_up
        faults = (
            node_faults(trace, len(of.nodes), share=_FAULTY_SHARE, judged_from_seconds=judged, seed=of.seed) if faulty else None
        )
        windows.append(Window(trace, judged, faults))
    return windows


def _stock(of: Slice, part: str, faulty: bool) -> tuple[Outcome, ...]:
    return tuple(placed(one, of.nodes, StockPolicy(), [], seed=of.seed) for one in of.windows(part, faulty=faulty))


def _key(part: str, faulty: bool) -> str:
    return f"{part}, faulty" if faulty else part


def _outcome(value: dict[str, Any]) -> Outcome:
    return Outcome(**{name: float("nan") if figure is None else figure for name, figure in value.items()})
