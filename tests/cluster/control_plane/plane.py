"""etcd, kube-apiserver and kube-controller-manager, started on loopback as a cluster would run them.

RBAC and Node authorisation are on, and admission is Kubernetes' own default set and NodeRestriction. Schedulers are not here: each
test starts the one that it is about. Two settings are not a cluster's: etcd does not wait for the disk, and a node stays Ready for
a day after its last word, since five thousand node objects would else need five hundred lease renewals a second to stay alive.
"""

from __future__ import annotations

import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from control_plane.binaries import Binaries
from control_plane.certificates import Authority, KeyPair, private_key
from control_plane.kubeconfig import write_kubeconfig
from control_plane.processes import Program, free_port

__all__ = ["ControlPlane"]

LOOPBACK = "127.0.0.1"
#: Kubeconfig name -> user and groups of its certificate.
PARTIES: dict[str, tuple[str, ...]] = {
    "admin": ("kubernetes-admin", "system:masters"),
    "kube-scheduler": ("system:kube-scheduler",),
    "kube-controller-manager": ("system:kube-controller-manager",),
}
SERVICE_ISSUER = "https://kubernetes.default.svc.cluster.local"


class ControlPlane:
    """A running control plane; ``stop`` ends it.

    Args:
        folder: empty; keys, data and logs go there.
        binaries: of the release to run.
    """

    def __init__(self, folder: Path, binaries: Binaries) -> None:
        self.folder = folder
        self.binaries = binaries
        for name in ("keys", "logs", "etcd"):
            (folder / name).mkdir(parents=True)
        self._authority = Authority(folder / "keys")
        self._port = free_port()
        self._programs: list[Program] = []
        self._runs: dict[str, tuple[list[str], Path, str]] = {}
        begin = time.monotonic()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - begin

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://{LOOPBACK}:{self._port}"

    @property
    def etcd(self) -> str:
        """URL of etcd, for what an API server would take too long for."""
        told = next(option for option in self._runs["etcd"][0] if option.startswith("--advertise-client-urls="))
        return told.partition("=")[2]

    def kubeconfig(self, party: str) -> Path:
        """Kubeconfig of one of ``PARTIES``."""
        path = self.folder / f"{party}.kubeconfig"
        if not path.exists():
            user, *groups = PARTIES[party]
            self.kubeconfig_for(path, self._authority.client(party, user, *groups))
        return path

    def kubeconfig_for(self, path: Path, user: KeyPair | str) -> Path:
        """Writes a kubeconfig for a certificate or a service account's token."""
        return write_kubeconfig(path, self.server, self._authority.certificate, user)

    def kill(self, program: str) -> None:
        """Kills one of its programs, "kube-apiserver"; ``begin_again`` starts it as it was."""
        self._programs[list(self._runs).index(program)].stop()

    def begin_again(self, program: str) -> None:
        """Starts a program that was killed; returns when it is ready."""
        self._programs[list(self._runs).index(program)] = Program(*self._runs[program])

    def stop(self) -> None:
        """Ends every process, the last first."""
        while self._programs:
            self._programs.pop().stop()

    def _start(self) -> None:
        keys = self.folder / "keys"
        service_key = private_key(keys / "service-accounts.key").public_key()
        (keys / "service-accounts.pub").write_bytes(
            service_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        etcd = self._run_etcd()
        own = self._authority.server("apiserver", LOOPBACK, "10.96.0.1", "localhost", "kubernetes.default.svc")
        self._run(
            "kube-apiserver",
            f"{self.server}/readyz",
            {
                "etcd-servers": etcd,
                "bind-address": LOOPBACK,
                "secure-port": self._port,
                "endpoint-reconciler-type": "none",  # an endpoint on loopback would be refused
                "tls-cert-file": own.certificate,
                "tls-private-key-file": own.key,
                "client-ca-file": self._authority.certificate,
                "service-account-issuer": SERVICE_ISSUER,
                "service-account-key-file": keys / "service-accounts.pub",
                "service-account-signing-key-file": keys / "service-accounts.key",
                "service-cluster-ip-range": "10.96.0.0/16",
                "authorization-mode": "Node,RBAC",
                "enable-admission-plugins": "NodeRestriction",
                "allow-privileged": "true",
            },
        )
        manager_port = free_port()
        manager = self.kubeconfig("kube-controller-manager")
        self._run(
            "kube-controller-manager",
            f"https://{LOOPBACK}:{manager_port}/healthz",
            {
                "kubeconfig": manager,
                "authentication-kubeconfig": manager,
                "authorization-kubeconfig": manager,
                "bind-address": LOOPBACK,
                "secure-port": manager_port,
                "leader-elect": "false",
                "use-service-account-credentials": "true",
                "service-account-private-key-file": keys / "service-accounts.key",
                "root-ca-file": self._authority.certificate,
                "cluster-signing-cert-file": self._authority.certificate,
                "cluster-signing-key-file": keys / "ca.key",
                "node-monitor-grace-period": "24h",
                "kube-api-qps": 500,
                "kube-api-burst": 1000,
            },
        )

    def _run_etcd(self) -> str:
        client, peer, metrics = (f"http://{LOOPBACK}:{free_port()}" for _ in range(3))
        settings = {
            "data-dir": self.folder / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "listen-metrics-urls": metrics,
            "unsafe-no-fsync": "true",
        }
        self._run("etcd", f"{metrics}/readyz", settings)
        return client

    def _run(self, program: str, ready_url: str, settings: dict[str, object]) -> None:
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [str(self.binaries.path(program)), *options]
        self._runs[program] = (command, self.folder / "logs" / f"{program}.log", ready_url)
        self._programs.append(Program(*self._runs[program]))
