"""plan-retraining: from a drift report to what is done about it, by the table of ``hydatis_lifecycle.retraining``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.retraining import Action, DriftReport, decide

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.whole_files import write_whole

__all__ = ["plan_retraining", "read_drift"]


def plan_retraining(*, drift: Path, out: Path, progress: Progress) -> dict[str, Any]:
    """Decides what a drift calls for."""
    plan = decide(read_drift(drift))
    progress(1, 1, f"{plan.action.value}: {plan.reason}")
    said = {"action": plan.action.value, "families": list(plan.families), "reason": plan.reason}
    write_whole(out, (json.dumps(said, indent=1) + "\n").encode())
    return {"out": str(out), **said, "trains": plan.action in (Action.INCREMENTAL, Action.FULL)}


def read_drift(path: Path) -> DriftReport:
    """The drift report of a file.

    Raises:
        InvalidValue: there is none, or it says something else.
    """
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as wrong:
        raise InvalidValue(f"{path} cannot be read: {wrong}", field="drift", expected="a drift report (JSON)") from None
    if not isinstance(value, dict):
        raise InvalidValue(f"{path} holds no object", field="drift", expected="a drift report (JSON)")
    return DriftReport.from_json(value)
