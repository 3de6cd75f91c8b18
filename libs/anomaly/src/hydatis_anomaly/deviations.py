"""How far every input is from its usual place, and what of it an Isolation Forest is shown.

A forest cuts within the range it was trained on: whatever lies beyond is as anomalous as the last training row, and an input among
fifty is rarely cut at all. So a plain forest loses to "how far is the oddest metric". Here the deviations come first, and the
forest judges how unusual their combination is.

    r_j = x_j - centre_j                         centre: training median
    d_j = ln(1 + |r_j| / extent_j)               extent: 99 % quantile of |r_j| in training, at least ``LEAST_EXTENT``
    e_j = the same of what the principal components (90 % of the variance) do not explain of x

Inputs come in groups (levels, spreads, ...), the e_j are one more. The summaries of a group are its largest d (max), the mean of
its five largest (top), the mean of all (mean), and the mean of max(d - ln 2, 0) (excess): what lies beyond the extents. The excess
stays low while all metrics drift a little and rises when many leave their range at once. Only more than usual counts: a summary
below its training median is taken as the median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = ["LEAST_EXTENT", "RESIDUAL_GROUP", "Deviations"]

#: Smallest extent, in units of the input: what hardly varied in training is not odd for moving a little.
LEAST_EXTENT = 0.02
#: Name of the group of residuals.
RESIDUAL_GROUP = "residual"
_EXTENT_QUANTILE = 0.99
_EXPLAINED_RATIO = 0.9
_TOP_COUNT = 5
#: d at the extent: ln(1 + 1).
_EDGE = np.float32(np.log(2.0))
#: Standardised values are cut here before the components see them: one runaway input must not tilt all.
_MOST_SIGMAS = 6.0
#: Extent of an input that was never known in training: it has no say later either.
_NEVER = float(np.finfo(np.float32).max)

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Deviations:
    """Deviations fitted to training rows.

    Raises:
        WrongShape: an array does not fit the inputs.
        InvalidValue: a number is not finite, or an extent or sigma is not positive.
    """

    groups: tuple[str, ...]
    """Group of each input."""
    centres: Matrix
    """shape (inputs,), float32, the unit of the input."""
    extents: Matrix
    """shape (inputs,), float32, > 0, the unit of the input."""
    sigmas: Matrix
    """shape (inputs,), float32, > 0: training spread by which inputs are standardised for the components."""
    components: Matrix
    """shape (inputs, components), float32, orthonormal columns."""
    residual_extents: Matrix
    """shape (inputs,), float32, > 0, in sigmas."""
    floors: Matrix
    """shape (summaries,), float32: training medians of the summaries."""

    def __post_init__(self) -> None:
        count = len(self.groups)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("centres", "extents", "sigmas", "residual_extents"), (count,))
        shapes |= {"components": (count, self.components.shape[-1]), "floors": (len(self.summary_names),)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float32:
                raise WrongShape(f"{array.dtype} of shape {array.shape}", field=name, expected=f"float32 of shape {shape}")
            if not np.isfinite(array).all():
                raise InvalidValue("a value is not finite", field=name, expected="finite values")
        if min(float(array.min(initial=1.0)) for array in (self.extents, self.sigmas, self.residual_extents)) <= 0:
            raise InvalidValue("an extent is not positive", field="extents", expected="values > 0")

    @property
    def summary_names(self) -> tuple[tuple[str, str], ...]:
        """(group, "max" | "top" | "mean" | "excess") of each summary. Small groups have fewer: of one input all say the same."""
        return _summary_names(self.groups)

    @classmethod
    def of_training(cls, values: Matrix, groups: Sequence[str]) -> Deviations:
        """Fitted to rows of inputs.

        Args:
            values: shape (m, inputs), float32, mostly normal; NaN unknown. An input never known is never known to deviate.
            groups: group of each input.

        Raises:
            InvalidValue: fewer than two rows.
        """
        if len(values) < 2:
            raise InvalidValue(f"{len(values)} rows", field="values", expected="2 rows or more")
        seen = np.isfinite(values).any(axis=0)
        known = np.where(seen, values, 0.0).astype(np.float64)
        centres = np.nanmedian(known, axis=0)
        apart = known - centres
        extents = np.maximum(np.nanquantile(np.abs(apart), _EXTENT_QUANTILE, axis=0), LEAST_EXTENT)
        extents[~seen] = _NEVER
        sigmas = np.maximum(np.nanstd(known, axis=0), LEAST_EXTENT)
        standard = np.clip(np.nan_to_num(apart / sigmas), -_MOST_SIGMAS, _MOST_SIGMAS)
        strengths, vectors = np.linalg.eigh(standard.T @ standard / len(standard))
        explained = np.cumsum(strengths[::-1]) / max(float(strengths.sum()), 1e-12)
        count = min(int(np.searchsorted(explained, _EXPLAINED_RATIO)) + 1, max(len(groups) - 1, 0))
        components = vectors[:, ::-1][:, :count]
        left = np.abs(standard - standard @ components @ components.T)
        residual_extents = np.maximum(np.quantile(left, _EXTENT_QUANTILE, axis=0), LEAST_EXTENT)
        centre, extent, sigma, component, residual = (
            array.astype(np.float32) for array in (centres, extents, sigmas, components, residual_extents)
        )
        floors = np.zeros(len(_summary_names(tuple(groups))), dtype=np.float32)
        fitted = cls(tuple(groups), centre, extent, sigma, component, residual, floors)
        return replace(fitted, floors=np.median(fitted.summaries(values), axis=0).astype(np.float32))

    def deviations(self, values: Matrix) -> tuple[Matrix, Matrix]:
        """d and e of rows, shape (n, inputs): each of the same shape, float32, >= 0; NaN where the input is unknown."""
        apart = np.where(self.extents < _NEVER, values - self.centres, np.float32(np.nan))
        unknown = np.isnan(apart)
        standard = np.where(unknown, np.float32(0.0), np.clip(apart / self.sigmas, -_MOST_SIGMAS, _MOST_SIGMAS))
        left = np.abs(standard - (standard @ self.components) @ self.components.T) / self.residual_extents
        return np.log1p(np.abs(apart) / self.extents), np.where(unknown, np.float32(np.nan), np.log1p(left))

    def _by_group(self, values: Matrix) -> list[tuple[str, NDArray[np.intp], Matrix]]:
        """(group, its inputs, their deviations) of every group."""
        direct, residual = self.deviations(values)
        places = {name: np.flatnonzero([group == name for group in self.groups]) for name in dict.fromkeys(self.groups)}
        every = [(name, inputs, np.ascontiguousarray(direct[:, inputs])) for name, inputs in places.items()]
        return [*every, (RESIDUAL_GROUP, np.arange(len(self.groups)), residual)]

    def summaries(self, values: Matrix) -> Matrix:
        """What the forest is shown of rows.

        Args:
            values: shape (n, inputs), float32; NaN unknown. Not changed.

        Returns:
            shape (n, summaries), float32, finite, >= the floors; unknown inputs are left out of their groups.
        """
        answer = np.empty((len(values), len(self.summary_names)), dtype=np.float32)
        place = {name: position for position, name in enumerate(self.summary_names)}
        for group, inputs, part in self._by_group(values):
            known_count = np.count_nonzero(~np.isnan(part), axis=1)
            filled = np.where(np.isnan(part), np.float32(0.0), part)
            at_least_one = np.maximum(known_count, 1)
            answer[:, place[group, "max"]] = filled.max(axis=1)
            if (group, "mean") in place:
                answer[:, place[group, "mean"]] = filled.sum(axis=1) / at_least_one
                answer[:, place[group, "excess"]] = np.maximum(filled - _EDGE, 0).sum(axis=1) / at_least_one
            if (group, "top") in place:
                top = np.partition(filled, len(inputs) - _TOP_COUNT, axis=1)[:, -_TOP_COUNT:]
                answer[:, place[group, "top"]] = top.sum(axis=1) / np.minimum(at_least_one, _TOP_COUNT)
        return np.maximum(answer, self.floors)

    def shares(self, values: Matrix, credits: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each input has of the credit that was given to summaries: a group's credit goes to its inputs by d squared.

        Args:
            values: as in ``summaries``.
            credits: shape (n, summaries), float64, what each summary is credited with; negative ones do not count.

        Returns:
            shape (n, inputs), float64, >= 0.
        """
        answer = np.zeros((len(values), len(self.groups)))
        names = [group for group, _ in self.summary_names]
        for group, inputs, part in self._by_group(values):
            weights = np.nan_to_num(part.astype(np.float64)) ** 2
            total = weights.sum(axis=1, keepdims=True)
            whole = np.maximum(credits[:, [name == group for name in names]].sum(axis=1, keepdims=True), 0.0)
            answer[:, inputs] += np.divide(whole * weights, total, out=np.zeros_like(weights), where=total > 0)
        return answer


def _summary_names(groups: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """By group as they first occur, the residuals last."""
    named = []
    for group in (*dict.fromkeys(groups), RESIDUAL_GROUP):
        size = len(groups) if group == RESIDUAL_GROUP else groups.count(group)
        kinds = ["max"] + ["top"] * (size > _TOP_COUNT) + ["mean", "excess"] * (size > 1)
        named += [(group, kind) for kind in kinds]
    return tuple(named)
