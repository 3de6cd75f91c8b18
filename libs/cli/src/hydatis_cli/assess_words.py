"""Numbers and sentences of an assessment as people read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

__all__ = ["RESOURCES", "Rows", "amount", "headline", "node_count", "percent", "signed", "with_interval"]

Json = dict[str, Any]
#: As it is shown, end of names of figures, unit, what of it is one unit.
RESOURCES = (("CPU", "cpu_cores", "cores", 1.0), ("Memory", "memory_bytes", "GiB", 2.0**30))


@dataclass(frozen=True)
class Rows:
    """A table."""

    title: str
    text: str
    """What its numbers mean, for the page."""
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    left_columns_count: int = 1
    """Columns of words."""


def headline(figures: Json) -> list[str]:
    """The sentences that a reader takes away."""
    capture, cluster = figures["capture"], figures["waste"]["cluster"]
    start, end = (datetime.fromtimestamp(capture[name], UTC).strftime("%Y-%m-%d") for name in ("start_seconds", "end_seconds"))
    nodes = f", {capture['nodes_count']:,} nodes" if capture["nodes_told"] else " (it tells of no nodes: made-up ones are used)"
    said = [f"{capture['source']}: {capture['pods_count']:,} pods{nodes}, {capture['days']} days, {start} to {end}."]
    for name, end_of_name, unit, scale in RESOURCES:
        asked, mean, p95 = (cluster[f"{figure}_{end_of_name}"] for figure in ("requested", "mean", "p95"))
        room = cluster[f"allocatable_{end_of_name}"]
        of_room = f" ({asked / room:.0%} of what nodes have)" if room else ""
        used = (
            f"{mean / asked:.0%} of it is used on average, {p95 / asked:.0%} at the 95th percentile"
            if asked and mean
            else "unknown use"
        )
        said.append(f"{name}: {asked / scale:,.0f} {unit} requested{of_room}; {used}.")
    if cluster["unsized_count"]:
        said.append(f"{cluster['unsized_count']:,} of {cluster['containers_count']:,} containers ask for no CPU or for no memory.")
    if capture["gap_days"]:
        said.append(f"Nothing is known of {capture['gap_days']:.1f} days ({len(capture['gaps'])} gaps).")
    if cluster["violation_ratio"] is not None:
        said.append(f"Nodes were above 90 % CPU or 95 % memory {percent(cluster['violation_ratio'], 2)} of their time.")
    if figures["savings"]:
        said.append(_most(figures))
    return said


def _most(figures: Json) -> str:
    """What sizing and placing by use saves, and what could at most be."""
    nodes = {lever["name"]: lever["nodes"]["0.01"] for lever in figures["savings"]["levers"]}
    if nodes["both"]["value"] is None:
        return "Right-sized and placed by use, no number of nodes keeps violation within 1 % of node-time."
    saved = figures["saved"]["levers"]["both"]["0.01"]
    told = f"Right-sized and placed by use, {with_interval(nodes['both'], node_count)} nodes keep violation within 1 % of node-time"
    beside = "the nodes that are there" if figures["saved"]["beside"] == "now" else "what today's requests need"
    told += f": {percent(saved['ratio']['value'])} below {beside}" if saved else ""
    if nodes["oracle"]["value"] is not None:
        told += f". Whoever knew all use to come would need {node_count(nodes['oracle']['value'])}"
    return f"{told}."


def with_interval(found: Json, shown: Callable[[float], str]) -> str:
    """A value with its interval in brackets, where it has one."""
    if found["low"] is None:
        return shown(found["value"])
    return f"{shown(found['value'])} ({shown(found['low'])} .. {shown(found['high'])})"


def node_count(nodes: float) -> str:
    """Nodes."""
    return f"{nodes:,.0f}" if abs(nodes) >= 100 else f"{nodes:.1f}"


def amount(value: float | None, scale: float) -> str:
    """An amount in units."""
    if value is None:
        return "unknown"
    return f"{value / scale:,.0f}" if value / scale >= 100 else f"{value / scale:,.1f}"


def percent(ratio: float | None, digits: int = 0) -> str:
    """0.05 as 5 %."""
    return "-" if ratio is None else f"{100 * ratio:.{digits}f} %"


def signed(ratio: float | None) -> str:
    """The same with its sign."""
    return "-" if ratio is None else f"{100 * ratio:+.0f} %"
