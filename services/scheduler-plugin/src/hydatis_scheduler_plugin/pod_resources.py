"""What a pod asks for, by Kubernetes' own rule.

An extender is told containers, not the pod's sum, and must come to the same sum as the scheduler's fit plugin: containers run
together, init containers one after the other, sidecars (init containers that always restart) beside everything that follows
them. Per resource:

    request = max(sum(containers) + sum(sidecars),  max over init i of (init_i + sum(sidecars before i))) + overhead

(``resourcehelper.PodRequests`` of k8s.io/component-helpers.) Pod-level resources, where set, replace the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from hydatis_core.errors import InvalidValue
from hydatis_core.quantities import MAX_QUANTITY, parse_quantity
from hydatis_core.resources import Resources

from hydatis_scheduler_plugin.extender_api import ContainerJson, PodSpec, Quantities

__all__ = ["GPU_RESOURCES", "GpuMeaning", "pod_limits", "pod_requests"]

#: What an extended resource says of GPUs: whole devices, how many devices a share is taken of, or the share of each device.
GpuMeaning = Literal["devices", "shared_devices", "milli_per_device"]

#: Usual names of GPU resources.
GPU_RESOURCES: Mapping[str, GpuMeaning] = {
    "nvidia.com/gpu": "devices",
    "amd.com/gpu": "devices",
    "alibabacloud.com/gpu-count": "shared_devices",
    "alibabacloud.com/gpu-milli": "milli_per_device",
}
#: More devices than any node has: above it an amount is taken for a mistake.
MAX_GPU_COUNT = 1024

Kind = Literal["requests", "limits"]
Amounts = dict[str, float]


def pod_requests(spec: PodSpec, gpu_resources: Mapping[str, GpuMeaning] = GPU_RESOURCES) -> Resources:
    """Sum of a pod's requests: CPU in cores, memory in bytes, GPUs.

    Raises:
        InvalidValue: an amount is not a quantity, negative, or absurdly large.
    """
    return _resources(_effective(spec, "requests", gpu_resources), gpu_resources)


def pod_limits(spec: PodSpec, gpu_resources: Mapping[str, GpuMeaning] = GPU_RESOURCES) -> Resources:
    """Sum of a pod's limits; zero where no container has one. Raises as ``pod_requests``."""
    return _resources(_effective(spec, "limits", gpu_resources), gpu_resources)


def _effective(spec: PodSpec, kind: Kind, gpu_resources: Mapping[str, GpuMeaning]) -> Amounts:
    running: Amounts = {}
    for index, container in enumerate(spec.containers or ()):
        _add(running, _amounts(container, kind, f"Pod.spec.containers[{index}]", gpu_resources))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for index, container in enumerate(spec.init_containers or ()):
        amounts = _amounts(container, kind, f"Pod.spec.initContainers[{index}]", gpu_resources)
        if container.restart_policy == "Always":
            _add(sidecars, amounts)
            _raise_to(peak, sidecars)
        else:
            _raise_to(peak, _sum(amounts, sidecars))
    total = _sum(running, sidecars)
    _raise_to(total, peak)
    if spec.resources is not None:
        total.update(_parse(getattr(spec.resources, kind), f"Pod.spec.resources.{kind}", gpu_resources))
    overhead = _parse(spec.overhead, "Pod.spec.overhead", gpu_resources)
    if kind == "requests":
        _add(total, overhead)
    else:  # overhead raises a limit only where there is one: Kubernetes adds it to non-zero limits
        _add(total, {name: amount for name, amount in overhead.items() if total.get(name, 0.0) > 0})
    return total


def _amounts(container: ContainerJson, kind: Kind, where: str, gpu_resources: Mapping[str, GpuMeaning]) -> Amounts:
    if container.resources is None:
        return {}
    amounts = _parse(getattr(container.resources, kind), f"{where}.resources.{kind}", gpu_resources)
    if kind == "requests" and container.resources.limits:  # a limit without a request is a request, as the API server defaults it
        for name, amount in _parse(container.resources.limits, f"{where}.resources.limits", gpu_resources).items():
            amounts.setdefault(name, amount)
    return amounts


def _parse(quantities: Quantities | None, where: str, gpu_resources: Mapping[str, GpuMeaning]) -> Amounts:
    return {
        name: parse_quantity(quantity, field=f"{where}.{name}")
        for name, quantity in (quantities or {}).items()
        if name in ("cpu", "memory") or name in gpu_resources
    }


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0.0) + amount


def _sum(one: Amounts, other: Amounts) -> Amounts:
    total = dict(one)
    _add(total, other)
    return total


def _raise_to(total: Amounts, floor: Amounts) -> None:
    for name, amount in floor.items():
        total[name] = max(total.get(name, 0.0), amount)


def _resources(amounts: Amounts, gpu_resources: Mapping[str, GpuMeaning]) -> Resources:
    for name, amount in amounts.items():
        if amount > MAX_QUANTITY:
            raise InvalidValue(f"the pod's sum of {name} is out of range", field="Pod.spec", expected="0 to 2^60")
    devices = shared = milli = 0.0
    for name, meaning in gpu_resources.items():
        amount = amounts.get(name, 0.0)
        if meaning == "devices":
            devices += amount
        elif meaning == "shared_devices":
            shared += amount
        else:
            milli = max(milli, amount)
    if devices + shared > MAX_GPU_COUNT:
        raise InvalidValue("the pod's sum of GPU devices is out of range", field="Pod.spec", expected=f"0 to {MAX_GPU_COUNT}")
    if milli > 1000:
        raise InvalidValue(f"{milli:.0f} thousandths of a GPU are more than a device", field="Pod.spec", expected="0 to 1000")
    if devices > 0:  # whole devices outweigh a share
        count, share = devices, 1000.0
    elif shared > 0 or milli > 0:
        count, share = max(shared, 1.0), milli or 1000.0
    else:
        count, share = 0.0, 0.0
    return Resources(amounts.get("cpu", 0.0), amounts.get("memory", 0.0), round(count), round(share))
