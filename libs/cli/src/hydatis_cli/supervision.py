"""Keeps the stack's processes running, by supervisor.

supervisor restarts what dies and keeps its logs rotated; this module only writes its configuration from the stack's table, starts
it, and asks it over its unix socket. Nothing here knows what a process does.
"""

from __future__ import annotations

import configparser
import json
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client  # nosec B411  # supervisor's own Unix socket, in the user's folder
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hydatis_core.errors import DependencyUnavailable, InvalidValue
from supervisor.xmlrpc import SupervisorTransport

from hydatis_cli.stack import Process, Stack

__all__ = ["ProcessStatus", "Supervision"]

#: Seconds that supervisor gives a process to stop before it kills it: longer than a service's own grace.
STOP_WAIT_SECONDS = 8

#: Size of a log file before it is rotated, and how many old ones are kept.
LOG_BYTES, LOG_BACKUPS = 5_000_000, 2


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What supervisor says of one process."""

    name: str
    state: str
    """STARTING, RUNNING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL or UNKNOWN."""
    pid: int
    """0 when it does not run."""
    uptime_seconds: float
    log_file: str


class Supervision:
    """Starts, asks and stops the supervisor of one state folder."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.state = stack.state
        self._socket = str(self.state.supervisor_socket)

    def running(self) -> bool:
        """Whether a supervisor of this folder answers."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(2)
                probe.connect(self._socket)
            return True
        except OSError:
            return False

    def start(self) -> None:
        """Starts supervisor, and by it every process.

        Raises:
            DependencyUnavailable: a port is taken, or supervisor did not start.
        """
        processes = self.stack.processes()
        self._refuse_taken_ports(processes)
        self.state.create()
        config = self.state.run / "supervisord.conf"
        with config.open("w") as file:
            self._configuration(processes).write(file)
        config.chmod(0o600)
        (self.state.run / "stack.json").write_text(json.dumps(self.stack.told()))
        done = subprocess.run(  # nosec B603  # supervisord, no shell
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
            env=self.stack.inherited_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        if done.returncode != 0:
            raise DependencyUnavailable(f"the supervisor did not start: {done.stderr.strip()[-300:]}", field="hydatis up")
        for _ in range(200):
            if self.running():
                return
            time.sleep(0.05)
        raise DependencyUnavailable("the supervisor does not answer", field=self._socket)

    def stop(self, timeout_seconds: float = 40) -> None:
        """Stops every process, then supervisor; returns when its socket is gone."""
        self._call("shutdown")
        deadline = time.monotonic() + timeout_seconds
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)

    def status(self) -> list[ProcessStatus]:
        """What supervisor says of each process, in the stack's order."""
        told = {entry["name"]: entry for entry in self._call("getAllProcessInfo")}
        found = []
        for process in self.stack.processes():
            entry = told.get(process.name)
            if entry is None:
                found.append(ProcessStatus(process.name, "UNKNOWN", 0, 0.0, ""))
                continue
            uptime = float(entry["now"] - entry["start"]) if entry["pid"] else 0.0
            found.append(ProcessStatus(process.name, entry["statename"], entry["pid"], uptime, entry["stdout_logfile"]))
        return found

    def halt(self, name: str) -> None:
        """Stops one process gracefully; it stays down until it is started.

        Raises:
            DependencyUnavailable: it does not run, or no stack does.
        """
        self._call("stopProcess", name)

    def restart(self, name: str) -> None:
        """Stops one process gracefully and starts it again."""
        self.halt(name)
        self._call("startProcess", name)

    def _call(self, method: str, *arguments: Any) -> Any:
        server = xmlrpc.client.ServerProxy("http://localhost", transport=SupervisorTransport(None, None, f"unix://{self._socket}"))
        try:
            return getattr(server.supervisor, method)(*arguments)
        except (OSError, xmlrpc.client.Error) as error:
            raise DependencyUnavailable(
                f"no stack runs here ({error})", field=str(self.state.root), expected="`hydatis up`"
            ) from error

    def _configuration(self, processes: tuple[Process, ...]) -> configparser.RawConfigParser:
        config = configparser.RawConfigParser()
        config["unix_http_server"] = {"file": self._socket, "chmod": "0700"}
        config["supervisord"] = {
            "logfile": str(self.state.logs / "supervisord.log"),
            "pidfile": str(self.state.run / "supervisord.pid"),
            "childlogdir": str(self.state.logs),
            "identifier": "hydatis",
            "logfile_maxbytes": str(LOG_BYTES),
            "logfile_backups": str(LOG_BACKUPS),
        } | ({"user": "root"} if os.getuid() == 0 else {})
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
        }
        for order, process in enumerate(processes):
            config[f"program:{process.name}"] = {
                "command": " ".join(_quoted(part) for part in self.stack.command(process)),
                "environment": ",".join(f"{key}={_quoted(value)}" for key, value in process.environment.items()),
                "directory": str(self.state.root.resolve()),
                "priority": str(order),
                "autorestart": "true",
                "startsecs": "0",
                "startretries": "1000",
                "stopwaitsecs": str(STOP_WAIT_SECONDS),
                "redirect_stderr": "true",
                "stdout_logfile": str(self.state.logs / f"{process.name}.log"),
                "stdout_logfile_maxbytes": str(LOG_BYTES),
                "stdout_logfile_backups": str(LOG_BACKUPS),
            }
        return config

    def _refuse_taken_ports(self, processes: tuple[Process, ...]) -> None:
        for process in processes:
            for key, value in process.environment.items():
                if not key.endswith("_PORT"):
                    continue
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        probe.bind((self.stack.host, int(value)))
                    except OSError:
                        raise DependencyUnavailable(
                            f"port {value}, wanted by {process.name}, is taken",
                            field="--port",
                            expected="a base port with free ports above it",
                        ) from None


def last_lines(path: str, count: int) -> Iterator[str]:
    """The last lines of a log file; nothing when it is not there."""
    try:
        with open(path, "rb") as file:  # read whole: it is rotated before it grows large, and a line may be of any length
            newest = deque(file, maxlen=count)
    except FileNotFoundError:
        return
    yield from (line.decode(errors="replace").rstrip("\r\n") for line in newest)


def _quoted(value: str) -> str:
    """A value as supervisor's configuration wants it: in quotes, with its own percent signs doubled."""
    if '"' in value or "\n" in value:
        raise InvalidValue(
            f"{value!r} cannot be written to the supervisor's configuration", field="--state", expected="a path without quotes"
        )
    return '"' + value.replace("%", "%%") + '"'
