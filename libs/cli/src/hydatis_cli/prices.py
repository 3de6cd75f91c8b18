"""What nodes cost, from the user's own file: nothing is assumed, and without a file there is no money in the report.

currency: EUR                 or    currency: EUR
node_hour: 0.80                     cpu_core_hour: 0.03
                                    memory_gib_hour: 0.004
"""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
from hydatis_core.errors import InvalidValue
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

__all__ = ["HOURS_A_MONTH", "Prices", "read_prices"]

#: 365 days x 24 hours / 12.
HOURS_A_MONTH = 730.0
_FIELD = "--prices"
_EXPECTED = "currency, and node_hour or cpu_core_hour and memory_gib_hour"


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Prices of one node, or of its parts."""

    currency: str
    """As it is shown."""
    node_hour: float | None = None
    """Of a node for an hour."""
    cpu_core_hour: float | None = None
    """Of an allocatable core for an hour."""
    memory_gib_hour: float | None = None
    """Of an allocatable GiB for an hour."""

    def node_month(self, cpu_cores: float, memory_bytes: float) -> float:
        """Price of a node of that size for a month."""
        if self.node_hour is not None:
            return self.node_hour * HOURS_A_MONTH
        assert self.cpu_core_hour is not None, "checked when it was read"
        assert self.memory_gib_hour is not None, "checked when it was read"
        return (cpu_cores * self.cpu_core_hour + memory_bytes / 2**30 * self.memory_gib_hour) * HOURS_A_MONTH


def read_prices(path: Path) -> Prices:
    """Prices from a file of YAML or JSON.

    Raises:
        InvalidValue: there is no such file, or it does not hold what it should.
    """
    try:
        told = YAML(typ="safe", pure=True).load(path.read_text())
    except (OSError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"{path.name} cannot be read: {_first_line(wrong)}", field=_FIELD, expected="a file of prices") from None
    except YAMLError as wrong:
        raise InvalidValue(
            f"{path.name} is neither YAML nor JSON: {_first_line(wrong)}", field=_FIELD, expected=_EXPECTED
        ) from None
    try:
        prices = msgspec.convert(told, Prices)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(f"{path.name}: {wrong}", field=_FIELD, expected=_EXPECTED) from None
    parts = (prices.cpu_core_hour, prices.memory_gib_hour)
    if (prices.node_hour is None) != (None not in parts) or (
        prices.node_hour is not None and any(one is not None for one in parts)
    ):
        raise InvalidValue(f"{path.name} holds neither one nor the other", field=_FIELD, expected=_EXPECTED)
    for name in ("node_hour", "cpu_core_hour", "memory_gib_hour"):
        price = getattr(prices, name)
        if price is not None and not (math.isfinite(price) and price >= 0):
            raise InvalidValue(f"{path.name}: {name} is {price!r}", field=_FIELD, expected="a price >= 0")
    if not prices.currency.strip():
        raise InvalidValue(f"{path.name}: no currency", field=_FIELD, expected=_EXPECTED)
    return prices


def _first_line(wrong: Exception) -> str:
    return str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
