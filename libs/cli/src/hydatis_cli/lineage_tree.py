"""A lineage as a tree on the terminal: what a thing was made of below it, or what was made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from hydatis_lifecycle.lineage.graph import LineageGraph
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord
from rich.markup import escape
from rich.tree import Tree

__all__ = ["entity_words", "tree_down", "tree_up"]

#: Colours of kinds; those of the drawing, as terminals have them.
_COLOURS: Mapping[EntityKind, str] = {
    EntityKind.DATASET: "blue",
    EntityKind.WORKLOAD: "cyan",
    EntityKind.FEATURES: "green",
    EntityKind.MODEL: "yellow",
    EntityKind.EVALUATION: "magenta",
    EntityKind.ARTIFACT: "red",
    EntityKind.DEPLOYMENT: "bright_red",
}


def tree_up(graph: LineageGraph, asked: Entity) -> Tree:
    """What it was made of: under each thing the steps that made it, under each step what it read."""
    return _tree(graph, asked, graph.makers, lambda record: record.inputs)


def tree_down(graph: LineageGraph, asked: Entity) -> Tree:
    """What was made of it: under each thing the steps that read it, under each step what it made."""
    return _tree(graph, asked, graph.users, lambda record: record.outputs)


def entity_words(entity: Entity) -> str:
    """A thing in a line of markup."""
    named = f"{entity.name} {entity.version}".strip() if entity.name != entity.kind.value else entity.version
    name = f"[bold]{escape(named)}[/bold] " if named else ""
    return f"{name}[{_COLOURS[entity.kind]}]{entity.kind.value}[/] [dim]{entity.digest[7:19]}[/dim]"


def _tree(
    graph: LineageGraph,
    asked: Entity,
    steps: Mapping[str, tuple[str, ...]],
    ends: Callable[[StepRecord], tuple[Entity, ...]],
) -> Tree:
    tree, shown, gone = Tree(entity_words(asked), guide_style="dim"), {asked.digest}, set[str]()
    todo = [(tree, asked)]
    for branch, thing in todo:  # grows while it is gone through: what is near is shown in full, what comes again is named only
        for derivation in steps.get(thing.digest, ()):
            record = graph.derivations[derivation]
            if derivation in gone:
                branch.add(f"{escape(record.step)} [dim](shown elsewhere)[/dim]")
                continue
            gone.add(derivation)
            at_step = branch.add(_step_words(record))
            for entity in (graph.entities[end.digest] for end in ends(record)):
                again = entity.digest in shown and bool(steps.get(entity.digest))
                at_entity = at_step.add(entity_words(entity) + (" [dim](shown elsewhere)[/dim]" if again else ""))
                if entity.digest not in shown:
                    shown.add(entity.digest)
                    todo.append((at_entity, entity))
    return tree


def _step_words(record: StepRecord) -> str:
    day = datetime.fromtimestamp(record.started_seconds, UTC).strftime("%Y-%m-%d %H:%M")
    plain = {
        key: value for key, value in sorted(record.parameters.items()) if isinstance(value, str | int | float) and key != "run"
    }
    told = [f"{key}={value}" for key, value in plain.items()]
    parts = [record.run, f"{day} UTC", f"{record.ended_seconds - record.started_seconds:.1f} s", *told[:4]]
    return f"{escape(record.step)} [dim]{escape(', '.join(parts))}{', …' if len(told) > 4 else ''}[/dim]"
