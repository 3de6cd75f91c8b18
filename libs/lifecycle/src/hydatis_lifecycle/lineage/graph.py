"""What was made of what: the graph that lineage records say, without a store.

Things and derivations alternate: a thing is made by a derivation, which read other things. A derivation is what all records that
made the same of the same have in common, so cached steps and repeated runs do not multiply it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from hydatis_core.errors import InvalidValue

from hydatis_lifecycle.lineage.record import Entity, StepRecord
from hydatis_lifecycle.lineage.record_json import derivation_digest

__all__ = ["LineageGraph"]


class LineageGraph:
    """A lineage, or a part of one.

    Args:
        records: in any order. Of records of the same derivation the first that was not answered from a cache stands for all.

    Raises:
        InvalidValue: a thing would be made of itself.
    """

    def __init__(self, records: Iterable[StepRecord]) -> None:
        chosen: dict[str, StepRecord] = {}
        for record in sorted(records, key=lambda record: (record.cached, record.started_seconds, record.step, record.run)):
            chosen.setdefault(derivation_digest(record), record)
        by_time = sorted(chosen.items(), key=lambda item: (item[1].started_seconds, item[0]))
        self.derivations: Mapping[str, StepRecord] = dict(by_time)
        """The record that stands for each derivation, by derivation digest, in the order of time."""
        self.layers()

    @cached_property
    def entities(self) -> Mapping[str, Entity]:
        """Things by digest; a thing that was given several names has the first."""
        return _named(self.derivations.values())

    @cached_property
    def makers(self) -> Mapping[str, tuple[str, ...]]:
        """Derivations that made a thing, by its digest."""
        return _ends(self.derivations, lambda record: record.outputs)

    @cached_property
    def users(self) -> Mapping[str, tuple[str, ...]]:
        """Derivations that read a thing, by its digest."""
        return _ends(self.derivations, lambda record: record.inputs)

    def upstream(self, digest: str) -> LineageGraph:
        """All that a thing was made of, and how."""
        return self._closure(digest, self.makers, lambda record: record.inputs)

    def downstream(self, digest: str) -> LineageGraph:
        """All that was made of a thing, and how."""
        return self._closure(digest, self.users, lambda record: record.outputs)

    def joined(self, other: LineageGraph) -> LineageGraph:
        """Both lineages as one."""
        return LineageGraph((*self.derivations.values(), *other.derivations.values()))

    def layers(self) -> tuple[tuple[str, ...], ...]:
        """Digests of things and of derivations, layer by layer from raw data to what serves.

        The layer of each is the length of the longest way to it from what nothing made; so things stand in even layers and
        derivations in odd ones, and everything stands right of what it was made of.
        """
        waiting = {derivation: {entity.digest for entity in record.inputs} for derivation, record in self.derivations.items()}
        unmade = {digest: set(self.makers.get(digest, ())) for digest in self.entities}
        level: dict[str, int] = {}
        ready = [digest for digest, makers in unmade.items() if not makers]
        level.update(dict.fromkeys(ready, 0))
        ready += [derivation for derivation, inputs in waiting.items() if not inputs]
        level.update({derivation: 1 for derivation, inputs in waiting.items() if not inputs})
        for node in ready:  # grows while it is gone through
            thing = node not in self.derivations
            followers = self.users.get(node, ()) if thing else [entity.digest for entity in self.derivations[node].outputs]
            left = waiting if thing else unmade
            for follower in dict.fromkeys(followers):
                left[follower].discard(node)
                level[follower] = max(level.get(follower, 0), level[node] + 1)
                if not left[follower]:
                    ready.append(follower)
        if len(ready) < len(waiting) + len(unmade):
            stuck = min(self.derivations[derivation].step for derivation, inputs in waiting.items() if inputs)
            raise InvalidValue(
                f"step {stuck} would have made what it was made of", field="outputs", expected="no way back to an input"
            )
        layers: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
        for node in ready:
            layers[level[node]].append(node)
        return tuple(tuple(layer) for layer in layers)

    def _closure(
        self, digest: str, steps: Mapping[str, tuple[str, ...]], ends: Callable[[StepRecord], tuple[Entity, ...]]
    ) -> LineageGraph:
        seen, found, todo = {digest}, set[str](), [digest]
        for thing in todo:  # grows while it is gone through
            for derivation in steps.get(thing, ()):
                if derivation in found:
                    continue
                found.add(derivation)
                new = [entity.digest for entity in ends(self.derivations[derivation]) if entity.digest not in seen]
                seen.update(new)
                todo.extend(new)
        part = LineageGraph.__new__(LineageGraph)  # of what is in order and without a circle already
        part.derivations = {derivation: record for derivation, record in self.derivations.items() if derivation in found}
        return part


def _named(records: Iterable[StepRecord]) -> dict[str, Entity]:
    named: dict[str, Entity] = {}
    for record in records:
        for entity in (*record.inputs, *record.outputs):
            named.setdefault(entity.digest, entity)
    return named


def _ends(derivations: Mapping[str, StepRecord], ends: Callable[[StepRecord], tuple[Entity, ...]]) -> Mapping[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for derivation, record in derivations.items():
        for digest in {entity.digest: None for entity in ends(record)}:
            found[digest].append(derivation)
    return {digest: tuple(of_digest) for digest, of_digest in found.items()}
