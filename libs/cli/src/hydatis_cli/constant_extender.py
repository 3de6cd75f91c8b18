"""The floor of the latency benchmark: an extender that answers constants.

It takes the same two HTTP calls over the same server library as scheduler-plugin and thinks nothing: what it takes is the price of
being asked at all. ``python -m hydatis_cli.constant_extender PORT`` answers for the candidates named on standard input, one a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable

import uvloop
from aiohttp import web

__all__ = ["application", "main"]


def application(node_names: list[str]) -> web.Application:
    """An extender that lets every node pass and scores every node 5."""
    kept = json.dumps(
        {"Nodes": None, "NodeNames": node_names, "FailedNodes": {}, "FailedAndUnresolvableNodes": {}, "Error": ""}
    ).encode()
    scores = json.dumps([{"Host": name, "Score": 5} for name in node_names]).encode()

    def constant(body: bytes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            await request.read()
            return web.Response(body=body, content_type="application/json")

        return answer

    app = web.Application(client_max_size=32 * 2**20)
    app.router.add_post("/filter", constant(kept))
    app.router.add_post("/prioritize", constant(scores))
    app.router.add_get("/readyz", constant(b"{}"))
    return app


def main(arguments: list[str]) -> None:
    """Serves on loopback until it is ended."""
    names = sys.stdin.read().split()
    uvloop.install()
    web.run_app(application(names), host="127.0.0.1", port=int(arguments[0]), access_log=None, print=None)


if __name__ == "__main__":
    main(sys.argv[1:])
