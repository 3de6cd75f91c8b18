"""The composition root: the one place where the right-sizer's objects are made and joined.

Watches come first, then the webhook that answers from them, then the roles of the leader.
"""

from __future__ import annotations

import socket
from importlib.metadata import version

from hydatis_serving.http_endpoint import HttpEndpoint
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.watch import Watcher
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from hydatis_serving.metrics import new_registry

from hydatis_right_sizer.audit import Audit
from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.lease import Candidate, LeaseLeadership
from hydatis_right_sizer.policy_keeper import PolicyKeeper
from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics
from hydatis_right_sizer.roles import Leadership, Role, RoleRunner
from hydatis_right_sizer.settings import RightSizerSettings

__all__ = ["NAME", "RightSizerApp"]

NAME = "right-sizer"
LEASE = "hydatis-right-sizer"


class RightSizerApp:
    """The right-sizer; make it inside the event loop that runs it."""

    def __init__(self, settings: RightSizerSettings) -> None:
        self._settings = settings
        self.registry = registry = new_registry(NAME, version("hydatis-right-sizer"))
        self.metrics = metrics = RightSizerMetrics(registry)
        watch_metrics = KubernetesMetrics(registry)
        identity = settings.identity or socket.gethostname()
        #: Watches are ended by closing their API; what changes things has another.
        self._watch_api = KubernetesApi(settings.kubeconfig, settings.kube_context)
        self._api = api = KubernetesApi(settings.kubeconfig, settings.kube_context)
        self.audit = Audit(api, identity, metrics)
        self.cluster = ClusterState(self._watch_api, watch_metrics)
        self.policy = PolicyKeeper(settings.namespace, settings.policy_config_map, metrics)
        self._policy_watcher = Watcher(self._watch_api, self.policy.resource, self.policy, watch_metrics)
        leadership: Leadership = LeaseLeadership(Candidate(api, settings.namespace, LEASE, identity))
        roles: list[Role] = []
        self._roles = RoleRunner(leadership, roles, metrics)
        self._http = HttpEndpoint(settings.host, settings.metrics_port, registry, lambda: self.ready)

    @property
    def ready(self) -> bool:
        """Whether it knows the cluster."""
        return self.cluster.synced

    async def start(self) -> None:
        """Watches, answers, stands for leadership.

        Raises:
            DependencyUnavailable: a port is taken.
        """
        self.audit.start()
        self._policy_watcher.start()
        self.cluster.start()
        await self._http.start()
        await self._roles.start()

    async def stop(self) -> None:
        """Stops in order: requests in flight finish first."""
        await self._roles.stop()
        self._policy_watcher.stop()
        await self.cluster.stop()
        self.audit.stop()
        await self._http.stop()
