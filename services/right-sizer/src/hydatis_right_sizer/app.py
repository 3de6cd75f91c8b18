"""The composition root: the one place where the right-sizer's objects are made and joined.

Watches come first, then the webhook that answers from them, then the roles of the leader.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from importlib.metadata import version

from hydatis_serving.http_endpoint import HttpEndpoint
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.watch import Watcher
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from hydatis_serving.metrics import StreamMetrics, new_registry
from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.subscriber import ForecastSubscriber, TableSubscriber
from hydatis_serving.tls_files import tls_files_of_settings
from hydatis_serving.transport_security import TransportSecurity
from prometheus_client import CollectorRegistry

from hydatis_right_sizer.admission import Admission
from hydatis_right_sizer.audit import Audit
from hydatis_right_sizer.certificate_keeper import CertificateKeeper, TrustKeeper
from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.lease import Candidate, LeaseLeadership
from hydatis_right_sizer.levels import Levels
from hydatis_right_sizer.node_cap_keeper import NodeCapKeeper
from hydatis_right_sizer.policy_keeper import PolicyKeeper
from hydatis_right_sizer.relief_forecasts import HeatBook
from hydatis_right_sizer.relief_keeper import ReliefKeeper
from hydatis_right_sizer.relief_metrics import ReliefMetrics
from hydatis_right_sizer.resize_calls import ResizeCalls
from hydatis_right_sizer.resize_metrics import ResizeMetrics
from hydatis_right_sizer.resizer import Resizer
from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics
from hydatis_right_sizer.roles import Leadership, Role, RoleRunner
from hydatis_right_sizer.settings import RightSizerSettings
from hydatis_right_sizer.trouble_courses import TroubleCourses
from hydatis_right_sizer.webhook import Webhook, webhook_names

__all__ = ["NAME", "RightSizerApp"]

NAME = "right-sizer"
LEASE = "hydatis-right-sizer"
#: How long a thread that follows the cluster may keep the event loop from answering; Python lets it for 5 ms.
SWITCH_SECONDS = 0.0005


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
        candidate = Candidate(api, settings.namespace, LEASE, identity, settings.lease_seconds)
        leadership: Leadership = LeaseLeadership(candidate)
        self.admission = Admission(
            self.cluster, self.policy, self.audit, metrics, after_answer=asyncio.get_running_loop().call_soon
        )
        self.webhook = Webhook(
            settings,
            self.admission.answer,
            lambda secret: Watcher(self._watch_api, secret.resource, secret, watch_metrics),
            registry,
        )
        metrics.refused_connections.set_function(lambda: self.webhook.refused_connections_count)
        roles: list[Role] = [
            NodeCapKeeper(api, self.cluster, self.policy, metrics, settings.cap_seconds),
            Levels(api, self.cluster, self.policy, self.audit, metrics),
        ]
        self._prometheus = (
            PrometheusClient(settings.prometheus_url, settings.prometheus_token_file, settings.prometheus_ca_file)
            if settings.prometheus_url
            else None
        )
        resizes = ResizeMetrics(registry)
        calls = ResizeCalls(api, self.audit, resizes)
        courses = TroubleCourses(self._prometheus)
        roles.append(Resizer(api, self.cluster, self.policy, calls, courses, self.audit, resizes, settings.resize_seconds))
        #: What it dials with; the webhook shows when the same files expire.
        files = tls_files_of_settings(settings)
        self._security = security = TransportSecurity(files, callers_show_certificates=False, registry=CollectorRegistry())
        streams = StreamMetrics(registry)

        def forecasts(book: HeatBook) -> tuple[TableSubscriber | ForecastSubscriber, ...]:
            return (
                TableSubscriber(settings.features_address, NAME, book.take_table, metrics=streams, security=security),
                ForecastSubscriber(settings.forecaster_address, NAME, book.take_forecast, metrics=streams, security=security),
            )

        relief = ReliefMetrics(registry)
        self._relief = ReliefKeeper(api, self.cluster, self.policy, forecasts, self.audit, relief, settings.relief_seconds)
        roles.append(self._relief)
        if self.webhook.has_own_certificate:
            names = webhook_names(settings)
            life = settings.certificate_hours, settings.certificate_settle_seconds
            roles.append(CertificateKeeper(api, self.webhook.secret, names, *life))
        if settings.webhook_configuration:
            roles.append(TrustKeeper(api, settings.webhook_configuration, self.webhook.files))
        self._roles = RoleRunner(leadership, roles, metrics)
        self._http = HttpEndpoint(settings.host, settings.metrics_port, registry, lambda: self.ready)

    @property
    def ready(self) -> bool:
        """Whether it knows the cluster and can be asked."""
        return self.cluster.synced and self.webhook.port > 0

    async def start(self) -> None:
        """Watches, answers, stands for leadership.

        Raises:
            DependencyUnavailable: a port is taken.
        """
        self._security.start()
        sys.setswitchinterval(SWITCH_SECONDS)
        self.audit.start()
        self._policy_watcher.start()
        self.cluster.start()
        await self._http.start()
        await self._roles.start()
        await self.webhook.start()

    async def stop(self) -> None:
        """Stops in order: requests in flight finish first."""
        await self.webhook.stop()
        self._relief.ends = True
        await self._roles.stop()
        self._policy_watcher.stop()
        await self.cluster.stop()
        self.audit.stop()
        if self._prometheus is not None:
            await self._prometheus.close()
        await self._http.stop()
        await self._security.stop()
