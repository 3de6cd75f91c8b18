"""`hydatis features write`: the writer role, from the stream of node tables into the feature stores."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

import typer

from hydatis_cli.console import err
from hydatis_cli.event_times import shown_time
from hydatis_cli.options import DEFAULT_STATE, StateOption
from hydatis_cli.own_certificate import folder_of_environment, security_for
from hydatis_cli.stored_features import OnlineOption, feature_repository

__all__ = ["write"]

DAY_SECONDS = 86_400


def write(
    features_address: Annotated[str, typer.Option("--features-address", help="HOST:PORT of feature-service.")],
    state: StateOption = DEFAULT_STATE,
    online: OnlineOption = "sqlite",
    every: Annotated[int, typer.Option("--every", min=0, help="Keep offline one table per so many seconds; 0: all.")] = 300,
    online_every: Annotated[int, typer.Option("--online-every", min=0, help="Push online one per so many seconds; 0: all.")] = 60,
    keep_days: Annotated[int, typer.Option("--keep-days", min=0, help="Drop offline tables older than this; 0: none.")] = 30,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", min=0, max=65535, help="Serve /metrics, /healthz and /readyz on loopback; 0: any port."),
    ] = None,
) -> None:
    """Write the node tables and profiles that feature-service streams: Parquet by event time, and the newest one online.

    Runs until it is stopped; started again it goes on and writes nothing twice. A store that is down is tried again, the other one
    goes on. Example: hydatis features write --features-address 127.0.0.1:7010 --online redis://127.0.0.1:6379/0
    """
    from hydatis_collection.feature_writer import FeatureWriter
    from hydatis_collection.writer_metrics import WriterMetrics
    from hydatis_serving.http_endpoint import HttpEndpoint
    from hydatis_serving.logs import setup_logs
    from hydatis_serving.metrics import new_registry
    from hydatis_serving.transport_security import PLAIN

    setup_logs("feature-writer")
    logging.getLogger("feast").setLevel(logging.WARNING)  # it says at every push that it looked at its registry
    registry = new_registry("feature-writer")
    metrics = WriterMetrics(registry)
    repository = feature_repository(state, online)
    security = PLAIN if folder_of_environment() is None else security_for("https:")

    async def live() -> None:
        await asyncio.to_thread(repository.apply)
        writer = FeatureWriter(
            repository,
            features_address,
            metrics,
            offline_every_seconds=every,
            online_every_seconds=online_every,
            keep_seconds=keep_days * DAY_SECONDS,
            security=security,
        )
        endpoint = None
        if metrics_port is not None:
            endpoint = HttpEndpoint("127.0.0.1", metrics_port, registry, lambda: writer.subscriber.connected)
            await endpoint.start()
            err.print(f"metrics: http://127.0.0.1:{endpoint.port}/metrics")
        held = repository.offline().generations()
        err.print(f"writing to {repository.folder}" + (f"; the newest stored is {shown_time(held[-1])}" if held else ""))
        try:
            await writer.run()
        finally:
            if endpoint is not None:
                await endpoint.stop()

    try:
        asyncio.run(live())
    finally:
        for store in ("offline", "online"):
            told = ", ".join(f"{count} {outcome}" for outcome, count in metrics.counts(store).items())
            err.print(f"{store}: {told or 'nothing'}")
