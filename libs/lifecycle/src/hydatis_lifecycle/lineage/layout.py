"""Where things and steps of a lineage stand in a drawing: in layers, from raw data at the top to what serves at the bottom.

The method of Sugiyama, Tagawa and Toda (1981): an edge that passes layers gets a waypoint in each; the order within layers follows
the mean of the neighbours, back and forth, and the order with the fewest crossings is kept; then everything moves as near to its
neighbours as room allows. Written here because libraries that do it need a compiled graphviz or are no longer kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hydatis_lifecycle.lineage.graph import LineageGraph

__all__ = ["Layout", "layout"]

#: Times that the order goes down and up again; lineages of dozens of nodes settle in a few.
SWEEPS = 12

_Layers = list[list[str]]
_Neighbours = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing's geometry, without its sizes."""

    layers: tuple[tuple[str, ...], ...]
    """Nodes by layer, from the top, in order: digests of things and derivations, and waypoints."""
    across: Mapping[str, float]
    """Middle of each node across its layer, from 0."""
    edges: tuple[tuple[str, ...], ...]
    """Each edge as the nodes it touches, from the top: its two ends, between them its waypoints."""


def layout(graph: LineageGraph, widths: Mapping[str, float], waypoint_width: float, gap: float) -> Layout:
    """Lays a lineage out.

    Args:
        graph: the lineage.
        widths: room that things and derivations take, by digest.
        waypoint_width: room that a passing edge takes.
        gap: between neighbours.
    """
    level = _levels(graph)
    layers: _Layers = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for node, at in level.items():
        layers[at].append(node)
    edges = []
    for parent, child in _pairs(graph):
        passed = [f"{parent}>{child}>{at}" for at in range(level[parent] + 1, level[child])]
        for at, waypoint in enumerate(passed, start=level[parent] + 1):
            layers[at].append(waypoint)
        edges.append((parent, *passed, child))
    above: defaultdict[str, list[str]] = defaultdict(list)
    below: defaultdict[str, list[str]] = defaultdict(list)
    for edge in edges:
        for upper, lower in pairwise(edge):
            below[upper].append(lower)
            above[lower].append(upper)
    ordered = _ordered([layer for layer in layers if layer], above, below)
    room = defaultdict(lambda: waypoint_width, widths)
    return Layout(tuple(map(tuple, ordered)), _spread(ordered, above, below, room, gap), tuple(edges))


def _levels(graph: LineageGraph) -> dict[str, int]:
    """Layer of each node; what nothing made stands right above what reads it first."""
    level = {node: at for at, layer in enumerate(graph.layers()) for node in layer}
    for digest, at in level.items():
        if at == 0 and digest in graph.users:
            level[digest] = min(level[user] for user in graph.users[digest]) - 1
    return level


def _pairs(graph: LineageGraph) -> list[tuple[str, str]]:
    pairs = []
    for derivation, record in graph.derivations.items():
        pairs += [(entity.digest, derivation) for entity in record.inputs]
        pairs += [(derivation, entity.digest) for entity in record.outputs]
    return list(dict.fromkeys(pairs))


def _ordered(layers: _Layers, above: _Neighbours, below: _Neighbours) -> _Layers:
    best, fewest = layers, _crossings(layers, below)
    current = layers
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        current = [list(layer) for layer in (current if downwards else reversed(current))]
        for before, layer in pairwise(current):
            place = {node: at for at, node in enumerate(before)}
            own = {node: at for at, node in enumerate(layer)}
            wanted = {
                node: float(np.mean([place[one] for one in near]))
                if (near := (above if downwards else below).get(node))
                else own[node]
                for node in layer
            }
            layer.sort(key=lambda node: (wanted[node], own[node]))
        current = current if downwards else current[::-1]
        found = _crossings(current, below)
        if found < fewest:
            best, fewest = current, found
    return best


def _crossings(layers: _Layers, below: _Neighbours) -> int:
    """Pairs of edges between neighbouring layers that cross."""
    count = 0
    for layer, after in pairwise(layers):
        place = {node: at for at, node in enumerate(after)}
        ends = np.array([place[one] for node in layer for one in sorted(below.get(node, ()), key=place.__getitem__)])
        count += int(np.sum(np.triu(ends[:, None] > ends[None, :], k=1)))
    return count


def _spread(layers: _Layers, above: _Neighbours, below: _Neighbours, room: Mapping[str, float], gap: float) -> dict[str, float]:
    across: dict[str, float] = {}
    offsets = []
    for layer in layers:
        widths = np.array([room[node] for node in layer])
        offsets.append(np.concatenate(([0.0], np.cumsum((widths[1:] + widths[:-1]) / 2 + gap))))
        middle = offsets[-1] - offsets[-1][-1] / 2
        across.update(zip(layer, middle.tolist(), strict=True))
    order = list(range(len(layers)))
    for sweep in range(SWEEPS):
        for at in order if sweep % 2 == 0 else reversed(order):
            layer = layers[at]
            near = [[across[one] for one in (*above.get(node, ()), *below.get(node, ()))] for node in layer]
            wanted = np.array([np.mean(places) if places else across[node] for node, places in zip(layer, near, strict=True)])
            placed = _not_falling(wanted - offsets[at]) + offsets[at]
            across.update(zip(layer, placed.tolist(), strict=True))
    left = min((middle - room[node] / 2 for node, middle in across.items()), default=0.0)
    return {node: middle - left for node, middle in across.items()}


def _not_falling(wanted: np.ndarray) -> np.ndarray:
    """The values nearest to those wanted (least squares) of which none is below the one before it: pooling adjacent violators."""
    pools: list[tuple[float, int]] = []
    for value in wanted.tolist():
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, count = (mean * count + before * many) / (count + many), count + many
        pools.append((mean, count))
    return np.concatenate([np.full(count, mean) for mean, count in pools])
