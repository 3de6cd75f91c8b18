"""The price of being asked at all: an extender that lets every node pass and scores each 5, over the server library of our own.

``python constant_extender.py PORT``. Other than that of `hydatis bench latency`, which answers for nodes that it was told, this one
answers for the nodes that are asked about: kube-scheduler takes an answer with any other name for an error.
"""

from __future__ import annotations

import sys

import msgspec
import uvloop
from aiohttp import web

__all__ = ["main"]


class Asked(msgspec.Struct):
    """What is read of ExtenderArgs."""

    NodeNames: list[str]


DECODER = msgspec.json.Decoder(Asked)


async def _filter(request: web.Request) -> web.Response:
    asked = DECODER.decode(await request.read())
    answer: dict[str, object] = {
        "Nodes": None,
        "NodeNames": asked.NodeNames,
        "FailedNodes": {},
        "FailedAndUnresolvableNodes": {},
        "Error": "",
    }
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def _prioritize(request: web.Request) -> web.Response:
    asked = DECODER.decode(await request.read())
    answer = [{"Host": name, "Score": 5} for name in asked.NodeNames]
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def _ready(request: web.Request) -> web.Response:
    return web.Response()


def main(port: int) -> None:
    """Serves on loopback until it is ended."""
    app = web.Application(client_max_size=32 * 2**20)
    app.router.add_post("/filter", _filter)
    app.router.add_post("/prioritize", _prioritize)
    app.router.add_get("/readyz", _ready)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
