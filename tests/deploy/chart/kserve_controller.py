"""KServe itself, on a test control plane: its controller and its webhooks, as an installation in Standard mode has them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import yaml
from control_plane.api import Api, JsonObject
from control_plane.certificates import Authority
from control_plane.processes import Program, free_port

from chart.go_modules import KSERVE, kserve_program, module_folder

__all__ = ["KServeController"]

NAMESPACE = "kserve"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"


class KServeController:
    """A running KServe; ``stop`` ends it.

    Args:
        kubeconfig: of an administrator.
        folder: for keys and the log.
    """

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._folder = folder
        keys = folder / "k8s-webhook-server" / "serving-certs"  # where the webhook server looks, below TMPDIR
        keys.mkdir(parents=True)
        authority = Authority(keys)
        authority.server("tls", "127.0.0.1")
        self._port = free_port()
        health = free_port()
        api = Api(kubeconfig)
        api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        api.create(f"/api/v1/namespaces/{NAMESPACE}/configmaps", self._configuration())
        command = [
            "env",
            f"KUBECONFIG={kubeconfig}",
            f"TMPDIR={folder}",
            f"POD_NAMESPACE={NAMESPACE}",
            str(kserve_program()),
            f"--webhook-port={self._port}",
            "--metrics-addr=0",
            f"--health-probe-addr=127.0.0.1:{health}",
        ]
        self._program = Program(command, folder / "kserve.log", f"http://127.0.0.1:{health}/readyz")
        for collection, hooks in self._webhooks(authority.certificate.read_bytes()):
            api.create(f"{WEBHOOKS}/{collection}", hooks)
        api.close()

    def stop(self) -> None:
        """Ends it."""
        self._program.stop()

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self._folder / "kserve.log").read_text()

    @staticmethod
    def _configuration() -> JsonObject:
        """Its own configuration, for Standard mode and a cluster without any ingress."""
        made: JsonObject = yaml.safe_load((module_folder(KSERVE) / "config/configmap/inferenceservice.yaml").read_text())
        made["metadata"] = {"name": made["metadata"]["name"], "namespace": NAMESPACE}
        ingress = json.loads(made["data"]["ingress"]) | {"disableIngressCreation": True}
        made["data"] |= {"deploy": json.dumps({"defaultDeploymentMode": "Standard"}), "ingress": json.dumps(ingress)}
        return made

    def _webhooks(self, certificate: bytes) -> list[tuple[str, JsonObject]]:
        """Its own webhooks, at this process's address."""
        found: list[tuple[str, JsonObject]] = []
        for hooks in yaml.safe_load_all((module_folder(KSERVE) / "config/webhook/manifests.yaml").read_text()):
            hooks["metadata"] = {"name": hooks["metadata"]["name"]}
            for hook in hooks["webhooks"]:
                path = hook["clientConfig"]["service"]["path"]
                url = f"https://127.0.0.1:{self._port}{path}"
                hook["clientConfig"] = {"url": url, "caBundle": base64.b64encode(certificate).decode()}
            found.append((f"{hooks['kind'].lower()}s", hooks))
        return found
