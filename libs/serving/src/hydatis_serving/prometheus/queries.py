"""What Prometheus is asked each tick: a table of quantities, each as PromQL over the names that exporters give them.

Every quantity can be had in two ways that give the same rows: from the exporters' own series, or from the recording rules in
``deploy/monitoring/recording-rules.yaml``, whose expressions are these same expressions (a test holds them together).

Duplicates are settled inside the query. A pair of Prometheus replicas, or a second job over the same exporter, yields series that
differ in a label which is none of ``TARGET_LABELS``: first each of them is summed on its own, then the greatest is taken, never
their sum. A counter that began anew is ``rate``'s business, and it is asked for before any sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hydatis_features.usage import METRICS, POD_METRICS

__all__ = [
    "FACTS",
    "GROUP_QUANTITIES",
    "NODE_QUANTITIES",
    "POD_LABELS",
    "POD_QUANTITIES",
    "QUANTITIES",
    "ROOT_QUANTITIES",
    "TARGET_LABELS",
    "Asking",
    "Quantity",
]

#: Labels that may say which node a target is on; what is not set costs nothing. Namespace and pod are the exporter's own.
TARGET_LABELS = (
    "node",
    "kubernetes_node",
    "node_name",
    "nodename",
    "kubernetes_io_hostname",
    "host",
    "hostname",
    "instance",
    "namespace",
    "pod",
)
#: Labels that say which pod a container is of. A label of the target that hid the container's own put it behind ``exported_``.
POD_LABELS = ("namespace", "pod", "exported_namespace", "exported_pod")

#: Devices of the kernel's making: what passes through them passes through a real one, too.
_NOT_A_NIC = (
    "lo|veth.*|cali.*|cilium.*|lxc.*|cni.*|flannel.*|docker.*|br-.*|virbr.*|tun.*|tap.*|vxlan.*|kube-.*|nodelocaldns"
    "|bond.*|team.*|.+[.].+"
)
_NOT_A_DISK = "dm-.*|md.*|loop.*|ram.*|zram.*|sr.*|fd.*"
_CONTAINER = 'container!="",container!="POD"'
_POD_GROUP = 'container="",pod!="",image=""'

_T = f"max by ({', '.join(TARGET_LABELS)})"
_P = ", ".join(POD_LABELS)
_SUM_OF_CONTAINERS = f"sum by ({_P}) (max by ({_P}, container)"


@dataclass(frozen=True, slots=True)
class Asking:
    """What the queries are made with."""

    rate_window_seconds: int = 120
    """Over which rates are taken: at least two scrapes must lie in it, four are better."""
    most_age_seconds: int = 90
    """A sample older than this is none."""
    matchers: str = ""
    """More label matchers for every series, as PromQL writes them; empty: none."""

    def filled(self, expression: str) -> str:
        """An expression with the windows and matchers in their places."""
        for mark, text in {
            "<rate>": f"{self.rate_window_seconds}s",
            "<age>": f"{self.most_age_seconds}s",
            "<and>": f",{self.matchers}" if self.matchers else "",
            "<only>": f"{{{self.matchers}}}" if self.matchers else "",
        }.items():
            expression = expression.replace(mark, text)
        return expression


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something asked for at every tick."""

    name: str
    """Its name in metrics and logs."""
    rule: str
    """The series that a recording rule keeps of it."""
    expression: str
    """PromQL with ``<rate>`` for the rate window, ``<age>`` for the age limit, ``<and>`` and ``<only>`` where more matchers go."""
    column: str = ""
    """Which metric of a node or pod it is; empty: a time."""

    def promql(self, asking: Asking, *, recorded: bool) -> str:
        """The query. Of recorded series those are taken that were recorded within the age limit: rules, too, may stand still."""
        return asking.filled(f"last_over_time({self.rule}<only>[<age>])" if recorded else self.expression)


def _node_rate(name: str, column: str, series: str, matcher: str, own_labels: str) -> Quantity:
    expression = f"{_T} (sum without ({own_labels}) (rate({series}{{{matcher}<and>}}[<rate>])))"
    return Quantity(name, f"hydatis_node:{column}:rate", expression, column)


#: Of nodes, as node_exporter names them: METRICS in their order, and when the newest sample was taken.
NODE_QUANTITIES: tuple[Quantity, ...] = (
    _node_rate("node_cpu", METRICS[0], "node_cpu_seconds_total", 'mode!~"idle|iowait|steal"', "cpu, mode"),
    Quantity(
        "node_memory",
        f"hydatis_node:{METRICS[1]}:last",
        f"{_T} (last_over_time(node_memory_MemTotal_bytes<only>[<age>])"
        f" - last_over_time(node_memory_MemAvailable_bytes<only>[<age>]))",
        METRICS[1],
    ),
    _node_rate("node_network_receive", METRICS[2], "node_network_receive_bytes_total", f'device!~"{_NOT_A_NIC}"', "device"),
    _node_rate("node_network_transmit", METRICS[3], "node_network_transmit_bytes_total", f'device!~"{_NOT_A_NIC}"', "device"),
    _node_rate("node_disk_read", METRICS[4], "node_disk_read_bytes_total", f'device!~"{_NOT_A_DISK}"', "device"),
    _node_rate("node_disk_write", METRICS[5], "node_disk_written_bytes_total", f'device!~"{_NOT_A_DISK}"', "device"),
    Quantity(
        "node_time",
        "hydatis_node:sample_time_seconds:max",
        f"{_T} (timestamp(node_memory_MemAvailable_bytes<only>))",
    ),
)

#: The same of nodes without a node_exporter, from the root of cAdvisor's tree.
ROOT_QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        "root_cpu",
        "hydatis_root:cpu_used_cores:rate",
        f'{_T} (rate(container_cpu_usage_seconds_total{{id="/"<and>}}[<rate>]))',
        METRICS[0],
    ),
    Quantity(
        "root_memory",
        "hydatis_root:memory_used_bytes:last",
        f'{_T} (last_over_time(container_memory_working_set_bytes{{id="/"<and>}}[<age>]))',
        METRICS[1],
    ),
    Quantity(
        "root_time",
        "hydatis_root:sample_time_seconds:max",
        f'{_T} (timestamp(container_memory_working_set_bytes{{id="/"<and>}}))',
    ),
)

#: Of pods: the sum of their containers. ``container=""`` is the pod's own group, which holds the same once more, and "POD" its
#: pause container. A container that was started anew leaves two series for a while, and cAdvisor's have times of their own, so that
#: Prometheus does not see them end: the greater one is taken.
POD_QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        "pod_cpu",
        "hydatis_pod:cpu_used_cores:rate",
        f"{_SUM_OF_CONTAINERS} (rate(container_cpu_usage_seconds_total{{{_CONTAINER}<and>}}[<rate>])))",
        POD_METRICS[0],
    ),
    Quantity(
        "pod_memory",
        "hydatis_pod:memory_used_bytes:last",
        f"{_SUM_OF_CONTAINERS} (last_over_time(container_memory_working_set_bytes{{{_CONTAINER}<and>}}[<age>])))",
        POD_METRICS[1],
    ),
)

#: The same where the runtime names no containers: the pods' own groups.
GROUP_QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        "group_cpu",
        "hydatis_group:cpu_used_cores:rate",
        f"max by ({_P}) (rate(container_cpu_usage_seconds_total{{{_POD_GROUP}<and>}}[<rate>]))",
        POD_METRICS[0],
    ),
    Quantity(
        "group_memory",
        "hydatis_group:memory_used_bytes:last",
        f"max by ({_P}) (last_over_time(container_memory_working_set_bytes{{{_POD_GROUP}<and>}}[<age>]))",
        POD_METRICS[1],
    ),
)

#: All that can be recorded.
QUANTITIES = NODE_QUANTITIES + ROOT_QUANTITIES + POD_QUANTITIES + GROUP_QUANTITIES

#: What changes seldom: who is behind a target. kube-state-metrics' own labels may be hidden behind ``exported_``.
FACTS: Mapping[str, str] = {
    "kube_node_info": "max by (node, exported_node, internal_ip, system_uuid) (kube_node_info<only>)",
    "node_uname_info": f"{_T} (node_uname_info<only>)",
    "node_dmi_info": f"max by ({', '.join(TARGET_LABELS)}, product_uuid) (node_dmi_info<only>)",
    "hydatis_rules": "max by (rate_window, most_age) (hydatis_rules<only>)",
}
