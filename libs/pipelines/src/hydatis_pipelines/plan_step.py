"""plan-retraining: from a drift report to what is done about it, by the table of ``hydatis_lifecycle.retraining``.

A family without a champion is trained, too: there is nothing to put in its place. It also says which days are learned from: all of
the part for a full training; for an incremental one the newest, since what came before them is what the champions know.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.retraining import FAMILIES, Action, DriftReport, decide

from hydatis_pipelines.champions import champion_of
from hydatis_pipelines.progress import Progress
from hydatis_pipelines.whole_files import write_whole

__all__ = ["INCREMENTAL_DAYS", "plan_retraining", "read_drift"]

#: Newest days that an incremental training learns from: a day to learn, with every hour, and one more to calibrate and judge.
INCREMENTAL_DAYS = 2


def plan_retraining(
    *, drift: Path, models_dir: Path, trace: str, start_day: int | None, days: int | None, out: Path, progress: Progress
) -> dict[str, Any]:
    """Decides what a drift calls for, and which days are learned from."""
    from hydatis_pipelines.trace_parts import choice_of

    part = choice_of(trace).train
    first, count = part.start_day if start_day is None else start_day, days or part.days
    plan = decide(read_drift(drift))
    used = min(count, INCREMENTAL_DAYS) if plan.action is Action.INCREMENTAL else count
    trains = plan.action in (Action.INCREMENTAL, Action.FULL)
    missing = [name for name in FAMILIES if trains and name not in plan.families and champion_of(models_dir, name) is None]
    families = [name for name in FAMILIES if name in plan.families or name in missing]
    said = {
        "action": plan.action.value,
        "families": families,
        "reason": plan.reason + (f"; there is no champion of {', '.join(missing)}" if missing else ""),
        "trains": trains,
        "trained": {name: name in families for name in FAMILIES},
        "start_day": first + count - used,
        "days": used,
    }
    progress(1, 1, f"{said['action']}: {said['reason']}")
    write_whole(out, (json.dumps(said, indent=1) + "\n").encode())
    return {"out": str(out), **said}


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
