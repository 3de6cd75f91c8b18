"""`hydatis replay --decision`: one recorded decision computed again and compared with what was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import typer
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_placement.q_function import QFunction
from rich.table import Table

from hydatis_cli.console import out
from hydatis_cli.decision_records import DecisionRecords
from hydatis_cli.recomputed_decision import Recomputed, needed_policy, recompute
from hydatis_cli.state_folder import StateFolder

__all__ = ["replay_decision"]

_SHOWN_COUNT = 5


def replay_decision(decision_id: str, state: Path, extender: str | None, token: str, *, json_: bool) -> None:
    """Recomputes, prints, and ends with code 1 when it comes to something else than was recorded.

    Args:
        decision_id: as `hydatis explain` tells it.
        state: folder of the stack; its models hold the version of the policy that decided.
        extender: URL of an extender that runs elsewhere; None: the stack's records.
        token: bearer token for it.
        json_: print JSON.
    """
    record = DecisionRecords(state, extender, token).by_id(decision_id)
    version = needed_policy(record)
    found = recompute(record, None if version is None else _policy(StateFolder(state).models, version))
    if json_:
        typer.echo(json.dumps(_plain(record, version, found), indent=2))
    else:
        _show(record, version, found)
    if not found.same:
        raise typer.Exit(1)


def _policy(models: Path, version: str) -> QFunction:
    artifact = ArtifactFolder(models).load("placement-policy", version)
    return QFunction.from_files(artifact.files, input_count=len(artifact.manifest.columns))


def _plain(record: dict[str, Any], version: str | None, found: Recomputed) -> dict[str, Any]:
    return {
        "decision_id": record["decision_id"],
        "rung": record["rung"],
        "policy_version": version,
        "same": found.same,
        "largest_difference": found.largest_difference,
        "candidates": [
            {"node_name": name, "recorded": float(then), "recomputed": float(now)}
            for name, then, now in zip(found.node_names, found.recorded, found.recomputed, strict=True)
        ],
    }


def _show(record: dict[str, Any], version: str | None, found: Recomputed) -> None:
    by = f"rung {record['rung']}" + (f", placement-policy {version}" if version is not None else "")
    verdict = "[bold green]the same[/bold green]" if found.same else "[bold red]something else[/bold red]"
    out.print(
        f"Decision {record['decision_id']} ({by}): {verdict}. Largest difference over {len(found.node_names)} candidates: "
        f"{found.largest_difference:.2g}."
    )
    table = Table("node", "utility recorded", "recomputed", title="best by what was recorded")
    for position in np.argsort(-found.recorded, kind="stable")[:_SHOWN_COUNT]:
        table.add_row(found.node_names[position], f"{found.recorded[position]:.6f}", f"{found.recomputed[position]:.6f}")
    out.print(table)
