"""What the detector looks at: behaviour, in units that do not change with the size or the typical load of a node.

An Isolation Forest cuts along any input at random, so an input that merely says "this node is large" or "it is night" makes every
large node and every night a little anomalous. So capacity, calendar, age and identity are left out; levels are shares; byte rates
are per core of the node or shares of their own peak; and most inputs say how a node differs from its own day or from what its pods
are expected to use.

    window       use over 15 minutes and an hour, as it is
    volatility   spread, jumps, trend and burstiness within an hour
    own day      the same against the node's own last 24 hours, as a difference
    own ratio    and as a ratio, which is large on quiet nodes where the difference is small
    slack        use against requests and against the expectation of the bound pods (profiles)
    io           network and disk rates
    still        how far rates are below their peak of the hour

Each input is a formula over one or two columns a, b of the node table (``FORMULAS``) and is named by its first column, so that an
explanation speaks in columns an operator can look up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_features.schema import SCHEMA
from numpy.typing import NDArray

__all__ = ["FORMULAS", "INPUTS", "Input", "columns_of", "engineer"]

_LITTLE = np.float32(0.002)

Column = NDArray[np.float32]


def _share(a: Column, b: Column) -> Column:
    """a / b; 0 / 0 is 0: nothing of nothing is no sign of anything."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((a == 0) & (b == 0), np.float32(0), np.where(b > 0, a / b, np.float32(np.nan)))


def _log_share(a: Column, b: Column) -> Column:
    """ln(1 + a / b): rates span orders of magnitude, of which a uniform cut would see only the largest."""
    return np.log1p(_share(a, b))


def _log_ratio(a: Column, b: Column) -> Column:
    """ln((a + 0.002) / (b + 0.002)): halved is as far as doubled; 0.002 of a node is too little to tell from nothing."""
    return np.log(np.maximum(a, 0) + _LITTLE) - np.log(np.maximum(b, 0) + _LITTLE)


def _log_rest(a: Column, b: Column) -> Column:
    """ln(1.002 - a / b): how far a mean is below its peak; very low where a rate stands still."""
    return np.log(np.maximum(1 - _share(a, b), 0) + _LITTLE)


#: By name: the formula over the first and the second column, float32 shape (n,) each. NaN in either is NaN in the answer.
FORMULAS: dict[str, Callable[[Column, Column], Column]] = {
    "a": lambda a, _: a,
    "a - b": lambda a, b: a - b,
    "a / b": _share,
    "ln(1 + a / b)": _log_share,
    "ln(a / b)": _log_ratio,
    "ln(1 - a / b)": _log_rest,
}


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the detector.

    Raises:
        InvalidValue: no such formula, or a second column missing or too many.
    """

    formula: str
    """A key of ``FORMULAS``."""
    a: str
    """First column of the node table: what the input is named by."""
    b: str = ""
    """Second column; empty for the formula "a"."""
    group: str = "level"
    """Inputs that are summed up together (``deviations``)."""

    def __post_init__(self) -> None:
        if self.formula not in FORMULAS or (self.formula == "a") != (not self.b):
            raise InvalidValue(f"{self.formula!r} of {self.a!r}, {self.b!r}", field="inputs", expected=f"one of {list(FORMULAS)}")


def _of_resource(resource: str) -> list[Input]:
    def used(name: str) -> str:
        return f"{resource}_used_{name}"

    window = ["ratio", "mean_15m_ratio", "mean_1h_ratio", "max_15m_ratio", "max_1h_ratio", "min_1h_ratio", "p95_1h_ratio"]
    volatility = ["std_1h_ratio", "volatility_1h_ratio", "burstiness_1h", "change_15m_ratio", "slope_1h_ratio_per_hour"]
    own_day = [
        ("ratio", "mean_1h_ratio"),
        ("mean_15m_ratio", "mean_24h_ratio"),
        ("mean_1h_ratio", "lag_24h_ratio"),
        ("max_1h_ratio", "p95_24h_ratio"),
        ("min_1h_ratio", "p50_24h_ratio"),
        ("std_1h_ratio", "std_24h_ratio"),
    ]
    return [
        *(Input("a", used(name), group="window") for name in window),
        *(Input("a", used(name), group="volatility") for name in volatility),
        Input("a", f"{resource}_hot_1h_ratio", group="window"),
        *(Input("a - b", used(a), used(b), group="own day") for a, b in own_day),
        *(Input("ln(a / b)", used(a), used(b), group="own ratio") for a, b in [*own_day, ("volatility_1h_ratio", "std_24h_ratio")]),
        Input("ln(a / b)", used("mean_15m_ratio"), f"{resource}_expected_ratio", group="own ratio"),
        Input("a", f"{resource}_request_slack_ratio", group="slack"),
        Input("a - b", used("mean_15m_ratio"), f"{resource}_expected_ratio", group="slack"),
        Input("a - b", used("max_15m_ratio"), f"{resource}_expected_p95_ratio", group="slack"),
    ]


def _io() -> list[Input]:
    inputs = []
    for metric in ("network_receive", "network_transmit", "disk_read", "disk_write"):
        mean, peak = f"{metric}_mean_15m_bytes_per_second", f"{metric}_max_1h_bytes_per_second"
        inputs += [
            Input("ln(1 + a / b)", mean, "cpu_allocatable_cores", group="io"),
            Input("a / b", mean, peak, group="io"),
            Input("ln(1 - a / b)", mean, peak, group="still"),
        ]
    return inputs


#: The inputs of a newly trained detector. An artifact carries its own list, so older ones keep theirs.
INPUTS: tuple[Input, ...] = (*_of_resource("cpu"), *_of_resource("memory"), *_io())


def columns_of(inputs: Sequence[Input]) -> tuple[tuple[str, str], ...]:
    """(name, definition hash) of the columns of the node table that inputs are made of, in the order of the schema."""
    wanted = {name for one in inputs for name in (one.a, one.b) if name}
    unknown = wanted - set(SCHEMA.names)
    if unknown:
        raise InvalidValue(f"{sorted(unknown)[0]!r} is no column of the schema", field="inputs", expected="columns of the schema")
    return tuple((feature.name, feature.definition_hash) for feature in SCHEMA.features if feature.name in wanted)


def engineer(inputs: Sequence[Input], names: Sequence[str], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inputs of nodes.

    Args:
        inputs: what to compute.
        names: name of each column of ``rows``.
        rows: shape (n, columns), float32. NaN: unknown. Not changed.

    Returns:
        shape (n, inputs), float32, finite or NaN for unknown.
    """
    position = {name: place for place, name in enumerate(names)}
    answer = np.empty((len(rows), len(inputs)), dtype=np.float32)
    for place, one in enumerate(inputs):
        first = rows[:, position[one.a]]
        second = rows[:, position[one.b]] if one.b else first
        answer[:, place] = FORMULAS[one.formula](first, second)
    return answer
