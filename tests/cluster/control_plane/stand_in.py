"""An extender that a test controls: scores as told, or one of the ways to fail that a real one has.

It shows what kube-scheduler makes of an answer, apart from how we come to one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["FAULTS", "StandIn"]

#: Longer than any httpTimeout of the tests.
HANG_SECONDS = 5.0
#: Below the shipped httpTimeout.
SLOW_SECONDS = 0.15

#: Fault -> status and body that are answered for the right body; None: the connection is dropped.
ANSWERS: dict[str, Callable[[bytes], tuple[int, bytes] | None]] = {
    "none": lambda right: (200, right),
    "slow": lambda right: (200, right),
    "hangs": lambda right: (200, right),
    "drops": lambda right: None,
    "says 500": lambda right: (500, b"oops"),
    "says HTML": lambda right: (200, b"<html>"),
    "says nothing": lambda right: (200, b""),
    "says half": lambda right: (200, right[: len(right) // 2]),
    "says Error": lambda right: (200, b'{"Error": "not today"}'),
}
#: Every way to fail.
FAULTS = tuple(fault for fault in ANSWERS if fault != "none")
PAUSES = {"slow": SLOW_SECONDS, "hangs": HANG_SECONDS}


class StandIn:
    """A running extender on loopback."""

    def __init__(self) -> None:
        self.scores: Mapping[str, int] = {}
        """Score 0..10 by node; others get 0."""
        self.fault = "none"
        """A key of ``ANSWERS``."""
        self.asked_count = 0
        """Requests so far."""
        self._released = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer leaves whole: its two halves would wait for an acknowledgement between them

            def do_POST(self) -> None:
                stand_in._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="stand-in", daemon=True).start()

    def stop(self) -> None:
        """Ends it; whoever hangs is let go."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.asked_count += 1
        self._released.wait(PAUSES.get(self.fault, 0.0))
        answer = ANSWERS[self.fault](self._right(handler.path, asked["NodeNames"]))
        if answer is None:
            handler.close_connection = True
            return
        status, body = answer
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            handler.wfile.flush()
        except OSError:
            handler.close_connection = True  # kube-scheduler has given up

    def _right(self, path: str, names: list[str]) -> bytes:
        if path.endswith("filter"):
            return json.dumps({"NodeNames": names, "FailedNodes": {}, "Error": ""}).encode()
        return json.dumps([{"Host": name, "Score": self.scores.get(name, 0)} for name in names]).encode()
