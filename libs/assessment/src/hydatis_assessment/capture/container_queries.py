"""What Prometheus is asked about containers, as PromQL: use by the step, and what befell them by the quarter of a day.

The rules are those of ``hydatis_serving.prometheus.queries``: of duplicates (a pair of Prometheus replicas, a second job over the
same exporter, two series of a container that was started anew) the greatest is taken, never the sum; ``rate`` sees counters that
began anew before anything is aggregated; labels that a target's own have hidden are found behind ``exported_``.

CPU is the mean over the step; memory is the maximum over it, since memory goes by its maximum. Use is asked for series by series
and its duplicates are settled by ``captured_day``: there are hundreds of millions of values, and the server takes twice as long
when it has to group them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["CLUSTER_LABELS", "EVENTS", "EVENT_SECONDS", "NAMESPACES", "OWNERS", "USE", "USE_OF_PODS", "Query"]

#: Labels that say which container a series is of.
_KEY = "namespace, pod, container, exported_namespace, exported_pod, exported_container"
_POD = "namespace, pod, exported_namespace, exported_pod"
_CONTAINER = 'container!="",container!="POD"'

#: Labels that may say which cluster a series is of.
CLUSTER_LABELS = ("cluster", "cluster_name", "cluster_id")

#: What befell a container is asked for by so many seconds.
EVENT_SECONDS = 21_600


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL with ``<step>`` for the range and ``<and>`` where more matchers go."""

    name: str
    expression: str
    steps: int = 1
    """How many steps the range is long; it ends with the last of them."""

    def promql(self, step_seconds: float, matchers: str) -> str:
        """The query.

        Args:
            step_seconds: a step.
            matchers: as PromQL writes them, without braces; empty: none.
        """
        told = self.expression.replace("<step>", f"{self.steps * step_seconds:.0f}s")
        return told.replace("<and>", f",{matchers}" if matchers else "")


#: What pods' own groups hold, of a runtime whose containers have no names.
_GROUP = 'container="",pod!="",image=""'


#: Cores and bytes, in the order of the first axis of use. A rate takes two samples: where a cluster is scraped so seldom that a
#: step has no two, wider ranges are asked for (``captured_day``).
USE = (
    Query("cpu", f"rate(container_cpu_usage_seconds_total{{{_CONTAINER}<and>}}[<step>])"),
    Query("memory", f"max_over_time(container_memory_working_set_bytes{{{_CONTAINER}<and>}}[<step>])"),
)
USE_OF_PODS = tuple(replace(query, expression=query.expression.replace(_CONTAINER, _GROUP)) for query in USE)

_RESTARTS = f"max by ({_KEY}) (increase(kube_pod_container_status_restarts_total{{{_CONTAINER}<and>}}[<step>]))"

EVENTS = {
    # share of the periods in which the container was held back at its CPU limit
    "throttled": Query(
        "throttled",
        f"max by ({_KEY}) (increase(container_cpu_cfs_throttled_periods_total{{{_CONTAINER}<and>}}[<step>])"
        f" / (increase(container_cpu_cfs_periods_total{{{_CONTAINER}<and>}}[<step>]) > 0))",
    ),
    # cAdvisor counts what the kernel killed; where it does not, restarts after which kube-state-metrics says why the last one ended
    "kills": Query(
        "kills",
        f"max by ({_KEY}) (increase(container_oom_events_total{{{_CONTAINER}<and>}}[<step>]))",
    ),
    "kills_by_status": Query(
        "kills_by_status",
        f"{_RESTARTS} * (max by ({_KEY}) (max_over_time(kube_pod_container_status_last_terminated_reason"
        f'{{{_CONTAINER},reason="OOMKilled"<and>}}[<step>])) > 0) or {_RESTARTS} * 0',
    ),
    "memory_limit": Query(
        "memory_limit",
        f"max by ({_KEY}) (max_over_time(container_spec_memory_limit_bytes{{{_CONTAINER}<and>}}[<step>])) > 0",
    ),
    # many drop cAdvisor's specifications, which never change
    "memory_limit_by_status": Query(
        "memory_limit_by_status",
        f'max by ({_KEY}) (max_over_time(kube_pod_container_resource_limits{{{_CONTAINER},resource="memory"<and>}}[<step>])) > 0',
    ),
}

#: Who made pods, and where they ran: of kube-state-metrics, as far as it is there.
OWNERS = {
    "pod_owner": Query(
        "pod_owner",
        f"max by ({_POD}, owner_kind, owner_name) (max_over_time(kube_pod_owner"
        f'{{owner_kind!="",owner_kind!="<none>",owner_is_controller!="false"<and>}}[<step>]))',
    ),
    "replicaset_owner": Query(
        "replicaset_owner",
        "max by (namespace, exported_namespace, replicaset, owner_kind, owner_name) (max_over_time(kube_replicaset_owner"
        '{owner_kind!="",owner_kind!="<none>"<and>}[<step>]))',
    ),
    "pod_node": Query("pod_node", f'max by ({_POD}, node, exported_node) (max_over_time(kube_pod_info{{pod!=""<and>}}[<step>]))'),
}

#: How many containers each namespace has: what questions are cut by; and of which clusters, where one store is of several.
NAMESPACES = Query(
    "namespaces",
    f"count by (namespace, exported_namespace, {', '.join(CLUSTER_LABELS)})"
    f" (container_memory_working_set_bytes{{{_CONTAINER}<and>}})",
)
