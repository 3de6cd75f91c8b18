"""Who takes part besides us: every peer, and the two oracles."""

from __future__ import annotations

from hydatis_simulator.benchmark.placement.oracle import OfflineOracle, Oracle
from hydatis_simulator.peers.registry import PEERS
from hydatis_simulator.peers.spec import PeerSpec

__all__ = ["BOUND", "OURS", "RIVALS"]

#: Families beside those of the peers.
BOUND, OURS = "bound", "ours"

#: By name.
RIVALS: dict[str, PeerSpec] = {
    **PEERS,
    Oracle.name: PeerSpec(Oracle.name, "knows all judged use, places in order of arrival", BOUND, Oracle),
    OfflineOracle.name: PeerSpec(OfflineOracle.name, "knows all judged use and all pods, greatest first", BOUND, OfflineOracle),
}
