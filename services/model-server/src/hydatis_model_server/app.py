"""The composition root of model-server: the one place where its objects are made.

The order is that of what can be wrong: the artifact is verified, with its signature, before anything heavy is imported, and the
model has answered once before a port is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import warnings
from typing import TYPE_CHECKING

from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_serving.logs import get_logger
from hydatis_serving.signature_settings import tell_signatures

from hydatis_model_server.settings import ModelServerSettings
from hydatis_model_server.slim_imports import slim_imports

if TYPE_CHECKING:
    from hydatis_model_server.server import OpenInferenceServer

__all__ = ["ModelServerApp"]

_log = get_logger(__name__)


class ModelServerApp:
    """The process.

    Args:
        settings: what it was told.
    """

    def __init__(self, settings: ModelServerSettings) -> None:
        self._settings = settings
        self._watching: asyncio.Task[None] | None = None
        self.server: OpenInferenceServer | None = None

    async def start(self) -> None:
        """Opens the model, listens, and watches for another version.

        Raises:
            ArtifactRefused: no version of the model can be served.
            DependencyUnavailable: a port is taken.
        """
        settings = self._settings
        signatures = settings.signature_check()
        folder = ArtifactFolder(settings.models_dir, signatures)
        folder.load_latest_good(settings.model_name)
        slim_imports()
        # The SDK's choice of response class, which nobody who runs this can change.
        warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")
        from prometheus_client import REGISTRY  # the SDK's /metrics shows this one

        from hydatis_model_server.metrics import ModelMetrics
        from hydatis_model_server.model import ServedModel
        from hydatis_model_server.server import OpenInferenceServer
        from hydatis_model_server.watcher import CurrentWatcher

        for name in ("kserve", "kserve.trace", "uvicorn", "uvicorn.access", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.WARNING)  # a line per call costs a tenth of the call
        metrics = ModelMetrics(REGISTRY, settings.model_name)
        tell_signatures(signatures, REGISTRY)
        model = ServedModel(settings.model_name, metrics)
        watcher = CurrentWatcher(folder, settings.model_name, model.swap, metrics)
        watcher.serve_latest_good()
        self.server = OpenInferenceServer(settings, model, REGISTRY)
        await self.server.start_serving()
        _log.info("listening", host=settings.host, http_port=self.server.rest.port, grpc_port=self.server.grpc.port)
        self._watching = asyncio.create_task(watcher.run(settings.poll_seconds), name="watch-current")

    async def stop(self) -> None:
        """Stops watching and serving; calls in flight finish."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        if self.server is not None:
            await self.server.stop_serving()
