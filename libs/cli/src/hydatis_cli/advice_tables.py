"""Advice for people at a terminal: what is asked for now, what is advised, what that risks, and what is left alone and why."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from hydatis_sizing.recommendation import Amounts, Recommendation
from hydatis_sizing.untouched import REASONS
from rich.box import SIMPLE_HEAD
from rich.table import Table

from hydatis_cli.advice_files import workloads
from hydatis_cli.stored_figures import storable

__all__ = ["advice_figures", "advice_tables", "choices_table", "totals"]

_GIB = 2.0**30


def advice_tables(advice: Sequence[Recommendation], most_rows: int) -> list[Table]:
    """The containers, the greatest savings first, and why others are left alone.

    Args:
        advice: what is advised.
        most_rows: containers shown, > 0.
    """
    rows = Table(title="Requests and memory limits, now > advised", box=SIMPLE_HEAD, pad_edge=False)
    rows.add_column("container x pods", overflow="fold", min_width=22)
    for title in ("CPU\ncores", "memory\nGiB", "limit\nGiB", "CPU\nabove", "kills\n/year"):
        rows.add_column(title, justify="right", no_wrap=True)
    for one in sorted(advice, key=_saved, reverse=True)[:most_rows]:
        name = one.container
        rows.add_row(
            f"{name.namespace} {name.workload} {name.container} x{one.pods_count}"
            + (f"\n  left alone: {one.untouched}" if one.untouched else ""),
            _change(one.owned.cpu_cores, one.requests.cpu_cores),
            _change(one.owned.memory_bytes / _GIB, one.requests.memory_bytes / _GIB),
            _change(one.owned_memory_limit_bytes / _GIB, one.memory_limit_bytes / _GIB),
            "?" if math.isnan(one.risk.cpu_above_ratio) else f"{100 * one.risk.cpu_above_ratio:.1f} %",
            "?" if math.isnan(one.risk.kills_per_pod_day) else f"{365 * one.risk.kills_per_pod_day:.2g}",
        )
    if len(advice) > most_rows:
        rows.caption = f"{len(advice) - most_rows} more; --rows shows them"
    return [rows, _sums(advice), *_reasons(advice)]


def choices_table(by_choice: Mapping[str, Sequence[Recommendation]], chosen: str) -> Table:
    """What each choice between savings and harm would ask for, and its expected harm, over the pods that may be sized.

    Args:
        by_choice: advice by the name of the choice.
        chosen: the one whose advice is shown.
    """
    table = Table(title="Choices", caption=f"{chosen} is what is shown here; --choice takes another")
    for title in ("choice", "CPU\ncores", "memory\nGiB", "time\nabove CPU", "time above\nmemory", "kills of 100\npods a year"):
        table.add_column(title, justify="left" if title == "choice" else "right")
    for name, advice in by_choice.items():
        told = totals(advice)
        table.add_row(
            name,
            f"{told.get('cpu_cores_advised', 0.0):,.1f}",
            f"{told.get('memory_bytes_advised', 0.0) / _GIB:,.1f}",
            _share(told["cpu_above_ratio"]),
            _share(told["memory_above_ratio"]),
            "?" if math.isnan(told["kills_per_pod_day"]) else f"{100 * 365 * told['kills_per_pod_day']:,.0f}",
            style="bold" if name == chosen else None,
        )
    return table


def totals(advice: Sequence[Recommendation]) -> dict[str, Any]:
    """Sums over running pods: requested now, and if the advice were taken as far as it may be and saves; and the mean of the
    expected harm over the pods that may be sized, NaN where there are none."""
    sums: defaultdict[str, float] = defaultdict(float)
    for one in advice:
        for name, now, then in (
            ("cpu_cores", one.owned.cpu_cores, one.requests.cpu_cores),
            ("memory_bytes", one.owned.memory_bytes, one.requests.memory_bytes),
        ):
            if not now > 0:
                continue
            keeps = bool(one.untouched) or math.isnan(then)
            sums[f"{name}_now"] += one.pods_count * now
            sums[f"{name}_advised"] += one.pods_count * (now if keeps else min(now, then))
    risks = {name: _mean_risk(advice, name) for name in ("cpu_above_ratio", "memory_above_ratio", "kills_per_pod_day")}
    return {"workloads_count": len(workloads(advice)), "containers_count": len(advice), **sums, **risks}


def _mean_risk(advice: Sequence[Recommendation], name: str) -> float:
    known = [(one.pods_count, getattr(one.risk, name)) for one in advice if not one.untouched]
    known = [(count, value) for count, value in known if not math.isnan(value)]
    pods = sum(count for count, _ in known)
    return sum(count * value for count, value in known) / pods if pods else math.nan


def advice_figures(advice: Sequence[Recommendation], by_choice: Mapping[str, Sequence[Recommendation]]) -> dict[str, Any]:
    """For programs.

    Args:
        advice: what is advised.
        by_choice: advice by the name of every choice, for its totals.
    """
    return {
        "totals": storable(totals(advice)),
        "choices": {name: storable(totals(made)) for name, made in by_choice.items()},
        "recommendations": [
            {
                "namespace": one.container.namespace,
                "workload": one.container.workload,
                "container": one.container.container,
                "pods_count": one.pods_count,
                "owned": _figures(one.owned, one.owned_memory_limit_bytes),
                "advised": _figures(one.requests, one.memory_limit_bytes),
                "cpu_above_ratio": storable(one.risk.cpu_above_ratio),
                "memory_above_ratio": storable(one.risk.memory_above_ratio),
                "kills_per_pod_day": storable(one.risk.kills_per_pod_day),
                "history_days": storable(one.history_days),
                "made_at_seconds": one.made_at_seconds,
                "untouched": one.untouched,
            }
            for one in advice
        ],
    }


def _figures(amounts: Amounts, limit: float) -> dict[str, float | None]:
    told = {"cpu_cores": amounts.cpu_cores, "memory_bytes": amounts.memory_bytes, "memory_limit_bytes": limit}
    return {name: None if math.isnan(value) else value for name, value in told.items()}


def _saved(one: Recommendation) -> float:
    """Cores that it would give back, with memory at 4 GiB a core; what is left alone comes last."""
    if one.untouched:
        return -math.inf
    cpu, memory = one.owned.cpu_cores - one.requests.cpu_cores, one.owned.memory_bytes - one.requests.memory_bytes
    return one.pods_count * sum(value for value in (cpu, memory / (4 * _GIB)) if not math.isnan(value))


def _sums(advice: Sequence[Recommendation]) -> Table:
    told = totals(advice)
    table = Table("", "now", "advised", "less", title="Requests of running pods, as far as they may be sized")
    for name, field, unit in (("CPU, cores", "cpu_cores", 1.0), ("memory, GiB", "memory_bytes", _GIB)):
        now, then = (told.get(f"{field}_{which}", 0.0) / unit for which in ("now", "advised"))
        table.add_row(name, f"{now:,.1f}", f"{then:,.1f}", f"{100 * (1 - then / now):.0f} %" if now else "?")
    return table


def _reasons(advice: Sequence[Recommendation]) -> list[Table]:
    counts = Counter(one.untouched for one in advice if one.untouched)
    if not counts:
        return []
    table = Table("left alone", "containers", "because", title="Left alone")
    for code, count in counts.most_common():
        table.add_row(code, str(count), REASONS.get(code, ""))
    return [table]


def _share(ratio: float) -> str:
    return "?" if math.isnan(ratio) else f"{100 * ratio:.2f} %"


def _change(now: float, then: float) -> str:
    shown, advised = ("-" if math.isnan(value) else f"{value:.3g}" for value in (now, then))
    return shown if advised in ("-", shown) else f"{shown} > {advised}"
