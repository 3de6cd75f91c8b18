"""What GPU pods asked for so far: the sums from which free GPU is priced.

Whether a gap on a device or CPU beside an idle device is worth something depends on the pods that come, and the best guess at those
is the pods that came. Every process that decides must guess alike, so the sums are kept where pods are counted and travel with the
node table; what is made of them is the policy's affair.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.pods import Pod

from hydatis_features.gpu_shares import WHOLE_MILLI, gpu_milli

__all__ = ["SHARE_LEVELS", "GpuDemand", "GpuDemandSums", "whole_amounts"]

#: Shares of a device are counted in hundredths, rounded up.
SHARE_LEVELS = 100
_PER_LEVEL = WHOLE_MILLI // SHARE_LEVELS
_MIB = 2.0**20
#: One pod counts for at most so much: 10^9 cores, 1 PiB.
_MOST_CPU_MILLI, _MOST_MEMORY_MIB = 10**12, 2**30


def whole_amounts(pod: Pod) -> tuple[int, int]:
    """CPU and memory that a pod asks for: thousandths of a core and MiB, at most 10^9 cores and 1 PiB."""
    asked = pod.requests
    return min(round(asked.cpu_cores * 1000), _MOST_CPU_MILLI), min(round(asked.memory_bytes / _MIB), _MOST_MEMORY_MIB)


@dataclass(frozen=True, slots=True)
class GpuDemand:
    """Sums over GPU pods; all zero and empty before the first.

    Raises:
        WrongShape: there is not one count per size.
        InvalidValue: a size, count or sum is out of range, or the sizes do not rise.
    """

    sizes: tuple[int, ...] = ()
    """Distinct shares of one device that were asked for, hundredths, 1..100, ascending; whole devices are not among them."""
    counts: tuple[int, ...] = ()
    """Pods that asked for each, > 0."""
    cpu_milli: int = 0
    """CPU that GPU pods asked for, thousandths of a core, >= 0."""
    memory_mib: int = 0
    """Memory that they asked for, MiB, >= 0."""
    gpu_milli: int = 0
    """GPU that they asked for, thousandths of a device, >= 0."""

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.counts):
            shown = f"{len(self.sizes)} sizes and {len(self.counts)} counts"
            raise WrongShape(shown, field="gpu_demand", expected="one count per size")
        if any(not 1 <= size <= SHARE_LEVELS for size in self.sizes) or list(self.sizes) != sorted(set(self.sizes)):
            raise InvalidValue(f"sizes {self.sizes}", field="gpu_demand.sizes", expected="1..100, ascending, without repeats")
        if any(count <= 0 for count in self.counts):
            raise InvalidValue("a count is not positive", field="gpu_demand.counts", expected="counts > 0")
        if min(self.cpu_milli, self.memory_mib, self.gpu_milli) < 0:
            raise InvalidValue("a sum is negative", field="gpu_demand", expected="sums >= 0")


class GpuDemandSums:
    """Adds GPU pods up.

    Args:
        start: where to go on from.
        published: what was published last.
    """

    def __init__(self, start: GpuDemand = GpuDemand(), published: GpuDemand = GpuDemand()) -> None:  # a value
        self._shares: Counter[int] = Counter(dict(zip(start.sizes, start.counts, strict=True)))
        self._cpu_milli, self._memory_mib, self._gpu_milli = start.cpu_milli, start.memory_mib, start.gpu_milli
        self.published = published

    def add_pod(self, pod: Pod) -> None:
        """Counts one pod by its requests; a pod without GPU changes nothing."""
        if pod.requests.gpu_count:
            self.add(*whole_amounts(pod), pod.requests.gpu_count, gpu_milli(pod))

    def add(self, cpu_milli: int, memory_mib: int, gpu_count: int, gpu_milli: int) -> None:
        """Counts one pod; a pod without GPU changes nothing.

        Args:
            cpu_milli: thousandths of a core.
            memory_mib: MiB.
            gpu_count: devices.
            gpu_milli: thousandths of each device, 1..1000.
        """
        if gpu_count == 0:
            return
        if gpu_milli < WHOLE_MILLI:
            self._shares[-(-gpu_milli // _PER_LEVEL)] += 1
        self._cpu_milli += cpu_milli
        self._memory_mib += memory_mib
        self._gpu_milli += gpu_count * gpu_milli

    def publish(self) -> GpuDemand:
        """The sums for others to price by: those of now if GPU asked for has grown by a tenth since the last ones, else those.

        Prices hardly move by less, and setting them costs more than a decision.
        """
        if self._gpu_milli * 10 > self.published.gpu_milli * 11:
            self.published = self.demand()
        return self.published

    def demand(self) -> GpuDemand:
        """The sums as they stand."""
        sizes = tuple(sorted(self._shares))
        counts = tuple(self._shares[size] for size in sizes)
        return GpuDemand(sizes, counts, self._cpu_milli, self._memory_mib, self._gpu_milli)
