"""A recorded decision computed again from the whole input that stands in its record: what was said then, and what is said now.

The input is the candidates' after-states; what is made of them depends on the rung alone. So a record can be checked long after,
and a policy that was changed without a new version is found out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_placement.after_state import COLUMNS, baseline
from hydatis_placement.ladder import Rung
from hydatis_placement.load import value as load_value
from hydatis_placement.q_function import QFunction
from numpy.typing import NDArray

__all__ = ["SAME_RATIO", "Recomputed", "needed_policy", "recompute"]

#: Utilities this close, as a share of the largest, are the same: float32 through another library's multiplication.
SAME_RATIO = 1e-5

_LOAD_COLUMNS = tuple(
    COLUMNS.index(name) for name in ("cpu_used_after_ratio", "memory_used_after_ratio", "node_was_empty", "objective_weight")
)

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Recomputed:
    """Utilities of all candidates, high = better."""

    node_names: tuple[str, ...]
    recorded: Vector
    """shape (candidates,)."""
    recomputed: Vector
    """shape (candidates,)."""

    @property
    def largest_difference(self) -> float:
        """Of a recorded utility from the same recomputed, >= 0."""
        return float(np.abs(self.recorded.astype(np.float64) - self.recomputed).max(initial=0.0))

    @property
    def same(self) -> bool:
        """Whether what was said then is said now."""
        return self.largest_difference <= SAME_RATIO * max(1.0, float(np.abs(self.recorded).max(initial=0.0)))


def needed_policy(record: dict[str, Any]) -> str | None:
    """Version of the placement-policy that a decision was made by; None: its rung needs none.

    Args:
        record: a decision record as JSON values.
    """
    if _rung(record) not in (Rung.FULL, Rung.FULL_LOCAL):
        return None
    versions = dict(text.partition(" ")[::2] for text in record["model_versions"])
    return str(versions["placement-policy"])


def recompute(record: dict[str, Any], policy: QFunction | None) -> Recomputed:
    """Values the candidates of a record again.

    Args:
        record: a decision record as JSON values.
        policy: of ``needed_policy``; None: none is needed.

    Raises:
        InvalidValue: the record holds no whole input, or one of other columns than are known here.
    """
    told = record["full_input"]
    if told is None:
        raise InvalidValue(
            f"decision {record['decision_id']} was recorded without its whole input",
            field="--decision",
            expected="a sampled one (full_input_ratio of the scheduler-plugin), `full_input` in `hydatis explain --json`",
        )
    if tuple(told["columns"]) != COLUMNS:
        raise InvalidValue(
            "its after-states are of another release", field="--decision", expected=f"the columns {', '.join(COLUMNS)}"
        )
    states = np.array(told["after_states"], dtype=np.float32).reshape(-1, len(COLUMNS))
    if _rung(record) is Rung.LOAD:
        cpu, memory, opened, weight = (states[:, column] for column in _LOAD_COLUMNS)
        values = load_value(cpu, memory, opened, float(weight[0]) if weight.size else 0.0)
    else:
        values = baseline(states) if policy is None else baseline(states) + policy.values(states)
    return Recomputed(tuple(told["node_names"]), np.array(told["utilities"], dtype=np.float32), values)


def _rung(record: dict[str, Any]) -> Rung | None:
    return Rung[record["rung"].upper()] if record["rung"] else None
