"""Isolation trees as plain arrays, all of one shape: scoring walks every tree for many rows at once, in numpy alone.

Each tree is laid out as a full binary tree in breadth-first order: the children of place i are 2 i + 1 and 2 i + 2, so going down
is arithmetic and needs no pointers. Where a tree ends early, the places below its leaf pass every row to the left and the last of
them stands for the leaf.

    path length  h(x) = depth of the leaf + c(rows of the leaf)
    score        s(x) = 2 ^ (-mean h(x) / c(psi)), psi the rows a tree was grown from     (Liu, Ting, Zhou 2008, equation 2)

A cut from a place of n rows into one of m changes the expected path by c(n) - 1 - c(m): positive where few rows go the same way.
Down a path these terms add up to c(psi) - h(x) exactly. So crediting each to the input that was cut splits the shortening of the
path among the inputs without remainder: that is the attribution.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_anomaly.path_length import expected_path_length

__all__ = ["LEAF", "MAX_DEPTH", "IsolationTrees"]

#: Stands in ``cut_inputs`` where nothing is cut: in leaves, and in places that are not used.
LEAF = -1
#: Deepest tree that is laid out; a tree of 4,096 rows is no deeper.
MAX_DEPTH = 12
#: Rows walked at once: their places in all trees stay within the processor's cache.
_ROWS_AT_ONCE = 128


class IsolationTrees:
    """A forest of isolation trees.

    Args:
        cut_inputs: shape (trees, 2^(depth + 1) - 1), int32: the input cut at each place, ``LEAF`` where none is.
        cut_values: the same shape, float32: rows with input > value go right, the others left.
        row_counts: the same shape, int32: training rows that reached the place, >= 1 where used.
        input_count: how many inputs a row has.

    Raises:
        WrongShape: shapes or types do not fit, or are not those of full trees.
        InvalidValue: a cut is of no input, not finite or lies below a leaf, or a used place saw no rows.
    """

    def __init__(
        self,
        cut_inputs: NDArray[np.int32],
        cut_values: NDArray[np.float32],
        row_counts: NDArray[np.int32],
        input_count: int,
    ) -> None:
        place_count = cut_inputs.shape[1] if cut_inputs.ndim == 2 else 0
        self.depth = (place_count + 1).bit_length() - 2
        if place_count != 2 ** (self.depth + 1) - 1 or not 1 <= self.depth <= MAX_DEPTH or len(cut_inputs) == 0:
            raise WrongShape(f"cuts of shape {cut_inputs.shape}", field="cut_inputs", expected="(trees, 2^(depth + 1) - 1)")
        arrays = {
            "cut_values": (cut_values, np.float32),
            "row_counts": (row_counts, np.int32),
            "cut_inputs": (cut_inputs, np.int32),
        }
        for name, (array, dtype) in arrays.items():
            if array.shape != cut_inputs.shape or array.dtype != dtype:
                raise WrongShape(
                    f"{array.dtype} of shape {array.shape}", field=name, expected=f"{dtype.__name__} {cut_inputs.shape}"
                )
        self.cut_inputs, self.cut_values, self.row_counts = cut_inputs, cut_values, row_counts
        self.input_count = input_count
        self._check_cuts()
        self._lay_out()

    def _check_cuts(self) -> None:
        cut = self.cut_inputs != LEAF
        inner = self.cut_inputs.shape[1] // 2
        if (self.cut_inputs < LEAF).any() or (self.cut_inputs >= self.input_count).any() or cut[:, inner:].any():
            raise InvalidValue(
                "a cut is of no input", field="cut_inputs", expected=f"0..{self.input_count - 1}, or {LEAF} in leaves"
            )
        places = np.arange(1, self.cut_inputs.shape[1])
        used = np.concatenate([np.ones((len(cut), 1), dtype=np.bool_), cut[:, (places - 1) // 2]], axis=1)
        if (cut & ~used).any():
            raise InvalidValue("a cut lies below a leaf", field="cut_inputs", expected="cuts from the root down")
        if not np.isfinite(self.cut_values[cut]).all() or (self.row_counts[used] < 1).any():
            raise InvalidValue(
                "a cut is not finite or a place saw no rows", field="cut_values", expected="finite cuts, counts >= 1"
            )
        self._used = used

    def _lay_out(self) -> None:
        """Precomputes what walking needs: path lengths at the deepest places, and the credit for arriving at a place."""
        tree_count, place_count = self.cut_inputs.shape
        expected = expected_path_length(self.row_counts)
        depth_of = np.floor(np.log2(np.arange(place_count) + 1.0))
        length = np.where(self._used, depth_of + expected, np.nan)
        credit = np.zeros_like(expected)
        for place in range(1, place_count):
            parent = (place - 1) // 2
            alive = self._used[:, place]
            length[:, place] = np.where(alive, length[:, place], length[:, parent])
            credit[:, place] = np.where(alive, expected[:, parent] - 1.0 - expected[:, place], 0.0)
        cut = self.cut_inputs != LEAF
        self._offsets = (np.arange(tree_count, dtype=np.intp) * place_count)[:, None]
        self._inputs = np.where(cut, self.cut_inputs, 0).astype(np.intp).ravel()
        self._values = np.where(cut, self.cut_values, np.float32(np.inf)).astype(np.float32).ravel()
        self._lengths = length.ravel()
        self._credits = credit.ravel()
        self._typical_length = float(expected_path_length(self.row_counts[:, 0]).mean())

    def _check_rows(self, rows: NDArray[np.float32]) -> None:
        if rows.ndim != 2 or rows.shape[1] != self.input_count or rows.dtype != np.float32:
            shown = f"{rows.dtype} rows of shape {rows.shape}"
            raise WrongShape(shown, field="rows", expected=f"float32 of shape (n, {self.input_count})")
        if not np.isfinite(rows).all():
            raise InvalidValue("a value is not finite", field="rows", expected="finite values: unknown ones filled in before")

    def mean_path_lengths(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean over the trees of h(x): shape (n,), float64, > 0; short = anomalous.

        Args:
            rows: shape (n, inputs), float32, finite.

        Raises:
            WrongShape: not float32 rows of that many inputs.
            InvalidValue: a value is not finite.
        """
        self._check_rows(rows)
        answer = np.empty(len(rows))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = np.ascontiguousarray(rows[start : start + _ROWS_AT_ONCE])
            flat = part.ravel()
            row_starts = np.arange(len(part), dtype=np.intp) * self.input_count
            places = np.zeros((len(self.cut_inputs), len(part)), dtype=np.intp)
            for _ in range(self.depth):
                at = places + self._offsets
                goes_right = flat.take(self._inputs.take(at) + row_starts) > self._values.take(at)
                places *= 2
                places += 1
                places += goes_right
            answer[start : start + len(part)] = self._lengths.take(places + self._offsets).mean(axis=0)
        return answer

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """s(x) as stated above: shape (n,), float64, 0 < s < 1, high = more anomalous. As ``mean_path_lengths`` otherwise."""
        return np.exp2(-self.mean_path_lengths(rows) / self._typical_length)

    def shortenings(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each input shortens the path by: shape (n, inputs), float64, in steps; sums over inputs to c(psi) - mean h(x).

        For the few rows that are flagged: it costs several times what a score does. Arguments and errors of ``mean_path_lengths``.
        """
        self._check_rows(rows)
        answer = np.zeros((len(rows), self.input_count))
        tree_count = len(self.cut_inputs)
        for row, values in enumerate(rows):
            places = np.zeros(tree_count, dtype=np.intp)
            for _ in range(self.depth):
                at = places + self._offsets[:, 0]
                cut = self._inputs.take(at)
                places = 2 * places + 1 + (values.take(cut) > self._values.take(at))
                answer[row] += np.bincount(cut, self._credits.take(places + self._offsets[:, 0]), minlength=self.input_count)
        return answer / tree_count
