"""The circuit in front of the model server: whether a decision may still wait for it.

A server that hangs would cost every decision its whole timeout. After a few failures in a row nobody waits for it any more, and a
probe off the decisions' path says when it is back.
"""

from __future__ import annotations

__all__ = ["Circuit"]


class Circuit:
    """Closed: the server is asked. Open: it is not.

    Args:
        failures_count: how many failures in a row open it, >= 1.
    """

    def __init__(self, failures_count: int) -> None:
        self._limit_count = failures_count
        self._failures_count = 0

    @property
    def is_open(self) -> bool:
        """Whether the server is not to be asked."""
        return self._failures_count >= self._limit_count

    @property
    def in_doubt(self) -> bool:
        """Whether the last call failed: a probe is wanted."""
        return self._failures_count > 0

    def succeeded(self) -> bool:
        """A call or probe was answered; says whether that closed the circuit."""
        was_open = self.is_open
        self._failures_count = 0
        return was_open

    def failed(self) -> bool:
        """A call failed; says whether that opened the circuit."""
        was_open = self.is_open
        self._failures_count += 1
        return self.is_open and not was_open
