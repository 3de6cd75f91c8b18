"""E1's question: the fewest nodes at which a policy's violation is within the allowed share, for several shares at once.

Violation falls with nodes, though not at every step, so "the smallest" is where a search finds it: steps of a fifth upward until
the strictest share holds, then bisection (with a guess before each halving) between the last count that was too few and the first
that was enough. All policies are asked at the same coarse counts, and every count is run once for all shares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Answer", "nodes_needed"]

#: Ratio of two coarse counts.
STEP_RATIO = 1.2
#: Stands for no violation where a logarithm is taken.
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Answer:
    """What a number of nodes came to."""

    violation_ratio: float
    """Infinite: a pod found no node."""
    nodes_used_count: int


def nodes_needed(
    run: Callable[[int], Answer], allowed: Sequence[float], *, first: int, least: int, most: int
) -> dict[float, int | None]:
    """Searches.

    Args:
        run: places and judges on so many nodes; asked once a count.
        allowed: violation ratios.
        first: where the search begins.
        least: fewer are never tried.
        most: more are never tried.

    Returns:
        The number of nodes by allowed ratio; None: not even ``most`` are enough, or more nodes change nothing any more.
    """
    answers: dict[int, Answer] = {}

    def asked(nodes: int) -> float:
        if nodes not in answers:
            answers[nodes] = run(nodes)
        return answers[nodes].violation_ratio

    coarse = _downwards(asked, max(allowed), max(min(first, most), least), least)
    while asked(coarse[-1]) > min(allowed) and coarse[-1] < most:
        if len(coarse) > 2 and _same(answers[coarse[-1]], answers[coarse[-2]], answers[coarse[-3]], coarse[-3]):
            break
        coarse.append(min(max(round(coarse[-1] * STEP_RATIO), coarse[-1] + 1), most))
    found: dict[float, int | None] = {}
    for ratio in allowed:
        enough = next((nodes for nodes in coarse if asked(nodes) <= ratio), None)
        if enough is not None:
            too_few = max((nodes for nodes in coarse if nodes < enough), default=least - 1)
            while enough - too_few > 1:
                for middle in (_between(answers, too_few, enough, ratio), (too_few + enough) // 2):
                    if too_few < middle < enough:
                        enough, too_few = (middle, too_few) if asked(middle) <= ratio else (enough, middle)
        found[ratio] = enough
    return found


def _between(answers: Mapping[int, Answer], too_few: int, enough: int, ratio: float) -> int:
    """Where the ratio would be reached if the logarithm of violation fell evenly between the two counts."""
    if too_few not in answers or not math.isfinite(answers[too_few].violation_ratio):
        return (too_few + enough) // 2
    upper, lower, wanted = (
        math.log(max(value, _LEAST)) for value in (answers[too_few].violation_ratio, answers[enough].violation_ratio, ratio)
    )
    share = (upper - wanted) / max(upper - lower, _LEAST)
    return min(max(math.ceil(too_few + share * (enough - too_few)), too_few + 1), enough - 1)


def _downwards(asked: Callable[[int], float], loosest: float, first: int, least: int) -> list[int]:
    """Coarse counts, ascending, the least of which is too few for the loosest share or cannot be lower."""
    coarse = [first]
    while asked(coarse[0]) <= loosest and coarse[0] > least:
        coarse.insert(0, max(min(round(coarse[0] / STEP_RATIO), coarse[0] - 1), least))
    return coarse


def _same(newest: Answer, before: Answer, first: Answer, fewest: int) -> bool:
    """Nodes stay empty, and the rest came to the same three times."""
    return newest == before == first and newest.nodes_used_count < fewest
