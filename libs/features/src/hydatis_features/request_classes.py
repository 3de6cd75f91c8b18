"""Classes of pods by what they ask for: what the cold start is learned by, and the amounts that "use per request" divides by.

A pod whose workload was never seen is taken for one of the pods it looks like. Buckets are powers of two, because requests are
chosen by people who think in halves and doubles, and pods of one size tend to be made from one template.
"""

from __future__ import annotations

import math

from hydatis_core.pods import Pod

__all__ = ["NOMINAL_CPU_CORES", "NOMINAL_MEMORY_BYTES", "base_amounts", "class_keys"]

#: What a pod without a request is taken to ask for, as kube-scheduler's scores do: ``DefaultMilliCPURequest`` and
#: ``DefaultMemoryRequest`` of pkg/scheduler/util/pod_resources.go.
NOMINAL_CPU_CORES = 0.1
NOMINAL_MEMORY_BYTES = 200.0 * 2**20

_CPU_BUCKETS = (-7, 10)
_MEMORY_BUCKETS = (20, 44)


def base_amounts(pod: Pod) -> tuple[float, float]:
    """What use is divided by: (CPU in cores, memory in bytes), the request or the nominal one where there is none; both > 0."""
    return pod.requests.cpu_cores or NOMINAL_CPU_CORES, pod.requests.memory_bytes or NOMINAL_MEMORY_BYTES


def class_keys(pod: Pod) -> tuple[str, str, str]:
    """Keys of the pod's classes, narrowest first: (namespace and size, size, all pods).

    Size is the base-2 logarithm of the CPU request in cores and of the memory request in bytes, rounded down and clipped to
    2^-7..2^10 cores and 2^20..2^44 bytes; ``none`` for an absent request.

    >>> from hydatis_core.resources import Resources
    >>> class_keys(Pod("u", namespace="web", requests=Resources(cpu_cores=0.5)))
    ('web|cpu=-1|memory=none', '*|cpu=-1|memory=none', '*|*|*')
    """
    cpu = _bucket(pod.requests.cpu_cores, *_CPU_BUCKETS)
    memory = _bucket(pod.requests.memory_bytes, *_MEMORY_BUCKETS)
    size = f"cpu={cpu}|memory={memory}"
    return f"{pod.namespace}|{size}", f"*|{size}", "*|*|*"


def _bucket(amount: float, lowest: int, highest: int) -> str:
    if amount <= 0:
        return "none"
    return str(min(max(math.frexp(amount)[1] - 1, lowest), highest))
