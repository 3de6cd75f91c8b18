"""How a question is cut when a server finds it too much: by time, then by namespace, in turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = ["Namespaces", "Piece", "namespace_matcher"]


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Some namespaces of a cluster."""

    label: str = "namespace"
    """What a series says its namespace by: "namespace" or "exported_namespace"."""
    names: tuple[str, ...] = ()
    """Those that are known to be in it."""
    others: tuple[str, ...] = ()
    """Those that are known not to be, if it is the rest."""
    rest: bool = True
    """Whether it holds all but ``others``, also what nobody has counted; else it holds ``names``."""

    @property
    def matcher(self) -> str:
        """As PromQL; empty: all of them."""
        if not self.rest:
            return namespace_matcher(self.label, self.names)
        return namespace_matcher(self.label, self.others).replace("=~", "!~", 1) if self.others else ""

    def halves(self) -> tuple[Namespaces, Namespaces]:
        """Two that make it up; names must be more than one."""
        middle = len(self.names) // 2
        first, second = self.names[:middle], self.names[middle:]
        taken = Namespaces(self.label, first, (), rest=False)
        if not self.rest:
            return taken, replace(self, names=second)
        return taken, replace(self, names=second, others=self.others + first)


@dataclass(frozen=True, slots=True)
class Piece:
    """Times to ask for, each with what came to pass in the step before it."""

    first_seconds: float
    """The first time: the end of the first step."""
    step_seconds: float
    count: int
    """Times, > 0."""
    namespaces: Namespaces = Namespaces()
    cuts: int = 0
    """How often it was cut already."""

    @property
    def last_seconds(self) -> float:
        """The last time."""
        return self.first_seconds + (self.count - 1) * self.step_seconds

    def parts(self, most: int) -> list[Piece]:
        """Pieces of at most so many times that make it up."""
        return [self._from(at, min(most, self.count - at)) for at in range(0, self.count, most)]

    def halves(self) -> tuple[Piece, Piece] | None:
        """Two that make it up; None: it cannot be cut. In turn by time and by namespace: either may be what is too much."""
        by_time, by_name = self.count > 1, len(self.namespaces.names) > 1
        if by_time and (self.cuts % 2 == 0 or not by_name):
            middle = self.count // 2
            return self._cut(self._from(0, middle)), self._cut(self._from(middle, self.count - middle))
        if by_name:
            one, other = self.namespaces.halves()
            return self._cut(replace(self, namespaces=one)), self._cut(replace(self, namespaces=other))
        return None

    def _from(self, at: int, count: int) -> Piece:
        return replace(self, first_seconds=self.first_seconds + at * self.step_seconds, count=count)

    def _cut(self, piece: Piece) -> Piece:
        return replace(piece, cuts=self.cuts + 1)


def namespace_matcher(label: str, names: Iterable[str]) -> str:
    """A matcher of some namespaces."""
    # names of namespaces are DNS labels: nothing in them means anything to a regular expression
    return f'{label}=~"{"|".join(sorted(names))}"'
