"""The life of a process: set up, start, wait to be told to stop, stop in order.

Six services start and stop alike, so the order of it is written once: logs before anything can fail, then tracing, then the
service's own objects; and the reverse on SIGTERM or SIGINT.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Protocol

import uvloop
from hydatis_core.errors import HydatisError
from structlog.stdlib import BoundLogger

from hydatis_serving.logs import get_logger, setup_logs
from hydatis_serving.settings import ServiceSettings, shown_settings
from hydatis_serving.tracing import setup_tracing

__all__ = ["App", "run"]

#: How long stopping may take beyond the grace of calls in flight.
STOP_MARGIN_SECONDS = 5.0


class App(Protocol):
    """What a composition root makes."""

    async def start(self) -> None:
        """Starts everything; returns when it runs, ready or not. A HydatisError ends the process with exit code 1."""

    async def stop(self) -> None:
        """Stops everything in order; calls in flight finish."""


def run(name: str, settings: ServiceSettings, build: Callable[[], App]) -> int:
    """Runs a service until it is told to stop.

    Args:
        name: name of the service, in logs and traces.
        settings: its settings.
        build: makes the app; called inside the event loop.

    Returns:
        The exit code: 0 after an orderly stop, 1 when it could not start or stop in order.
    """
    setup_logs(name, settings.log_level, settings.log_format)
    try:
        provider = setup_tracing(name, settings.trace_sample_ratio, settings.otlp_endpoint)
    except HydatisError as error:
        _log_refusal(get_logger(__name__), error)
        return 1
    try:
        return uvloop.run(_live(settings, build))
    finally:
        provider.shutdown()


async def _live(settings: ServiceSettings, build: Callable[[], App]) -> int:
    log = get_logger(__name__)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    log.info("starting", settings=shown_settings(settings))
    app: App | None = None
    try:
        app = build()
        await app.start()
    except HydatisError as error:
        _log_refusal(log, error)
        return await _stop(app, settings, log) or 1
    except Exception:
        log.exception("cannot start")
        return await _stop(app, settings, log) or 1
    log.info("started")
    await stopping.wait()
    log.info("stopping")
    return await _stop(app, settings, log)


def _log_refusal(log: BoundLogger, error: HydatisError) -> None:
    log.error("cannot start", **{"error.message": str(error), "error.type": type(error).__name__})


async def _stop(app: App | None, settings: ServiceSettings, log: BoundLogger) -> int:
    if app is None:
        return 0
    try:
        async with asyncio.timeout(settings.stop_grace_seconds + STOP_MARGIN_SECONDS):
            await app.stop()
    except Exception:
        log.exception("could not stop in order")
        return 1
    log.info("stopped")
    return 0
