"""What a search may vary: parameters with their ranges, and how a value of them is written.

One description serves every engine: Optuna draws from it here, Katib's YAML is written from it, and the trial reads its values
back from a command line, where each is ``name=value``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue

__all__ = ["Choice", "Parameter", "Real", "Value", "Whole", "from_text", "in_space"]

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, both ends possible."""

    name: str
    low: int
    high: int
    default: int
    log: bool = False
    """Whether ratios count and not differences."""

    def read(self, text: str) -> int:
        """The value of a text; engines write whole numbers as ``9`` or ``9.0``."""
        value = float(text)
        if not value.is_integer():
            raise ValueError(text)
        return int(value)

    def holds(self, value: Value) -> bool:
        """Whether it is one of its values."""
        return isinstance(value, int) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Real:
    """A real number, both ends possible."""

    name: str
    low: float
    high: float
    default: float
    log: bool = False

    def read(self, text: str) -> float:
        """The value of a text."""
        return float(text)

    def holds(self, value: Value) -> bool:
        """Whether it is one of its values."""
        return isinstance(value, int | float) and math.isfinite(value) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few, all of the same type."""

    name: str
    values: tuple[Value, ...]
    default: Value

    def read(self, text: str) -> Value:
        """The value of a text."""
        return next(value for value in self.values if _same(value, text))

    def holds(self, value: Value) -> bool:
        """Whether it is one of its values."""
        return value in self.values


Parameter = Whole | Real | Choice


def _same(value: Value, text: str) -> bool:
    if isinstance(value, bool | str):
        return str(value).lower() == text.lower()
    try:
        return float(text) == value
    except ValueError:
        return False


def from_text(parameters: Sequence[Parameter], given: Sequence[str]) -> dict[str, Value]:
    """Values from ``name=value`` texts; a parameter that is not named has its default.

    Raises:
        InvalidValue: a text is not of that form, names no parameter or one twice, or its value is out of the space.

    >>> from_text([Whole("rounds", 1, 9, 5), Real("rate", 0.1, 1.0, 0.3)], ["rounds=7"])
    {'rounds': 7, 'rate': 0.3}
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Value] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or name not in known or name in values:
            raise InvalidValue(f"{text!r}", field="parameter", expected=f"each at most once, name=value: {', '.join(known)}")
        try:
            values[name] = known[name].read(value.strip())
        except (ValueError, StopIteration):
            raise InvalidValue(f"{value!r} is no value of {name}", field="parameter", expected=_range(known[name])) from None
    return in_space(parameters, values)


def in_space(parameters: Sequence[Parameter], values: Mapping[str, Value]) -> dict[str, Value]:
    """The values with the defaults of those that are missing, in the order of the parameters.

    Raises:
        InvalidValue: a value is out of the space, or of no parameter.
    """
    unknown = set(values) - {parameter.name for parameter in parameters}
    if unknown:
        expected = ", ".join(parameter.name for parameter in parameters)
        raise InvalidValue(f"there is no parameter {sorted(unknown)[0]!r}", field="parameter", expected=expected)
    complete: dict[str, Value] = {}
    for parameter in parameters:
        value = values.get(parameter.name, parameter.default)
        if not parameter.holds(value):
            raise InvalidValue(f"{parameter.name} is {value!r}", field="parameter", expected=_range(parameter))
        complete[parameter.name] = value
    return complete


def _range(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return f"one of {', '.join(map(str, parameter.values))}"
    return f"{parameter.low} to {parameter.high}"
