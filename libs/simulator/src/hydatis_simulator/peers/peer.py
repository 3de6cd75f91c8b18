"""What most peers share: they keep nothing between decisions, and new samples or bound pods mean nothing to them."""

from __future__ import annotations

from hydatis_simulator.arena.seen import Seen

__all__ = ["Peer"]


class Peer:
    """A contender without memory; what a peer keeps, it adds by overriding."""

    name: str

    def start(self, seen: Seen) -> None:
        """A run begins."""

    def tick(self, seen: Seen) -> None:
        """New samples are visible."""

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """A pod was bound."""
