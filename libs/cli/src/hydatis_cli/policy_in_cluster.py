"""A policy of a cluster: a ConfigMap that whoever obeys it watches, changed through the API server by whoever may change it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hydatis_core.errors import DependencyUnavailable, InvalidValue

from hydatis_cli.policy_places import ASKING_SECONDS, Report, asked

__all__ = ["CONFIG_MAP", "KEY", "RIGHT_SIZING", "PolicyInCluster"]

#: As the chart names them.
CONFIG_MAP, RIGHT_SIZING, KEY = "hydatis-policy", "hydatis-right-sizer", "policy.yaml"
SHIMS = "app.kubernetes.io/name=scheduler-plugin,app.kubernetes.io/part-of=hydatis"
SHIM_PORT = 7080
CALL_SECONDS = 10.0
_NOT_FOUND, _CONFLICT = 404, 409
_EXPECTED = {
    403: "a user who may get and patch it",
    404: f"a release of the chart; --kube-namespace names its namespace, whose ConfigMap is {CONFIG_MAP}",
}


@dataclass(frozen=True, slots=True)
class PolicyInCluster:
    """The ConfigMap of a release.

    Args:
        namespace: of the release.
        core: CoreV1Api of the `kubernetes` client.
        shims: URLs of the shims; empty: they are found, and asked through the API server.
        config_map: its name; the right-sizer has its own beside the shims'.
    """

    namespace: str
    core: Any
    shims: tuple[str, ...] = ()
    config_map: str = CONFIG_MAP

    @classmethod
    def of(cls, kubeconfig: str, context: str, namespace: str, shims: tuple[str, ...]) -> PolicyInCluster:
        """By a kubeconfig, as kubectl finds it.

        Raises:
            InvalidValue: there is none, or it has no such context.
        """
        import kubernetes.client  # half a second that no other command should wait for
        import kubernetes.config

        configuration = kubernetes.client.Configuration()
        configuration.retries = False
        try:
            kubernetes.config.load_kube_config(kubeconfig or None, context or None, configuration)
        except Exception as wrong:  # the client raises whatever its parsers raise
            raise InvalidValue(f"no usable kubeconfig: {wrong}"[:300], field="--kubeconfig", expected="a kubeconfig file") from None
        return cls(namespace, kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(configuration)), shims)

    @property
    def shown(self) -> str:
        """The ConfigMap."""
        return f"ConfigMap {self.namespace}/{self.config_map}"

    def is_there(self) -> bool:
        """Whether the release has it.

        Raises:
            DependencyUnavailable: there is no API server, or one may not look.
        """
        from kubernetes.client import ApiException

        with self._called():
            try:
                self.core.read_namespaced_config_map(self.config_map, self.namespace, _request_timeout=CALL_SECONDS)
            except ApiException as refused:
                if refused.status == _NOT_FOUND:
                    return False
                raise
        return True

    def read(self) -> str:
        """The policy's text.

        Raises:
            DependencyUnavailable: there is no API server or no ConfigMap, or one may not read it.
        """
        return self._read()[0]

    def write(self, text: str, instead_of: str) -> bool:
        """Changes the ConfigMap, unless it was changed meanwhile."""
        from kubernetes.client import ApiException

        found, version = self._read()
        if found != instead_of:
            return False
        change = {"metadata": {"resourceVersion": version}, "data": {KEY: text}}
        with self._called():
            try:
                self.core.patch_namespaced_config_map(
                    self.config_map, self.namespace, change, field_manager="hydatis", _request_timeout=CALL_SECONDS
                )
            except ApiException as refused:
                if refused.status == _CONFLICT:
                    return False
                raise
        return True

    def reports(self) -> dict[str, Report]:
        """What each shim says."""
        if self.shims:
            return {shim: asked(shim) for shim in self.shims}
        with self._called():
            pods = self.core.list_namespaced_pod(self.namespace, label_selector=SHIMS, _request_timeout=CALL_SECONDS).items
        return {pod.metadata.name: self._asked(pod.metadata.name) for pod in pods if pod.metadata.deletion_timestamp is None}

    def _asked(self, pod: str) -> Report:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            answer = self.core.connect_get_namespaced_pod_proxy_with_path(
                f"{pod}:{SHIM_PORT}", self.namespace, "readyz", _preload_content=False, _request_timeout=ASKING_SECONDS
            )
            return dict(json.loads(answer.data))
        except (ApiException, HTTPError, ValueError) as failure:
            return f"not reached through the API server: {getattr(failure, 'reason', None) or type(failure).__name__}"

    def _read(self) -> tuple[str, str]:
        with self._called():
            found = self.core.read_namespaced_config_map(self.config_map, self.namespace, _request_timeout=CALL_SECONDS)
        return (found.data or {}).get(KEY, ""), found.metadata.resource_version

    @contextmanager
    def _called(self) -> Iterator[None]:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ApiException as refused:
            why = f"{self.shown}: the API server answered {refused.status} {refused.reason}"
            raise DependencyUnavailable(why, field="kubernetes", expected=_EXPECTED.get(refused.status, "")) from None
        except HTTPError as failure:
            raise DependencyUnavailable(f"the API server does not answer: {failure}"[:300], field="kubernetes") from None
