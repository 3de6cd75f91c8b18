"""Nodes of each lever as savings, and as money where nodes have a price.

Savings are beside the nodes that are there; a source without nodes has none, there they are beside what today's requests need.
"""

from __future__ import annotations

from typing import Any

from hydatis_cli.prices import Prices

__all__ = ["RATIOS", "saved_by_lever"]

#: Violation allowed, as figures name it, and as people read it.
RATIOS = {"0.001": "0.1 %", "0.01": "1 %", "0.05": "5 %"}
Json = dict[str, Any]
_ENDS = ("value", "low", "high")


def saved_by_lever(savings: Json, prices: Prices | None) -> Json:
    """Savings.

    Args:
        savings: as ``hydatis_assessment`` found them.
        prices: of nodes; None: no money.

    Returns:
        ``beside``: "now" (the nodes that are there) or "today" (those that today's requests need); ``levers``: by name and
        violation ``nodes`` and ``ratio`` saved, and with prices ``money_a_month``, each a dict of value, low and high, or None;
        with prices ``currency``, ``node_month`` and, where nodes are known, ``now_a_month``.
    """
    node, now = savings["node"], savings["nodes_now"]
    price = prices.node_month(node["cpu_cores"], node["memory_bytes"]) if prices else None
    found: Json = {"beside": "now" if now is not None else "today", "levers": {}}
    if prices and price is not None:
        found |= {"currency": prices.currency, "node_month": price, "now_a_month": None if now is None else now * price}
    today = savings["levers"][0]["nodes"]
    for lever in savings["levers"]:
        found["levers"][lever["name"]] = {
            ratio: _saved(lever["nodes"][ratio], today[ratio]["value"], now, price) for ratio in RATIOS
        }
    return found


def _saved(nodes: Json, today: float | None, now: float | None, price: float | None) -> Json | None:
    if nodes["value"] is None:
        return None
    if now is not None:
        saved = dict(zip(_ENDS, (now - nodes["value"], now - nodes["high"], now - nodes["low"]), strict=True))
    elif nodes["saved"] is not None:
        saved = nodes["saved"]
    else:
        return None
    whole = now if now is not None else today
    assert whole is not None, "nothing is saved beside nothing"
    found = {"nodes": saved, "ratio": {end: saved[end] / whole for end in _ENDS}}
    return found | ({"money_a_month": {end: saved[end] * price for end in _ENDS}} if price is not None else {})
