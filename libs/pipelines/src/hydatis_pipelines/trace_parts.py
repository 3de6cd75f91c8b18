"""Which part of a trace trains and which part is replayed, and on what cluster.

Training and replay never share a day, and where a trace has machines enough they share no machine either, so that a replay shows
what was learned and not what was remembered; machines of Bitbrains that train are none that the placement benchmark judges. The
choices stand in one table; options of commands and steps override them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_simulator.benchmark.placement.cells import TUNING
from hydatis_simulator.benchmark.placement.months import MACHINES
from hydatis_simulator.cluster_shape import SHAPES, make_nodes
from hydatis_simulator.generator import generate_trace
from hydatis_simulator.trace import Trace
from hydatis_simulator.traces.registry import TRACES, read_trace
from hydatis_simulator.workload_shape import SERVICE_CHURN

__all__ = ["CHOICES", "SYNTHETIC", "Choice", "Part", "Workload", "choice_of", "read_part", "training_workload"]

SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a trace and how it becomes pods."""

    start_day: int
    days: int
    pod_count: int | None
    """Pods side by side; None: as many as the trace has."""
    machine_share: tuple[float, float] = (0.0, 1.0)
    """Which machines, by stable fraction of their name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is done with one trace."""

    train: Part
    replay: Part
    request_factor: float
    """Requests over what machines were provisioned with. Below 1 the pods ask for less than their machines had, so that placing
    matters: with the requests of Bitbrains no node comes near its limits however pods are placed."""
    shape: str = "general-16"
    request_ratio: float = 0.75
    """Share of the cluster that is requested at the peak."""


CHOICES: dict[str, Choice] = {
    SYNTHETIC: Choice(Part(0, 3, 600), Part(0, 2, 900), request_factor=0.25, shape="general-32"),
    "bitbrains": Choice(Part(0, 4, 600, MACHINES[TUNING]), Part(62, 2, 1200, (0.7, 1.0)), request_factor=0.15, shape="general-32"),
    "planetlab": Choice(Part(0, 4, 500), Part(5, 2, 500), request_factor=0.25),
    "alibaba_2018": Choice(Part(0, 5, 60), Part(6, 2, 60), request_factor=1.0, shape="alibaba-96", request_ratio=0.9),
    "openb": Choice(Part(0, 1, None), Part(0, 1, None), request_factor=1.0),
}


@dataclass(frozen=True)
class Workload:
    """Pods and the cluster they are placed on."""

    trace: Trace
    nodes: tuple[Node, ...]


def choice_of(name: str) -> Choice:
    """What is done with a trace.

    Raises:
        InvalidValue: the trace is unknown.
    """
    if name not in CHOICES:
        raise InvalidValue(f"no trace named {name!r}", field="--trace", expected=", ".join(CHOICES))
    return CHOICES[name]


def training_workload(
    name: str,
    data: Path | None,
    *,
    seed: int,
    start_day: int | None = None,
    days: int | None = None,
    pod_count: int | None = None,
) -> Workload:
    """What models are trained on. A trace without use (openb) trains on the generator's.

    Raises:
        InvalidValue: the trace is unknown, or needs a data folder.
        TraceRefused: the folder does not hold it.
    """
    choice_of(name)
    used = SYNTHETIC if name == "openb" else name
    part = CHOICES[used].train
    chosen = replace(
        part,
        start_day=part.start_day if start_day is None else start_day,
        days=days or part.days,
        pod_count=pod_count or part.pod_count,
    )
    return read_part(used, data, chosen, seed=seed, node_count=None)


def read_part(name: str, data: Path | None, part: Part, *, seed: int, node_count: int | None) -> Workload:
    """A part of a trace as pods, with their cluster; arguments and errors as ``training_workload``."""
    choice = choice_of(name)
    if name == SYNTHETIC:
        trace = generate_trace(
            seed, part.pod_count or 900, days=part.days, request_factor=choice.request_factor, lifetimes=SERVICE_CHURN
        )
    elif data is None:
        text = f"{name} ({TRACES[name].text}) has to be read from a folder"
        raise InvalidValue(text, field="--data", expected="the folder that holds it, or HYDATIS_DATA")
    else:
        trace = read_trace(
            name,
            data,
            seed=seed,
            pod_count=part.pod_count,
            start_day=part.start_day,
            days=part.days,
            machine_share=part.machine_share,
            request_factor=choice.request_factor,
            lifetimes=None if name == "openb" else SERVICE_CHURN,
        )
    if trace.nodes and node_count is None:
        return Workload(trace, trace.nodes)
    shapes = (SHAPES[choice.shape],)
    return Workload(trace, make_nodes(trace, node_count=node_count, target_request_ratio=choice.request_ratio, shapes=shapes))
