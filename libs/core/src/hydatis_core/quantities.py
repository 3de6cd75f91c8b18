"""Kubernetes resource quantities: ``100m``, ``1.5``, ``2Gi``, ``1e3`` as numbers.

The grammar is that of Kubernetes' ``resource.Quantity`` (a signed decimal number with a binary suffix, a decimal suffix or a
decimal exponent). Values are floats, because a scheduler compares amounts and never bills them.
"""

from __future__ import annotations

import math
import re

from hydatis_core.errors import InvalidValue

__all__ = ["MAX_QUANTITY", "cpu_quantity", "memory_quantity", "parse_quantity"]

#: Amounts above this are taken for a mistake: 2**60 is 1 EiB of memory, or far more cores than any cluster has.
MAX_QUANTITY = float(2**60)

_QUANTITY = re.compile(r"^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d+)|(m|u|n|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$")
_SUFFIX = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def parse_quantity(text: str | float, *, field: str = "quantity") -> float:
    """The amount a quantity stands for, in its base unit (cores, bytes, devices).

    Args:
        text: the quantity as Kubernetes writes it, or a plain number.
        field: name to blame in an error.

    Returns:
        A finite amount, 0 <= amount <= ``MAX_QUANTITY``.

    Raises:
        InvalidValue: not a quantity, negative, not finite, or above ``MAX_QUANTITY``.

    >>> parse_quantity("250m"), parse_quantity("2Gi"), parse_quantity("1e3"), parse_quantity(4)
    (0.25, 2147483648.0, 1000.0, 4.0)
    """
    shown = repr(text)[:60]
    if isinstance(text, bool):
        raise InvalidValue(f"{shown} is not a quantity", field=field, expected="a number such as 500m, 2 or 4Gi")
    if isinstance(text, int | float):
        amount = float(text)
    else:
        match = _QUANTITY.match(text.strip()) if len(text) <= 64 else None
        if match is None:
            raise InvalidValue(f"{shown} is not a quantity", field=field, expected="a number such as 500m, 2 or 4Gi")
        number, exponent, suffix = match.groups()
        amount = float(number + (exponent or "")) * _SUFFIX.get(suffix or "", 1.0)
    if not math.isfinite(amount) or amount < 0 or amount > MAX_QUANTITY:
        raise InvalidValue(f"{shown} is out of range", field=field, expected="0 to 2^60")
    return amount


def cpu_quantity(cores: float) -> str:
    """Cores as Kubernetes writes them, rounded up to a thousandth, which is the least it tells apart.

    Raises:
        InvalidValue: negative, not finite, or above ``MAX_QUANTITY``.

    >>> cpu_quantity(0.1201), cpu_quantity(2.0)
    ('121m', '2')
    """
    milli = math.ceil(round(_checked(cores, "cpu") * 1000, 6))  # 0.1 + 0.02 cores are 120m, not 121m
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def memory_quantity(amount_bytes: float) -> str:
    """Bytes as Kubernetes writes them, rounded up to a byte, in the greatest binary unit that says it exactly.

    Raises:
        InvalidValue: negative, not finite, or above ``MAX_QUANTITY``.

    >>> memory_quantity(700 * 2.0**20), memory_quantity(2.0**31), memory_quantity(1500)
    ('700Mi', '2Gi', '1500')
    """
    left = math.ceil(_checked(amount_bytes, "memory"))
    for suffix in ("Pi", "Ti", "Gi", "Mi", "Ki"):
        count, rest = divmod(left, int(_SUFFIX[suffix]))
        if count and not rest:
            return f"{count}{suffix}"
    return str(left)


def _checked(amount: float, field: str) -> float:
    if not math.isfinite(amount) or amount < 0 or amount > MAX_QUANTITY:
        raise InvalidValue(f"{amount!r} is out of range", field=field, expected="0 to 2^60")
    return amount
