"""What came of a pipeline run: from the journal of its steps to figures and a table.

The share of orchestration is what the run took less what its steps took: starting them, handing files on, deciding branches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydatis_pipelines.step_journal import DONE, FAILED, RUNNING, StepEntry

__all__ = ["report_of", "summary_of"]

FORMAT = "hydatis-pipeline-run/1"


def report_of(run: str, started: Mapping[str, Any], entries: Sequence[StepEntry], ended_seconds: float) -> dict[str, Any]:
    """The report of a run.

    Args:
        run: its identity.
        started: ``pipeline``, ``options`` and ``started_seconds``, as whoever started it wrote them; may be empty.
        entries: of the journal, in order of time.
        ended_seconds: Unix time.

    Returns:
        JSON values. ``status`` is "succeeded", "stopped" (at the quality gate) or "failed".
    """
    begun = float(started.get("started_seconds", entries[0].started_seconds if entries else ended_seconds))
    seconds = max(ended_seconds - begun, 0.0)
    in_steps = sum(entry.seconds for entry in entries)
    failed = [entry for entry in entries if entry.status != DONE]
    results = {entry.task: entry.result for entry in entries}
    status = "failed" if failed else "stopped" if "stop" in results else "succeeded"
    return {
        "format": FORMAT,
        "run": run,
        "pipeline": started.get("pipeline", ""),
        "options": started.get("options", {}),
        "status": status,
        "started_seconds": begun,
        "seconds": round(seconds, 2),
        "step_seconds": round(in_steps, 2),
        "orchestration_seconds": round(seconds - in_steps, 2),
        "cached_count": sum(entry.cached for entry in entries),
        "steps": [
            {
                "task": entry.task,
                "status": FAILED if entry.status == RUNNING else entry.status,
                "seconds": round(entry.seconds, 2),
                "cached": entry.cached,
                **({"cache_refusal": entry.cache_refusal} if entry.cache_refusal else {}),
                **({"error": entry.error} if entry.error else {}),
            }
            for entry in entries
        ],
        "failures": {entry.task: entry.error or "it ended without a word" for entry in failed},
        "gate": results.get("stop", {}).get("reasons", []),
        "verdicts": _joined(results, "verdicts"),
        "business": {
            task: result["reason"]
            for task, result in results.items()
            if "scores" in result and "passed" in result and "reason" in result
        },
        "registered": [one for result in results.values() for one in result.get("registered", [])],
        "not_registered": _joined(results, "not_registered"),
        "plan": {name: results["plan-retraining"][name] for name in ("action", "families", "reason")}
        if "action" in results.get("plan-retraining", {})
        else {},
        "fell_back": _joined(results, "fell_back"),
    }


def summary_of(report: Mapping[str, Any]) -> str:
    """The report as lines for people."""
    lines = [f"run {report['run']} ({report['pipeline']}): {report['status']}", ""]
    lines += [
        f"  {step['task']:28} {step['seconds']:8.2f} s  {step['status']}{' (cached)' if step['cached'] else ''}"
        f"{': ' + step['error'] if 'error' in step else ''}"
        for step in report["steps"]
    ]
    lines += [
        f"  {'orchestration':28} {report['orchestration_seconds']:8.2f} s",
        f"  {'whole':28} {report['seconds']:8.2f} s",
        "",
    ]
    plan = report["plan"]
    lines += [f"plan: {plan['action']} of {', '.join(plan['families']) or 'nothing'}: {plan['reason']}"] if plan else []
    lines += list(report["gate"])
    lines += [f"{name}: {verdict}" for name, verdict in report["verdicts"].items()]
    lines += [f"{task}: {reason}" for task, reason in report["business"].items()]
    lines += [f"registered: {one['name']} {one['version']} (signed by {one['signer'][:16]})" for one in report["registered"]]
    lines += [f"not registered: {name}: {reason}" for name, reason in report["not_registered"].items()]
    lines += [f"fell back: {name}: {said}" for name, said in report["fell_back"].items()]
    lines += [f"failed: {task}: {error}" for task, error in report["failures"].items()]
    return "\n".join(lines) + "\n"


def _joined(results: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """One mapping from those that several steps of a kind gave."""
    return {key: value for result in results.values() for key, value in dict(result.get(name, {})).items()}
