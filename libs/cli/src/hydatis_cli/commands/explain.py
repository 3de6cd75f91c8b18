"""`hydatis explain`: why a pod was placed where it was."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from hydatis_core.errors import UnknownNode
from rich.table import Table

from hydatis_cli.console import out
from hydatis_cli.decision_records import DecisionRecords
from hydatis_cli.options import DEFAULT_STATE, JsonOption, StateOption, TokenFileOption, read_token

__all__ = ["explain", "sentence"]


def explain(
    pod: Annotated[str | None, typer.Argument(help="UID of the pod, or NAMESPACE/NAME. Left out: the newest decisions.")] = None,
    state: StateOption = DEFAULT_STATE,
    extender: Annotated[str | None, typer.Option("--extender", help="URL of an extender that runs elsewhere.")] = None,
    token_file: TokenFileOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many decisions, newest first.")] = 1,
    json_: JsonOption = False,
) -> None:
    """Show why a pod was placed where it was: the best nodes, their figures, and what was missing.

    Reads the running stack, or the records in the state folder when it is down. Example: hydatis explain default/web-0
    """
    records = DecisionRecords(state, extender, read_token(token_file)).of_pod(pod or "", limit)
    if not records:
        raise UnknownNode(
            f"no decision about {pod!r} is kept" if pod else "no decision is kept", field="POD", expected="a pod that was placed"
        )
    if json_:
        typer.echo(json.dumps(records, indent=2))
        return
    for record in records:
        out.print(sentence(record))
        if record["top"]:
            out.print(_table(record))


def sentence(record: dict[str, Any]) -> str:
    """One decision in words.

    Args:
        record: a decision record as JSON values.
    """
    pod = record["pod"]
    name = f"{pod['namespace']}/{pod['name'] or pod['uid']}"
    bound = record["bound_node"]
    chosen = record["chosen_node"] or "no node"
    where = f"first choice {chosen}" + (f", bound to {bound}" if bound else ", not bound yet")
    rung = record["rung"] or "no rung"
    why = f" ({record['rung_reason']})" if record["rung_reason"] else ""
    parts = [
        f"[bold]{name}[/bold]: {where}.",
        f"Rung {rung}{why}, generation {record['generation']}, {record['latency_milliseconds']:.1f} ms.",
        f"Decision {record['decision_id']}" + (", recorded with its whole input." if record["full_input"] else "."),
        f"{record['candidate_count']} candidates, {record['rejected_count']} rejected"
        + (" (all would have been, so none was)." if record["filter_waived"] else "."),
    ]
    use = record["expected_use"]
    if use is not None:
        parts.append(
            f"Expected to use {use['cpu_p50_cores']:.2f} to {use['cpu_p95_cores']:.2f} cores and "
            f"{use['memory_p50_bytes'] / 2**30:.2f} to {use['memory_p95_bytes'] / 2**30:.2f} GiB (p50 to p95, by {use['source']})."
        )
    if record["risk_masked"]:
        parts.append("The anomaly detector's risk was missing and masked.")
    if record["shadow"]:
        parts.append("Shadow: recorded only, a neutral answer was given.")
    if record["model_versions"]:
        parts.append("Models: " + ", ".join(record["model_versions"]) + ".")
    return " ".join(parts)


def _table(record: dict[str, Any]) -> Table:
    table = Table("node", "score", "utility", "CPU p50 / p95", "memory p50 / p95", "risk", "credit", "rejected")
    for reason in record["top"]:
        table.add_row(
            reason["node_name"] + (" *" if reason["node_name"] == record["bound_node"] else ""),
            str(reason["score"]),
            _number(reason["utility"], "{:.3f}"),
            f"{_number(reason['cpu_p50_ratio'], '{:.0%}')} / {_number(reason['cpu_p95_ratio'], '{:.0%}')}",
            f"{_number(reason['memory_p50_ratio'], '{:.0%}')} / {_number(reason['memory_p95_ratio'], '{:.0%}')}",
            _number(reason["risk"], "{:.2f}"),
            f"{reason['credit_cpu_cores']:.2f} cores, {reason['credit_memory_bytes'] / 2**30:.2f} GiB",
            reason["rejected"],
        )
    table.caption = "after placement, maximum over the next hour, share of allocatable; * is where it was bound"
    return table


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)
