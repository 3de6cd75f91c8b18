"""Pod shapes: what a pod asks for, once per distinct request, because thousands of pods ask for a few dozen different things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_placement.gpu_choices import DEVICE_MILLI
from numpy.typing import NDArray

__all__ = ["PodShape", "Workload", "model_bits"]


@dataclass(frozen=True, slots=True)
class PodShape:
    """What pods of one kind ask for."""

    cpu_milli: int
    """Thousandths of a core, >= 0."""
    memory_mib: int
    """MiB, >= 0."""
    gpu_count: int
    """Devices, 0..8; a share of a device only where it is 1."""
    gpu_milli: int
    """Thousandths of each device, 1..1000; 0 without GPU."""
    models: frozenset[str] = frozenset()
    """GPU models it may run on; empty: any."""

    def __post_init__(self) -> None:
        if min(self.cpu_milli, self.memory_mib, self.gpu_count, self.gpu_milli) < 0 or self.gpu_milli > DEVICE_MILLI:
            raise InvalidValue(f"{self} asks for less than nothing or more than a device", field="gpu_milli", expected="0 to 1000")
        if (self.gpu_count == 0) != (self.gpu_milli == 0) or (self.gpu_count > 1 and self.gpu_milli < DEVICE_MILLI):
            raise InvalidValue(f"{self} is no GPU request", field="gpu_count", expected="whole devices, or a share of one")

    @property
    def is_shared(self) -> bool:
        """Whether it asks for a share of one device."""
        return self.gpu_count == 1 and self.gpu_milli < DEVICE_MILLI

    @property
    def gpu_milli_total(self) -> int:
        """Thousandths of a device over all its devices."""
        return self.gpu_count * self.gpu_milli


@dataclass(frozen=True)
class Workload:
    """A list of pods by shape."""

    shapes: tuple[PodShape, ...]
    """Distinct shapes."""
    shape_of_pod: NDArray[np.int64]
    """shape (pods,), position in ``shapes``, in the list's order."""

    @classmethod
    def of(cls, pods: Sequence[PodShape]) -> Workload:
        """Collects the shapes of a list.

        Raises:
            InvalidValue: no pod asks for a GPU, so that no share of GPU can be reached.
        """
        numbers: dict[PodShape, int] = {}
        order = [numbers.setdefault(pod, len(numbers)) for pod in pods]
        if not any(shape.gpu_count for shape in numbers):
            raise InvalidValue("no pod of the list asks for a GPU", field="pods", expected="a list with GPU pods")
        return cls(tuple(numbers), np.array(order, dtype=np.int64))

    @property
    def gpu_milli(self) -> NDArray[np.int64]:
        """Thousandths of a device each shape asks for, shape (shapes,)."""
        return np.array([shape.gpu_milli_total for shape in self.shapes], dtype=np.int64)


def model_bits(models: frozenset[str], known: Sequence[str]) -> int:
    """A set of GPU models as one bit each in the order of ``known``; the empty set is every model."""
    return sum(1 << position for position, model in enumerate(known) if not models or model in models)
