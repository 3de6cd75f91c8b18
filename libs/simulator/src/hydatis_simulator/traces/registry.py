"""The traces that can be read, by name: the door through which commands and pipelines come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hydatis_core.errors import TraceRefused

from hydatis_simulator.trace import Trace
from hydatis_simulator.traces import alibaba_2018, bitbrains, openb, planetlab
from hydatis_simulator.traces.options import TraceOptions
from hydatis_simulator.workload_shape import Lifetimes, WorkloadShape

__all__ = ["TRACES", "TraceSource", "read_trace"]


@dataclass(frozen=True, slots=True)
class TraceSource:
    """A published trace and its reader."""

    text: str
    """What it is, in a sentence."""
    read: Callable[[Path, TraceOptions], Trace]
    """Reads it from a folder."""


TRACES: dict[str, TraceSource] = {
    bitbrains.NAME: TraceSource("Virtual machines of a hoster: requests and use of CPU, memory, disk, network.", bitbrains.read),
    planetlab.NAME: TraceSource("PlanetLab virtual machines: use of CPU, days of 288 samples.", planetlab.read),
    alibaba_2018.NAME: TraceSource("Machines of an Alibaba cluster: use of CPU and memory over eight days.", alibaba_2018.read),
    openb.NAME: TraceSource("Pods and nodes of an Alibaba GPU cluster: requests and lives, no use.", openb.read),
}


def read_trace(
    name: str,
    folder: Path,
    *,
    seed: int,
    pod_count: int | None = None,
    start_day: int = 0,
    days: int | None = None,
    machine_share: tuple[float, float] = (0.0, 1.0),
    arrival_window_seconds: float | None = None,
    request_factor: float = 1.0,
    lifetimes: Lifetimes | None = None,
    pod_list: str = "default",
    node_list: str = "gpu_node",
) -> Trace:
    """Reads a published trace.

    The same arguments and files give the same trace, bit for bit.

    Args:
        name: one of ``TRACES``.
        folder: the trace's folder, or one that holds a folder of its name; Parquet or the published raw layout.
        seed: of every random choice.
        pod_count: pods side by side; fewer than machines: a part of them; more: copies shifted in time; None: one a machine.
        start_day: first day, counted from the trace's first.
        days: how many days; None: to the end.
        machine_share: only machines whose stable fraction lies in [low, high), to keep training and test apart.
        arrival_window_seconds: first arrivals are spread over this; None: six hours, or a quarter of the window if that is less.
        request_factor: requests over provisioned, above 0 and at most 1.
        lifetimes: replacement of pods (``SERVICE_CHURN``); None: pods live as long as their machines.
        pod_list: list of pods (openb).
        node_list: list of nodes (openb).

    Raises:
        TraceRefused: the name is unknown, or the folder does not hold what it should.
        InvalidValue: an option is out of range.
    """
    if name not in TRACES:
        raise TraceRefused(f"there is no trace named {name!r}", field="name", expected=f"one of {', '.join(TRACES)}")
    shape = WorkloadShape(seed, pod_count, arrival_window_seconds, request_factor, lifetimes)
    return TRACES[name].read(folder, TraceOptions(shape, start_day, days, machine_share, pod_list, node_list))
