"""One address for several processes, as a Service keeps a caller at one replica: the first that is ready takes new connections."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

__all__ = ["OneAddress"]


class OneAddress:
    """A running forwarder on loopback.

    Args:
        ports: of the replicas.
    """

    def __init__(self, ports: list[int]) -> None:
        self.ready = ports
        """Who takes new connections, the first of them; whoever is taken out keeps those it has."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, name="one-address", daemon=True).start()

    def stop(self) -> None:
        """Takes no new connections."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                try:
                    replica = socket.create_connection(("127.0.0.1", self.ready[0]))
                except OSError:
                    caller.close()
                    continue
                for source, target in ((caller, replica), (replica, caller)):
                    threading.Thread(target=_carry, args=(source, target), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(2**16):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
