"""The answer to /prioritize, put together from pieces that were made once per node set.

Names hardly change and there are eleven scores, so the JSON of every entry is known before any pod comes: what is left per decision
is to pick the pieces and join them.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["HostScores"]

_TAILS = np.array([b"%d}" % score for score in range(11)], dtype=object)


class HostScores:
    """Writes scores of the nodes of one node set.

    Args:
        node_names: names in row order.
    """

    def __init__(self, node_names: tuple[str, ...]) -> None:
        self.node_names = node_names
        self._heads = np.empty(len(node_names), dtype=object)
        self._heads[:] = [b',{"Host":%b,"Score":' % msgspec.json.encode(name) for name in node_names]

    def body(self, rows: NDArray[np.int32], scores: NDArray[np.int64]) -> bytes:
        """``[{"Host":name,"Score":score}, ...]``.

        Args:
            rows: shape (n,), rows of the node set, repeats allowed.
            scores: shape (n,), 0..10.
        """
        if rows.size == 0:
            return b"[]"
        pieces = np.empty(2 * rows.size, dtype=object)
        pieces[0::2] = self._heads[rows]
        pieces[1::2] = _TAILS[scores]
        return b"[%b]" % b"".join(pieces.tolist())[1:]
