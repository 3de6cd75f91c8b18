"""The anomaly detector: an Isolation Forest with all that is needed to go from a row of the node table to a risk.

It is one value and one artifact, because its parts only mean something together: the inputs, how far each is from its usual place
(``deviations``), the trees over the summaries of that, the map to risk, and the threshold. Scoring needs numpy only.

Unknown inputs: up to ``MAX_UNKNOWN_RATIO`` of a row's inputs may be unknown and are left out of the summaries, which pulls the risk
towards normal; beyond it the risk itself is unknown (NaN) and never guessed.
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

from hydatis_anomaly.deviations import Deviations
from hydatis_anomaly.inputs import Input, engineer
from hydatis_anomaly.risk_map import RiskMap
from hydatis_anomaly.trees import IsolationTrees

__all__ = ["ARRAYS_FILE", "FORMAT", "HEADER_FILE", "MAX_UNKNOWN_RATIO", "IsolationForestArrays"]

FORMAT = "hydatis-isolation-forest/2"
HEADER_FILE = "forest.json"
ARRAYS_FILE = "forest.npz"
#: Share of the inputs of a row that may be unknown: half.
MAX_UNKNOWN_RATIO = 0.5
_TREE_ARRAYS = ("cut_inputs", "cut_values", "row_counts")
_DEVIATION_ARRAYS = ("centres", "extents", "sigmas", "components", "residual_extents", "floors")


@dataclass(frozen=True)
class IsolationForestArrays:
    """A trained detector.

    Raises:
        WrongShape: deviations or trees do not fit the inputs.
        InvalidValue: the threshold is outside 0..1.
    """

    columns: tuple[tuple[str, str], ...]
    """(name, definition hash) of the columns of the node table it reads, in the order rows come in."""
    inputs: tuple[Input, ...]
    """What is computed from them."""
    trees: IsolationTrees
    """The forest over the summaries of the deviations."""
    deviations: Deviations
    """How far inputs are from their usual places."""
    risk_map: RiskMap
    """From raw score to risk."""
    threshold: float
    """Risk from which a node is flagged, 0..1."""

    def __post_init__(self) -> None:
        if self.deviations.groups != tuple(one.group for one in self.inputs):
            raise WrongShape("deviations do not fit the inputs", field="deviations", expected=f"{len(self.inputs)} inputs")
        if self.trees.input_count != len(self.deviations.summary_names):
            raise WrongShape(
                "trees do not fit the summaries", field="trees", expected=f"{len(self.deviations.summary_names)} inputs"
            )
        if not 0.0 <= self.threshold <= 1.0:
            raise InvalidValue(f"threshold is {self.threshold!r}", field="threshold", expected="0..1")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Name of what it answers."""
        return ("risk",)

    def _known_inputs(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Inputs, NaN where unknown, and which rows are too unknown to be scored."""
        if rows.ndim != 2 or rows.shape[1] != len(self.columns) or rows.dtype != np.float32:
            shown = f"{rows.dtype} rows of shape {rows.shape}"
            raise WrongShape(shown, field="rows", expected=f"float32 of shape (n, {len(self.columns)})")
        if np.isinf(rows).any():
            raise InvalidValue("a value is infinite", field="rows", expected="finite values, or NaN for unknown")
        values = engineer(self.inputs, [name for name, _ in self.columns], rows)
        unknown = ~np.isfinite(values)
        return np.where(unknown, np.float32(np.nan), values), unknown.mean(axis=1) > MAX_UNKNOWN_RATIO

    def raw_scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores of Liu, Ting and Zhou: shape (n,), float64, 0 < s < 1, high = more anomalous; NaN: too much is unknown.

        Arguments and errors of ``risk``.
        """
        values, too_unknown = self._known_inputs(rows)
        scores = np.full(len(rows), np.nan)
        scores[~too_unknown] = self.trees.scores(self.deviations.summaries(values[~too_unknown]))
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

        A summary's part is what ``trees.IsolationTrees.shortenings`` credits it with; its inputs share it by their deviations
        (``deviations.Deviations.shares``). Inputs of the same first column are added up, scaled to sum to 1 and cut to the largest.
        For flagged rows only: well under a millisecond each.

        Args:
            rows: as in ``risk``.
            top: how many columns at most, >= 1.

        Returns:
            For each row (column, share 0..1), largest first, ties by name; empty when the risk is unknown or nothing shortens the
            path.
        """
        values, too_unknown = self._known_inputs(rows)
        credits = self.trees.shortenings(self.deviations.summaries(values))
        explained = []
        for parts, skipped in zip(self.deviations.shares(values, credits), too_unknown, strict=True):
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
            "inputs": [[one.formula, one.a, one.b, one.group] for one in self.inputs],
            "knot_scores": list(self.risk_map.knot_scores),
            "threshold": self.threshold,
        }
        arrays = {name: getattr(self.trees, name) for name in _TREE_ARRAYS}
        arrays |= {name: getattr(self.deviations, name) for name in _DEVIATION_ARRAYS}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
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
                arrays = {name: archive[name] for name in (*_TREE_ARRAYS, *_DEVIATION_ARRAYS)}
            inputs = tuple(Input(*(str(part) for part in one)) for one in header["inputs"])
            columns = tuple((str(name), str(definition)) for name, definition in header["columns"])
            _check_names(inputs, [name for name, _ in columns])
            groups = tuple(one.group for one in inputs)
            deviations = Deviations(groups, *(arrays[name] for name in _DEVIATION_ARRAYS))
            summary_count = len(deviations.summary_names)
            trees = IsolationTrees(arrays["cut_inputs"], arrays["cut_values"], arrays["row_counts"], summary_count)
            risk_map = RiskMap(tuple(float(score) for score in header["knot_scores"]))
            return cls(columns, inputs, trees, deviations, risk_map, float(header["threshold"]))
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
