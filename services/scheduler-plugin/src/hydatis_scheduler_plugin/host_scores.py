"""The answer to /prioritize, put together from pieces that were made once per node set.

Names hardly change and a score has two places at most, so the JSON of every entry is known before any pod comes: what is left per
decision is to pick the entries and write the scores in.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["HostScores"]

_HEAD = b'{"Score":'
_SPACE, _ZERO, _ONE = b" 01"
#: First place of each score 0..10, and its second.
_TENS = np.array([_SPACE] * 10 + [_ONE], dtype=np.uint8)
_UNITS = np.array([*range(_ZERO, _ZERO + 10), _ZERO], dtype=np.uint8)


class HostScores:
    """Writes scores of the nodes of one node set.

    Entries are lines of equal length, filled up with white space (which JSON allows between values), so that picking them is one
    copy of whole lines: 5,000 entries take 0.06 ms instead of 0.24 as joined byte strings.

    Args:
        node_names: names in row order.
    """

    def __init__(self, node_names: tuple[str, ...]) -> None:
        self.node_names = node_names
        entries = [b'%b  ,"Host":%b}' % (_HEAD, msgspec.json.encode(name)) for name in node_names]
        width = max(map(len, entries), default=0) + 1
        text = b"".join(entry.ljust(width - 1) + b"," for entry in entries)
        self._lines = np.frombuffer(text, dtype=np.uint8).reshape(len(node_names), width)

    def body(self, rows: NDArray[np.int32], scores: NDArray[np.int64]) -> bytes:
        """``[{"Score":score,"Host":name}, ...]``.

        Args:
            rows: shape (n,), rows of the node set, repeats allowed.
            scores: shape (n,), 0..10.
        """
        if rows.size == 0:
            return b"[]"
        lines = self._lines.take(rows, axis=0)
        lines[:, len(_HEAD)] = _TENS.take(scores)
        lines[:, len(_HEAD) + 1] = _UNITS.take(scores)
        return b"[%b]" % lines.reshape(-1)[:-1].tobytes()
