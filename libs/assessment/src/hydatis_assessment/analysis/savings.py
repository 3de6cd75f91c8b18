"""What each lever would save: samples of the cluster placed by everyone, nodes counted at equal violation, scaled to the whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import asdict
from functools import partial

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_simulator.benchmark.placement.tasks import ALLOWED
from numpy.typing import NDArray

from hydatis_assessment.analysis import cells
from hydatis_assessment.analysis.intervals import estimate
from hydatis_assessment.analysis.judged_days import JudgedDays
from hydatis_assessment.analysis.law_calibration import law_calibration
from hydatis_assessment.analysis.levers import LEVERS, TODAY, Lever
from hydatis_assessment.analysis.pods import Pods, pods_of
from hydatis_assessment.analysis.samples import Sample, sample
from hydatis_assessment.analysis.sized_rows import sized_rows
from hydatis_assessment.analysis.waste import Figures, Progress
from hydatis_assessment.cluster_use import ClusterUse

__all__ = ["PODS_COUNT", "SAMPLES_COUNT", "node_shape", "savings"]

PODS_COUNT, SAMPLES_COUNT = 2000, 8
_TUNING = "tuning"


def node_shape(nodes: Iterable[Node]) -> tuple[Node, float, float]:
    """The shape of node that has most of the cluster's CPU.

    Returns:
        One node of it, its share of the CPU, and the cluster in nodes of it, by CPU.
    """
    cores: dict[tuple[float, float, int], float] = {}
    example: dict[tuple[float, float, int], Node] = {}
    for node in nodes:
        shape = (round(node.allocatable.cpu_cores, 1), round(node.allocatable.memory_bytes / 2**30), node.pod_limit_count)
        cores[shape] = cores.get(shape, 0.0) + node.allocatable.cpu_cores
        example.setdefault(shape, node)
    best = max(cores, key=lambda shape: cores[shape])
    total = sum(cores.values())
    return example[best], cores[best] / total, total / example[best].allocatable.cpu_cores


def savings(
    use: ClusterUse,
    days: JudgedDays,
    reasons: list[tuple[str, str]],
    known: MutableMapping[str, Figures],
    progress: Progress,
    *,
    samples_count: int = SAMPLES_COUNT,
    pods_count: int = PODS_COUNT,
) -> Figures:
    """The figures.

    Args:
        use: the capture, with nodes.
        days: how it is cut.
        reasons: by row, ``left_alone.reasons``.
        known: cells by key; what is run is added.
        progress: told of every cell.
        samples_count: samples of pods, by seeds 1, 2, ..
        pods_count: pods of a sample.

    Returns:
        ``levers``, a list in the order of ``LEVERS``, each with ``nodes`` by allowed violation (text): ``value``, ``low``, ``high``
        of the whole cluster, ``reached`` (samples in which some number of nodes was enough; without all of them value is None),
        ``saved``, an estimate beside today's requests, and what violation it came to; ``bounds``, ``harm`` of sizing, how
        well the ``law`` of use held, and what was placed.

        One node of a sample is ``grain_nodes`` of the cluster.

    Raises:
        InvalidValue: there is no node, or no pod that can be placed.
    """
    if not use.nodes:
        raise InvalidValue("no node is known", field="nodes", expected="nodes with allocatable CPU and memory")
    shape, share, nodes_now = node_shape(use.nodes)
    pods = pods_of(use, days, reasons, sized_rows(use, days))
    if not pods.rows:
        raise InvalidValue("no pod has a known use", field="use", expected="a pod that ran and was measured on the judged days")
    room = np.array([shape.allocatable.cpu_cores, shape.allocatable.memory_bytes]) - pods.on_every_node
    if not (room > 0).all():
        raise InvalidValue("DaemonSets fill the nodes", field="nodes", expected="room for other pods")
    made = _Samples(use, pods, days, room, shape.pod_limit_count, pods_count)
    runs = _Runs(made, known, progress, total=samples_count * (len(LEVERS) + 1) + sum(lever.is_tuned for lever in LEVERS))
    settings = {lever.name: runs.tuned(lever) for lever in LEVERS if lever.is_tuned} if days.for_tuning else {}
    found = [runs.all_levers(seed, settings) for seed in range(1, samples_count + 1)]
    return {
        "days": asdict(days),
        "node": {
            "cpu_cores": shape.allocatable.cpu_cores,
            "memory_bytes": shape.allocatable.memory_bytes,
            "cpu_share_ratio": share,
            "on_every_node_cpu_cores": float(pods.on_every_node[0]),
            "on_every_node_memory_bytes": float(pods.on_every_node[1]),
            "pods_count": shape.pod_limit_count,
        },
        "nodes_now": nodes_now if use.nodes_told else None,
        "pods_count": len(pods.rows),
        "sample_pods_count": found[0]["pods_count"],
        "samples_count": samples_count,
        "unmeasured_pods_count": pods.unmeasured_count,
        "left_out_use_ratio": pods.left_out_use_ratio.tolist(),
        "sizable_ratio": ((pods.requests * pods.sizable).sum(axis=1) / pods.requests.sum(axis=1)).tolist(),
        "tuned": settings,
        "levers": [_lever(lever, found) for lever in LEVERS],
        "grain_nodes": found[0]["scale"],
        "bounds": {
            name: asdict(estimate([one["bounds"][name] * one["scale"] for one in found], found[0]["scale"]))
            for name in found[0]["bounds"]
        },
        "harm": {
            name: {figure: float(np.mean([one["harm"][name][figure] for one in found])) for figure in figures}
            for name, figures in found[0]["harm"].items()
        },
        "law": {
            resource: {
                scale: {figure: float(np.mean([one["law"][resource][scale][figure] for one in found])) for figure in figures}
                for scale, figures in scales.items()
            }
            for resource, scales in found[0]["law"].items()
        },
    }


class _Samples:
    """Samples, each drawn when it is needed; the last is kept."""

    def __init__(
        self, use: ClusterUse, pods: Pods, days: JudgedDays, room: NDArray[np.float64], pods_a_node: int, pods_count: int
    ) -> None:
        self._use, self._pods, self.days, self._room = use, pods, days, room
        self._pods_a_node, self.pods_count = pods_a_node, pods_count
        self._kept: tuple[tuple[JudgedDays, int], Sample] | None = None

    def of(self, days: JudgedDays, seed: int) -> Sample:
        """The sample of a seed."""
        if self._kept is None or self._kept[0] != (days, seed):
            self._kept = None  # two would not be needed side by side
            drawn = sample(self._use, self._pods, days, self._room, self._pods_a_node, pods_count=self.pods_count, seed=seed)
            self._kept = ((days, seed), drawn)
        return self._kept[1]


class _Runs:
    """Cells, each once."""

    def __init__(self, samples: _Samples, known: MutableMapping[str, Figures], progress: Progress, total: int) -> None:
        self._samples, self._known, self._progress = samples, known, progress
        self._done, self._total = 0, total

    def tuned(self, lever: Lever) -> Figures:
        """Settings by allowed violation."""
        inside = self._samples.days.for_tuning
        assert inside is not None, "asked only when the history can be cut"
        key = f"{_TUNING}/{lever.name}/{self._samples.pods_count}"
        return self._once(key, lambda: cells.tuned(self._samples.of(inside, 1), lever, seed=1), f"tuning {lever.name}")

    def all_levers(self, seed: int, settings: dict[str, Figures]) -> Figures:
        """Of one sample."""
        days, prefix = self._samples.days, f"sample {seed}/{self._samples.pods_count}"

        def about() -> Figures:
            drawn = self._samples.of(days, seed)
            return {
                "pods_count": drawn.fleet.pods_count,
                "scale": drawn.scale,
                "bounds": cells.bounds(drawn),
                "harm": cells.sizing_harm(drawn),
                "law": law_calibration(drawn.fleet, drawn.node),
            }

        found = dict(self._once(prefix, about, f"sample {seed}"))
        found["levers"] = {}
        for lever in LEVERS:
            run = partial(self._needed, lever, seed, settings.get(lever.name, {}))
            found["levers"][lever.name] = self._once(f"{prefix}/{lever.name}", run, f"sample {seed}, {lever.name}")
        return found

    def _needed(self, lever: Lever, seed: int, settings: Figures) -> Figures:
        return cells.needed(self._samples.of(self._samples.days, seed), lever, settings, seed=seed)

    def _once(self, key: str, run: Callable[[], Figures], text: str) -> Figures:
        if key not in self._known:
            self._known[key] = run()
        self._done += 1
        self._progress(self._done, self._total, text)
        return self._known[key]


def _lever(lever: Lever, found: list[Figures]) -> Figures:
    row: Figures = {"name": lever.name, "text": lever.text, "family": lever.family, "nodes": {}}
    for ratio in map(str, ALLOWED):
        cells_ = [one["levers"][lever.name][ratio] for one in found]
        scaled = [_scaled(cell["nodes"], one["scale"]) for cell, one in zip(cells_, found, strict=True)]
        today = [_scaled(one["levers"][TODAY][ratio]["nodes"], one["scale"]) for one in found]
        reached = [nodes for nodes in scaled if not math.isnan(nodes)]
        grain = found[0]["scale"]
        whole = asdict(estimate(reached, grain)) if len(reached) == len(found) else {"value": None, "low": None, "high": None}
        both = [was - now for was, now in zip(today, scaled, strict=True)]
        row["nodes"][ratio] = {
            **whole,
            "reached": len(reached),
            "saved": asdict(estimate(both, grain)) if not any(map(math.isnan, both)) else None,
            "violation_ratio": _mean([cell["violation_ratio"] for cell in cells_]),
            "worst_node_violation_ratio": _mean([cell["worst_node_violation_ratio"] for cell in cells_]),
        }
    return row


def _scaled(nodes: int | None, scale: float) -> float:
    return math.nan if nodes is None else nodes * scale


def _mean(values: list[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return float(np.mean(told)) if told else None
