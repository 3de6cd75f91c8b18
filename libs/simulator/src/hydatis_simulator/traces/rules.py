"""Counting the rules a reader applied, so that nothing is dropped or changed in silence."""

from __future__ import annotations

from hydatis_simulator.trace import AppliedRule

__all__ = ["RuleCounts"]


class RuleCounts:
    """Counts per rule.

    Args:
        texts: every rule of the reader by name, with its sentence; the order is that of reports.
    """

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts
        self._counts = dict.fromkeys(texts, 0)
        self.rows_count = 0
        """Rows read so far."""

    def add(self, name: str, count: int) -> None:
        """A rule was applied so many times more. A name that is none of the rules' raises KeyError: a mistake of the reader."""
        self._counts[name] += int(count)

    def applied(self) -> tuple[AppliedRule, ...]:
        """Every rule with its count."""
        return tuple(AppliedRule(name, self._counts[name], text) for name, text in self._texts.items())
