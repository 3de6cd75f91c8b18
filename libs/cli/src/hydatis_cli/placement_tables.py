"""The figures of `hydatis bench placement` as rows: the terminal and the page show the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.table import Table

__all__ = ["Rows", "placement_rows", "placement_tables", "policies_by_nodes", "shown_variants"]

Json = dict[str, Any]
_GROUPS = {
    "not-binding": "requests do not bind",
    "provisioned": "requests as provisioned bind",
    "right-sized": "requests right-sized from history bind",
    "second-wave": "two waves, requests do not bind",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """A table."""

    title: str
    text: str
    """How to read it."""
    columns: tuple[str, ...]
    cells: list[list[str]]
    short: tuple[int, ...] = ()
    """Columns that fit on a terminal; none: all."""


def placement_tables(figures: Json) -> Iterator[Table]:
    """Tables for a terminal."""
    for rows in placement_rows(figures):
        kept = rows.short or tuple(range(len(rows.columns)))
        table = Table(*(rows.columns[column] for column in kept), title=rows.title, caption=rows.text)
        table.columns[0].no_wrap = True
        for cells in rows.cells:
            table.add_row(*(cells[column].split(" [")[0] for column in kept))
        yield table


def placement_rows(figures: Json) -> Iterator[Rows]:
    """All tables, in reading order."""
    if "bounds" in figures:
        yield _bounds(figures)
    for group, part in figures.get("nodes_needed", {}).items():
        yield _nodes_needed(group, part, figures)
    if "frozen" in figures:
        yield _frozen(figures)
    for group, part in figures.get("fixed", {}).items():
        yield _fixed(group, part)
    if "levers" in figures:
        yield _levers(figures["levers"])
    if "fragmentation" in figures:
        yield _fragmentation(figures["fragmentation"])


def shown_variants(variants: Json) -> list[tuple[str, Json]]:
    """Rows of a policy by the name of their knobs; one where tuning chose the published ones."""
    alike = len(variants) == 2 and all(
        {key: one for key, one in row.items() if key != "curve"}
        == {key: one for key, one in variants["published"].items() if key != "curve"}
        for row in variants.values()
    )
    return [("published = tuned", variants["published"])] if alike else list(variants.items())


def policies_by_nodes(part: Json, ratio: str) -> list[tuple[str, str, Json]]:
    """(policy, variant, figures by allowed ratio) of E1, fewest nodes at the ratio first, those that never reach it last."""
    rows = [(name, variant, row) for name, variants in part["policies"].items() for variant, row in shown_variants(variants)]

    def nodes(row: tuple[str, str, Json]) -> tuple[float, str]:
        mean = row[2].get(ratio, {}).get("nodes_mean")
        return (float("inf") if mean is None else mean, row[0])

    return sorted(rows, key=nodes)


def _bounds(figures: Json) -> Rows:
    names = {
        "fluid_nodes": "L1 nodes, fluid",
        "request_nodes": "L3 nodes, requests",
        "cpu_ceiling_ratio": "L4 CPU",
        "memory_ceiling_ratio": "L4 memory",
        "mean_cores": "mean cores used",
        "mean_gib": "mean GiB used",
        "requested_cores": "cores asked for",
        "requested_gib": "GiB asked for",
    }
    cells = [
        [_GROUPS[group], *(_percent(part[name]) if name.endswith("ratio") else f"{part[name]:.0f}" for name in names)]
        for group, part in figures["bounds"].items()
    ]
    text = "Mean over seeds. L2 lies between L1 and what oracle-offline needs."
    return Rows("Limits", text, ("fleet", *names.values()), cells)


def _nodes_needed(group: str, part: Json, figures: Json) -> Rows:
    ratios = _ratios(part)
    columns = ["policy", "knobs"]
    for ratio in ratios:
        columns += [f"{float(ratio):.1%}", "x oracle", "x ours"]
    columns += ["used at 1 %", "worst node at 1 %", "CPU mean at 1 %"]
    cells = []
    for name, variant, row in policies_by_nodes(part, "0.01" if "0.01" in ratios else ratios[0]):
        line = [name, variant]
        for ratio in ratios:
            one = row.get(ratio) or {}
            line += [_nodes(one), _ratio(one.get("ratio_to_oracle")), _ratio(one.get("ratio_to_ours"))]
        one = row.get("0.01") or {}
        line += [
            _number(one.get("nodes_used_count")),
            _percent(one.get("worst_node_violation_ratio")),
            _percent(one.get("cpu_mean_ratio")),
        ]
        cells.append(line)
    protocol = figures["protocol"]
    seeds = protocol["seeds_count"] if group == "not-binding" else min(protocol["seeds_count"], protocol["binding_seeds_count"])
    text = (
        f"Nodes made available so that violation stays within the share, mean over {seeds} seeds; ratios with the "
        "95 % interval of a paired bootstrap over seeds. k/n: only k of n seeds ever reach it."
    )
    short = tuple(column for column in range(2 + 3 * len(ratios)) if column < 2 or (column - 2) % 3 < 2)
    return Rows(f"E1 nodes needed, {_GROUPS[group]}", text, tuple(columns), cells, short)


def _frozen(figures: Json) -> Rows:
    part = figures["frozen"]
    ratios = sorted({ratio for row in part.values() for ratio in row}, key=float)
    columns = ["policy"]
    for ratio in ratios:
        columns += [f"violation, frozen at {float(ratio):.1%}", "worst run"]
    cells = []
    for name, row in part.items():
        line = [name]
        for ratio in ratios:
            one = row.get(ratio, {})
            line += [_percent(one.get("violation_ratio")), _percent(one.get("violation_ratio_worst"))]
        cells.append(line)
    text = (
        "Nodes found on one half of the machines, scaled by the halves' use in the history, judged on the other half; tuned knobs."
    )
    return Rows("E1 node counts frozen on other machines", text, tuple(columns), cells)


_FIXED = {
    "violation_ratio": "violation",
    "worst_node_violation_ratio": "worst node",
    "hot_node_minutes": "hot-spot minutes",
    "throttled_core_seconds": "throttled core-hours",
    "out_of_memory_count": "OOM",
    "cpu_imbalance_ratio": "imbalance",
    "outcome_cost": "outcome cost",
}
_BURST = {
    "max_share_ratio": "greatest share / fair",
    "max_cpu_share_ratio": "by CPU",
    "hot_node_minutes_after": "hot minutes after",
}


def _fixed(group: str, part: Json) -> Rows:
    rows = [(name, variant, row) for name, variants in part["policies"].items() for variant, row in shown_variants(variants)]
    burst = _BURST if any("max_share_ratio" in row for _, _, row in rows) else {}
    cells = []
    for name, variant, row in sorted(rows, key=lambda one: (one[2]["unplaced_count"] > 0, one[2]["outcome_cost"])):
        line = [name, variant]
        for figure in _FIXED:
            line.append(_figure(figure, row.get(figure)))
        line += [_number(row.get(figure), 2) for figure in burst]
        line += [_ratio(row.get("outcome_cost_ratio_to_random")), _ratio(row.get("outcome_cost_ratio_to_best_peer"))]
        line.append(_number(row["unplaced_count"]))
        cells.append(line)
    nodes = rows[0][2]["nodes_count"]
    columns = ("policy", "knobs", *_FIXED.values(), *burst.values(), "cost x random", "cost x best peer", "pending")
    text = (
        f"{nodes:.0f} nodes, requests do not bind; tuned knobs are those for 1 % of E1. Least outcome cost first; who leaves pods "
        "pending stands last, out of comparison."
    )
    last = len(columns)
    short = (0, 1, 2, 4, 8, *((9, 11) if burst else ()), last - 3, last - 1)
    return Rows(group.replace("/", " "), text, columns, cells, short)


def _levers(part: Json) -> Rows:
    ratios = sorted((name for name in next(iter(part["rows"].values())) if name != "lever"), key=float)
    columns = ["lever"]
    for ratio in ratios:
        columns += [f"{float(ratio):.1%}", "worst node", "moves", "x oracle", "x L1", "x best peer"]
    cells = []
    for name, row in part["rows"].items():
        line = [name]
        for ratio in ratios:
            one = row[ratio]
            line += [
                _nodes(one),
                _percent(one["worst_node_of_all_violation_ratio"]),
                _number(one["most_moves_per_100_pod_days"], 2),
            ]
            line += [_ratio(one.get(f"ratio_to_{other}")) for other in ("oracle", "fluid", "peer")]
        cells.append(line)
    peers = ", ".join(
        f"{float(ratio):.1%}: {peer['policy'] or 'none'}" for ratio, peer in part["best_published_usage_aware_peer"].items()
    )
    text = (
        f"Nodes made available, mean over {len(part['seeds'])} seeds; worst node and moves (in 100 pod-days) of the worst seed. "
        f"Best published usage-aware peer, requests ignored: {peers}."
    )
    short = (0, 1, 2, 3, 4, 6, 7, 13)
    return Rows("E8 levers", text, tuple(columns), cells, short)


def _fragmentation(part: Json) -> Rows:
    cells = [
        [name, _number(row["gpu_allocated_pct"], 2), _number(row["published_pct"], 2)] for name, row in part["policies"].items()
    ]
    text = f"List {part['pod_list']}, {part['arrived_pct']} % of the cluster's GPU arrived, {len(part['seeds'])} seeds."
    return Rows("E7 GPU allocation, %", text, ("policy", "here", "published"), cells)


def _ratios(part: Json) -> list[str]:
    return sorted(
        {ratio for row in part["policies"].values() for one in row.values() for ratio in one if ratio != "curve"}, key=float
    )


def _nodes(one: Json) -> str:
    if not one:
        return "-"
    return f"{one['nodes_mean']:.1f}" if one["nodes_mean"] is not None else f"{one['reached']}/{len(one['nodes'])}"


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name == "throttled_core_seconds":
        return f"{value / 3600:.1f}"
    if name == "outcome_cost":
        return f"{value:.4f}"
    return _percent(value) if name.endswith("ratio") else _number(value)


def _ratio(value: Json | None) -> str:
    if value is None or value["value"] is None:
        return "-"
    if value["low"] is None or value["high"] is None:
        return f"{value['value']:.2f}"
    return f"{value['value']:.2f} [{value['low']:.2f},\u00a0{value['high']:.2f}]"  # a narrow column breaks before the interval


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
