"""An assessment in tables: the same rows on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from rich.table import Table

from hydatis_cli.assess_forecast_tables import forecasts_rows, law_rows, worst_rows
from hydatis_cli.assess_savings import RATIOS
from hydatis_cli.assess_words import RESOURCES, Rows, amount, headline, node_count, percent, with_interval

__all__ = ["assess_rows", "assess_tables"]

Json = dict[str, Any]
_SHOWN_COUNT = 10
#: The violation that is shown where there is room for one.
_MAIN = "0.01"
_FAMILIES = {"today": "", "ours": "HYDATIS", "peer": "peer", "bound": "bound"}


def assess_tables(figures: Json) -> list[Table]:
    """For the terminal."""
    tables = []
    for number, rows in enumerate(assess_rows(figures, is_narrow=True)):
        caption = "\n".join(headline(figures)) if number == 0 else None
        table = Table(title=f"{caption}\n\n{rows.title}" if caption else rows.title, title_justify="left")
        for position, column in enumerate(rows.columns):
            is_text = position < rows.left_columns_count
            table.add_column(column, justify="left" if is_text else "right", overflow="fold")
        for cells in rows.cells:
            table.add_row(*cells)
        tables.append(table)
    return tables


def assess_rows(figures: Json, *, is_narrow: bool = False) -> Iterator[Rows]:
    """All tables, in order.

    Args:
        figures: as stored in JSON.
        is_narrow: for a terminal: fewer columns.
    """
    if figures["savings"]:
        yield _levers(figures, is_narrow=is_narrow)
        yield _harm(figures["savings"]["harm"])
    yield from _waste(figures["waste"], ("requested", "mean", "p95", "wasted") if is_narrow else _USE)
    if figures["forecasts"]:
        yield forecasts_rows(figures["forecasts"])
        yield worst_rows(figures["forecasts"]["workloads"])
    if figures["savings"] and not is_narrow:
        yield law_rows(figures["savings"]["law"])
    if figures["care"]["workloads"]:
        yield _reasons(figures["care"])
        yield _care(figures["care"])


#: Of columns where a bare name says too little.
_HEADS = {"mean": "mean use", "p95": "95th %", "max": "most use"}
_USE = ("requested", "mean", "p95", "max", "wasted")


def _levers(figures: Json, *, is_narrow: bool) -> Rows:
    savings, saved = figures["savings"], figures["saved"]
    levers = [*savings["levers"], _fluid(savings["bounds"]["fluid_nodes"])]
    oracle = next(lever["nodes"][_MAIN]["value"] for lever in levers if lever["name"] == "oracle")

    def saving(ratio: str, what: str) -> Callable[[Json], Json | None]:
        return lambda lever: (saved["levers"].get(lever["name"], {}).get(ratio) or {}).get(what)

    columns: dict[str, Callable[[Json], str]] = {"lever": lambda lever: lever["text"]}
    if not is_narrow:
        columns["by"] = lambda lever: _FAMILIES[lever["family"]]
    for ratio, text in RATIOS.items():
        columns[f"nodes at {text}"] = partial(_nodes, ratio, not is_narrow or ratio == _MAIN)
    for ratio in (_MAIN,) if is_narrow else RATIOS:
        columns[f"saved at {RATIOS[ratio]}"] = partial(_value, saving(ratio, "ratio"), percent)
    columns[f"x oracle at {RATIOS[_MAIN]}"] = lambda lever: _over(lever["nodes"][_MAIN]["value"], oracle)
    if not is_narrow:
        columns[f"worst node at {RATIOS[_MAIN]}"] = lambda lever: percent(lever["nodes"][_MAIN]["worst_node_violation_ratio"], 1)
    if "currency" in saved:
        shown = _value if is_narrow else _interval
        columns[f"{saved['currency']} a month saved at {RATIOS[_MAIN]}"] = partial(shown, saving(_MAIN, "money_a_month"), _money)
    now = f"{savings['nodes_now']:,.0f} nodes now; " if savings["nodes_now"] is not None else ""
    beside = "the nodes that are there" if saved["beside"] == "now" else "what today's requests need"
    return Rows(
        f"Nodes needed, by node-time allowed above 90 % CPU or 95 % memory; {now}saved beside {beside}",
        _how_counted(savings),
        tuple(columns),
        tuple(tuple(cell(lever) for cell in columns.values()) for lever in levers),
        left_columns_count=1 if is_narrow else 2,
    )


def _how_counted(savings: Json) -> str:
    node, days = savings["node"], savings["days"]
    return (
        f"Nodes of {node['cpu_cores']:g} cores and {node['memory_bytes'] / 2**30:,.0f} GiB ({node['cpu_share_ratio']:.0%} of the "
        f"CPU is of this shape). Policies and sizers know {days['history_days']} days, pods arrive on the next, and the "
        f"{days['judged_days']} days after are judged; nobody saw those. {savings['samples_count']} samples of "
        f"{savings['sample_pods_count']:,} pods stand for {savings['pods_count']:,}: one node of a sample is "
        f"{savings['grain_nodes']:.2g} of the cluster. Brackets: 95 % over samples, orders of arrival and shifted days. "
        "Tuned peers were tuned inside the history. Where requests do not bind, a scheduler would have to place beyond requests, "
        "which no scheduler of Kubernetes may. Never: not even many more nodes were enough, because single pods fill a node or "
        "find none that takes them."
    )


def _fluid(bound: Json) -> Json:
    nodes = dict.fromkeys(RATIOS, bound | {"worst_node_violation_ratio": 0.0})
    return {"name": "fluid", "text": "L1: pods cut and moved at will, no violation", "family": "bound", "nodes": nodes}


def _nodes(ratio: str, has_interval: bool, lever: Json) -> str:
    nodes = lever["nodes"][ratio]
    if nodes["value"] is None:
        return "never"
    return with_interval(nodes, node_count) if has_interval else node_count(nodes["value"])


def _interval(found: Callable[[Json], Json | None], shown: Callable[[float], str], lever: Json) -> str:
    one = found(lever)
    return with_interval(one, shown) if one else "-"


def _value(found: Callable[[Json], Json | None], shown: Callable[[float], str], lever: Json) -> str:
    one = found(lever)
    return shown(one["value"]) if one else "-"


def _money(amount_a_month: float) -> str:
    return f"{amount_a_month:,.0f}"


def _harm(harm: Json) -> Rows:
    names = {"hydatis": "HYDATIS", "autoscaler": "Vertical Pod Autoscaler"}
    columns = ("cpu_asked_ratio", "cpu_above_ratio", "memory_asked_ratio", "memory_above_ratio", "pods_above_limit_ratio")
    return Rows(
        "What smaller requests would have meant, sized once before the judged days",
        "Above: pod-time with more use than asked for. CPU above a request is not cut off, it is no longer promised. A pod above "
        "its memory limit is killed once and made larger. Sizes that are made anew each day follow growth that these do not; the "
        "right-sizer keeps the limits of owners.",
        (
            "sizes by",
            "CPU asked, of today's",
            "CPU above",
            "memory asked, of today's",
            "memory above",
            "pods above their memory limit",
        ),
        tuple((names[name], *(percent(found[column], 2) for column in columns)) for name, found in harm.items()),
    )


def _waste(waste: Json, figures: Sequence[str]) -> Iterator[Rows]:
    yield _use("Namespaces that waste most", waste["namespaces"], ("namespace",), figures)
    yield _use("Workloads that waste most", waste["workloads"], ("namespace", "workload"), figures)
    if waste["nodes"]:
        yield _use("Nodes that waste most", waste["nodes"], ("node",), ("allocatable", *figures))


def _use(title: str, rows: Sequence[Json], names: tuple[str, ...], figures: Sequence[str]) -> Rows:
    columns = [*names, "containers", "no request"]
    for name, _, unit, _ in RESOURCES:
        columns += [f"{name} {figures[0]}, {unit}", *(_HEADS.get(figure, figure) for figure in figures[1:])]
    shown = rows[:_SHOWN_COUNT]
    cells = [
        (
            *(row[name] for name in names),
            f"{row['containers_count']:,}",
            f"{row['unsized_count']:,}",
            *(amount(row[f"{figure}_{end}"], scale) for _, end, _, scale in RESOURCES for figure in figures),
        )
        for row in shown
    ]
    more = f" ({len(shown)} of {len(rows):,})" if len(rows) > len(shown) else ""
    text = "Wasted: request less mean use, of every running container that uses less. Use is of the sum at each moment."
    return Rows(title + more, text, tuple(columns), tuple(cells), left_columns_count=len(names))


def _reasons(care: Json) -> Rows:
    cells = tuple((care["texts"].get(code, code), f"{count:,}") for code, count in care["counts"].items())
    return Rows("Workloads not to touch, or with care", "A workload may have several reasons.", ("why", "workloads"), cells)


def _care(care: Json) -> Rows:
    shown = care["workloads"][: 2 * _SHOWN_COUNT]
    cells = tuple(
        (
            one["namespace"],
            one["workload"],
            ", ".join(one["cpu"]) or "may be sized",
            ", ".join(one["memory"]) or "may be sized",
            f"{one['requested_cpu_cores']:,.1f}",
        )
        for one in shown
    )
    more = f" ({len(shown)} of {len(care['workloads']):,}; all are in the JSON)" if len(care["workloads"]) > len(shown) else ""
    return Rows(
        f"The largest of them{more}",
        "By resource.",
        ("namespace", "workload", "CPU", "memory", "cores requested"),
        cells,
        left_columns_count=4,
    )


def _over(nodes: float | None, oracle: float | None) -> str:
    return f"{nodes / oracle:.2f}" if nodes and oracle else "-"
