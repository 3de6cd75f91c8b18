"""What may be reported of pods, and what of it subscribers are told again after a restart."""

from __future__ import annotations

from collections.abc import Sequence

from hydatis_core.errors import InvalidValue, UnknownNode
from hydatis_features.engine import FeatureEngine
from hydatis_serving.events import BindDelta, PodEvent, PodEventKind

__all__ = ["check_report", "recent_binds"]


def check_report(events: Sequence[PodEvent], engine: FeatureEngine) -> None:
    """Refuses a report as a whole, before any of it is taken.

    Raises:
        UnknownNode: a pod is bound to a node that the cluster lacks.
        InvalidValue: the events are not in order of time.
    """
    newest = 0.0
    for position, event in enumerate(events):
        if event.kind is PodEventKind.BOUND and event.node_name not in engine.state.node_index:
            shown = f"pod {event.pod.uid!r} is bound to {event.node_name[:100]!r}, which is not in the cluster"
            raise UnknownNode(shown, field=f"events[{position}].node_name")
        if event.event_time_seconds < newest:
            shown = f"the event at {event.event_time_seconds} comes after {newest}"
            raise InvalidValue(shown, field=f"events[{position}].event_time_seconds", expected="events in order of time")
        newest = event.event_time_seconds


def recent_binds(engine: FeatureEngine, generation: int) -> list[BindDelta]:
    """Deltas of the pods that measurements do not wholly show yet, in order of time."""
    since = generation - engine.scrape_delay_seconds - engine.metric_window_seconds
    counted_generation = max(generation - int(engine.tick_seconds), 0)
    return [
        BindDelta(
            generation if bound.bind_time_seconds >= generation else counted_generation,
            PodEvent(PodEventKind.BOUND, bound.pod, bound.node_name, bound.bind_time_seconds),
            bound.expected,
        )
        for bound in sorted(engine.state.bound_pods(), key=lambda bound: bound.bind_time_seconds)
        if bound.bind_time_seconds >= since
    ]
