"""The one error tree of HYDATIS.

No transport code is in it: hydatis_serving maps it to gRPC and HTTP in one table. Two branches say who has to
act, the caller (``CallerError``) or the one who runs the system (``OperationalError``): the first thing a reader of an error asks.

    HydatisError
    +-- CallerError              the input was wrong: sending it again changes nothing
    |   +-- InvalidValue         NaN, infinite, negative, out of range, empty
    |   +-- WrongShape           bytes or arrays do not have the shape they claim
    |   +-- UnknownColumn        a column the table lacks, or with another definition
    |   +-- UnknownNode          a node the table lacks
    |   +-- Duplicate            the same name or row twice
    |   +-- NoDeadline           a call without a deadline
    |   +-- NotKnown             an admin call of nobody, or of somebody who cannot prove it
    |   +-- NotAllowed           an admin call of somebody who may not make it
    +-- OperationalError         the input was right: it may work later, or after a repair
        +-- GenerationUnavailable    the tick asked for is not here (yet, or any more)
        +-- DependencyUnavailable    another process or store is not there
        +-- ArtifactRefused          truncated, tampered with, of an unknown format, or incompatible
        +-- TraceRefused             a trace that cannot be read as what it claims to be
        +-- TooLate                  a deadline passed
        +-- TooMany                  more calls, streams or bytes at once than a listener takes
"""

from __future__ import annotations

__all__ = [
    "ArtifactRefused",
    "CallerError",
    "DependencyUnavailable",
    "Duplicate",
    "GenerationUnavailable",
    "HydatisError",
    "InvalidValue",
    "NoDeadline",
    "NotAllowed",
    "NotKnown",
    "OperationalError",
    "TooLate",
    "TooMany",
    "TraceRefused",
    "UnknownColumn",
    "UnknownNode",
    "WrongShape",
]


class HydatisError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: what was wrong, in one sentence a user can act on.
        field: which field, argument, file or column it was; empty when it is no single one.
        expected: what would have been right; empty when the message says it.
    """

    def __init__(self, message: str, *, field: str = "", expected: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.expected = expected

    def __str__(self) -> str:
        text = f"{self.field}: {self.message}" if self.field else self.message
        return f"{text} (expected {self.expected})" if self.expected else text


class CallerError(HydatisError):
    """The input was wrong; the same input will be refused again."""


class InvalidValue(CallerError):
    """A value is NaN, infinite, negative, out of range or empty where it may not be."""


class WrongShape(CallerError):
    """Bytes or an array do not have the shape they claim."""


class UnknownColumn(CallerError):
    """A column is not in the table, or stands there with another definition."""


class UnknownNode(CallerError):
    """A node is not in the table of that generation."""


class Duplicate(CallerError):
    """The same name or row stands twice."""


class NoDeadline(CallerError):
    """A call came without a deadline."""


class NotKnown(CallerError):
    """An admin call whose caller is not known: no token, or one that does not hold."""


class NotAllowed(CallerError):
    """An admin call whose caller is known and may not make it."""


class OperationalError(HydatisError):
    """The input was right, but what is needed to answer is not there."""


class GenerationUnavailable(OperationalError):
    """The generation asked for is not here: not yet, or not any more."""


class DependencyUnavailable(OperationalError):
    """Another process or store that is needed is not there."""


class ArtifactRefused(OperationalError):
    """An artifact is truncated, tampered with, of an unknown format or incompatible."""


class TraceRefused(OperationalError):
    """A trace cannot be read as what it claims to be."""


class TooLate(OperationalError):
    """A deadline passed before the answer was there."""


class TooMany(OperationalError):
    """A listener has more at once than it takes: worth trying again in a moment."""
