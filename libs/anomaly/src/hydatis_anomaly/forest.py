"""The anomaly detector: an Isolation Forest with all that is needed to go from a row of the node table to a risk.

It is one value and one artifact, because its parts only mean something together: the inputs the trees were grown on, the medians
that stand in for unknown ones, the map to risk, and the threshold. Scoring needs numpy only.

Unknown inputs: a forest has no branch for "unknown". Up to ``MAX_UNKNOWN_RATIO`` of a row's inputs may be unknown and are taken as
the training median, which pulls the risk towards normal; beyond it the risk itself is unknown (NaN) and never guessed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import ArtifactRefused, HydatisError, InvalidValue, WrongShape
from hydatis_features.schema import match_columns
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_anomaly.inputs import Input, engineer
from hydatis_anomaly.risk_map import RiskMap
from hydatis_anomaly.trees import IsolationTrees

__all__ = ["ARRAYS_FILE", "FORMAT", "HEADER_FILE", "MAX_UNKNOWN_RATIO", "IsolationForestArrays"]

FORMAT = "hydatis-isolation-forest/1"
HEADER_FILE = "forest.json"
ARRAYS_FILE = "forest.npz"
#: Share of the inputs of a row that may be unknown: half.
MAX_UNKNOWN_RATIO = 0.5
_ARRAYS = ("cut_inputs", "cut_values", "row_counts", "medians")


@dataclass(frozen=True)
class IsolationForestArrays:
    """A trained detector.

    Raises:
        WrongShape: medians or trees do not fit the inputs.
        InvalidValue: a median is not finite, or the threshold is outside 0..1.
    """

    columns: tuple[tuple[str, str], ...]
    """(name, definition hash) of the columns of the node table it reads, in the order rows come in."""
    inputs: tuple[Input, ...]
    """What is computed from them."""
    trees: IsolationTrees
    """The forest over the inputs."""
    medians: NDArray[np.float32]
    """shape (inputs,): training medians, which stand in for unknown inputs."""
    risk_map: RiskMap
    """From raw score to risk."""
    threshold: float
    """Risk from which a node is flagged, 0..1."""

    def __post_init__(self) -> None:
        if (
            self.medians.shape != (len(self.inputs),)
            or self.medians.dtype != np.float32
            or self.trees.input_count != len(self.inputs)
        ):
            raise WrongShape("medians or trees do not fit the inputs", field="medians", expected=f"{len(self.inputs)} inputs")
        if not np.isfinite(self.medians).all():
            raise InvalidValue("a median is not finite", field="medians", expected="finite values")
        if not 0.0 <= self.threshold <= 1.0:
            raise InvalidValue(f"threshold is {self.threshold!r}", field="threshold", expected="0..1")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Name of what it answers."""
        return ("risk",)

    def _filled_inputs(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Inputs with medians for unknown ones, and which rows are too unknown to be scored."""
        if rows.ndim != 2 or rows.shape[1] != len(self.columns) or rows.dtype != np.float32:
            shown = f"{rows.dtype} rows of shape {rows.shape}"
            raise WrongShape(shown, field="rows", expected=f"float32 of shape (n, {len(self.columns)})")
        if np.isinf(rows).any():
            raise InvalidValue("a value is infinite", field="rows", expected="finite values, or NaN for unknown")
        values = engineer(self.inputs, [name for name, _ in self.columns], rows)
        unknown = ~np.isfinite(values)
        too_unknown = unknown.mean(axis=1) > MAX_UNKNOWN_RATIO
        return np.where(unknown, self.medians, values), too_unknown

    def raw_scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores of Liu, Ting and Zhou: shape (n,), float64, 0 < s < 1, high = more anomalous; NaN: too much is unknown.

        Arguments and errors of ``risk``.
        """
        filled, too_unknown = self._filled_inputs(rows)
        scores = np.full(len(rows), np.nan)
        scores[~too_unknown] = self.trees.scores(filled[~too_unknown])
        return scores

    def risk(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Risk of nodes.

        Args:
            rows: shape (n, len(self.columns)), float32, columns in the order of ``self.columns``. NaN: unknown. Not changed.

        Returns:
            shape (n,), float32, 0..1, high = more anomalous (``risk_map``). NaN: more than half of the inputs are unknown.

        Raises:
            WrongShape: not float32 rows of that many columns.
            InvalidValue: a value is infinite.
        """
        return self.risk_map.risk(self.raw_scores(rows))

    def risk_of_table(self, table: NodeTable) -> NDArray[np.float32]:
        """Risk of all nodes of a table, whose columns are found by name and definition.

        Raises:
            UnknownColumn: the table lacks a column, or has it with another definition.
        """
        offered = dict(zip(table.columns, table.column_hashes, strict=True))
        positions = match_columns(list(self.columns), offered, table.column_index)
        return self.risk(np.ascontiguousarray(table.values[:, positions]))

    def contributions(self, rows: NDArray[np.float32], top: int = 5) -> list[tuple[tuple[str, float], ...]]:
        """Why rows are anomalous: the columns whose cuts shorten their path the most.

        An input's part is what ``trees.IsolationTrees.shortenings`` credits it with. Inputs of the same first column are added up;
        columns that lengthen the path are left out; the rest is scaled to sum to 1 and cut to the largest. For flagged rows only:
        well under a millisecond each.

        Args:
            rows: as in ``risk``.
            top: how many columns at most, >= 1.

        Returns:
            For each row (column, share 0..1), largest first, ties by name; empty when the risk is unknown or nothing shortens the
            path.
        """
        filled, too_unknown = self._filled_inputs(rows)
        explained = []
        for parts, skipped in zip(self.trees.shortenings(filled), too_unknown, strict=True):
            by_column: dict[str, float] = {}
            for one, part in zip(self.inputs, parts, strict=True):
                by_column[one.a] = by_column.get(one.a, 0.0) + float(part)
            positive = {} if skipped else {name: part for name, part in by_column.items() if part > 0}
            whole = sum(positive.values())
            ranked = sorted(positive.items(), key=lambda item: (-item[1], item[0]))
            explained.append(tuple((name, part / whole) for name, part in ranked[:top]))
        return explained

    def to_files(self) -> dict[str, bytes]:
        """The detector as files by name: a JSON header and an npz of arrays without pickle."""
        header = {
            "format": FORMAT,
            "columns": [list(column) for column in self.columns],
            "inputs": [[one.formula, one.a, one.b] for one in self.inputs],
            "knot_scores": list(self.risk_map.knot_scores),
            "threshold": self.threshold,
        }
        arrays = (self.trees.cut_inputs, self.trees.cut_values, self.trees.row_counts, self.medians)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **dict(zip(_ARRAYS, arrays, strict=True)))
        return {HEADER_FILE: json.dumps(header, indent=1).encode(), ARRAYS_FILE: buffer.getvalue()}

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> IsolationForestArrays:
        """The detector that ``to_files`` wrote; its risks are equal bit by bit.

        Raises:
            ArtifactRefused: a file is missing, or is not what it should be.
        """
        try:
            header = json.loads(files[HEADER_FILE])
            if header["format"] != FORMAT:
                raise ArtifactRefused(f"format is {header['format']!r}", field=HEADER_FILE, expected=FORMAT)
            with np.load(io.BytesIO(files[ARRAYS_FILE]), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in _ARRAYS}
            inputs = tuple(Input(str(formula), str(a), str(b)) for formula, a, b in header["inputs"])
            columns = tuple((str(name), str(definition)) for name, definition in header["columns"])
            _check_names(inputs, [name for name, _ in columns])
            trees = IsolationTrees(arrays["cut_inputs"], arrays["cut_values"], arrays["row_counts"], len(inputs))
            risk_map = RiskMap(tuple(float(score) for score in header["knot_scores"]))
            return cls(columns, inputs, trees, arrays["medians"], risk_map, float(header["threshold"]))
        except KeyError as missing:
            raise ArtifactRefused(f"{missing.args[0]!r} is missing", field="files", expected="the files of to_files") from None
        except ArtifactRefused:
            raise
        except (HydatisError, ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as cause:
            raise ArtifactRefused(f"not a forest: {str(cause)[:200]}", field="files", expected="the files of to_files") from cause


def _check_names(inputs: Sequence[Input], names: Sequence[str]) -> None:
    missing = {name for one in inputs for name in (one.a, one.b) if name} - set(names)
    if missing:
        raise InvalidValue(f"inputs need {sorted(missing)[0]!r}", field="columns", expected="all columns the inputs are made of")
