"""Watches which version is current, and opens it beside the one that serves.

A version that cannot be served must never take one down that can: the new one is verified, opened and made to answer first, in a
thread, and only then swapped in. One that is refused is logged and counted, and the old one stays.

Whether a version fits the columns that callers send is known only while they call. So a new version must fit what the one that
serves is sent; and one that was opened before anybody called, and then fits nobody, gives way to the newest before it that does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder, Refusal
from hydatis_lifecycle.artifacts import Artifact
from hydatis_lifecycle.versions import version_key
from hydatis_serving.logs import get_logger

from hydatis_model_server.metrics import ModelMetrics
from hydatis_model_server.served_version import ServedVersion

__all__ = ["CurrentWatcher"]

_log = get_logger(__name__)


class CurrentWatcher:
    """Hands over versions as they become current.

    Args:
        folder: the models folder.
        model_name: the model.
        serve: takes a version that answers.
        metrics: where refusals are counted.
        open_version: makes a version of a verified artifact.
    """

    def __init__(
        self,
        folder: ArtifactFolder,
        model_name: str,
        serve: Callable[[ServedVersion], None],
        metrics: ModelMetrics,
        open_version: Callable[[Artifact], ServedVersion] = ServedVersion,
    ) -> None:
        self._folder = folder
        self._name = model_name
        self._serve = serve
        self._metrics = metrics
        self._open = open_version
        self._stamp: tuple[int, int, int] | None = None
        self._served: ServedVersion | None = None
        self._misfit_layout = ""  # what callers sent when the current version was refused for it

    def serve_latest_good(self) -> None:
        """Serves the current version, or the newest before it that answers.

        Raises:
            ArtifactRefused: none does; the message says why of each.
        """
        self._stamp = self._folder.current_stamp(self._name)
        opened: list[ServedVersion] = []
        good = self._folder.load_latest_good(self._name, lambda artifact: opened.append(self._open(artifact)))
        for refusal in good.refusals:
            self._refuse(refusal)
        self._take(opened[-1])

    async def check(self) -> None:
        """Looks once: opens and serves the current version if another one became it, or if callers send other columns now."""
        if self._served is not None and self._served.unfit_layout:
            await self._give_way(self._served, self._served.unfit_layout)
        stamp = self._folder.current_stamp(self._name)
        layout = self._served.taken_layout if self._served is not None else ""
        if stamp == self._stamp and (not self._misfit_layout or layout in ("", self._misfit_layout)):
            return
        self._stamp = stamp
        self._misfit_layout = ""
        version = "CURRENT"
        try:
            version = self._folder.current(self._name) or version
            if version != self._version:
                self._take(await asyncio.to_thread(self._open_fitting, version, layout))
        except ArtifactRefused as refused:
            self._refuse(Refusal(version, str(refused)))

    async def run(self, poll_seconds: float) -> None:
        """Looks again and again, until cancelled."""
        while True:
            await asyncio.sleep(poll_seconds)
            try:
                await self.check()
            except Exception:
                # What goes wrong with a new version must not end the watch, nor the version that serves.
                _log.exception("could not look for another version", model=self._name)

    @property
    def _version(self) -> str:
        return self._served.manifest.version if self._served is not None else ""

    def _open_fitting(self, version: str, layout: str) -> ServedVersion:
        """A version that answers, and fits a layout if there is one."""
        opened = self._open(self._folder.load(self._name, version))
        if layout:
            try:
                opened.require(layout)
            except ArtifactRefused:
                self._misfit_layout = layout
                raise
        return opened

    async def _give_way(self, served: ServedVersion, layout: str) -> None:
        """Serves the newest version before the one that serves which fits what callers send; without one nothing changes."""
        if layout == self._misfit_layout:
            return  # looked already
        try:
            served.require(layout)
        except ArtifactRefused as refused:
            self._refuse(Refusal(self._version, str(refused)))
        self._misfit_layout = layout
        for version in reversed(self._folder.versions(self._name)):
            if version_key(version) < version_key(self._version):
                with suppress(ArtifactRefused):
                    self._take(await asyncio.to_thread(self._open_fitting, version, layout))
                    return

    def _take(self, served: ServedVersion) -> None:
        self._serve(served)
        self._served = served
        _log.info(
            "serving", model=self._name, version=self._version, kind=served.manifest.kind, signer=served.signer or "unchecked"
        )

    def _refuse(self, refusal: Refusal) -> None:
        self._metrics.refused(refusal.version)
        _log.error(
            "artifact refused", model=self._name, version=refusal.version, reason=refusal.reason, serving=self._version or "none"
        )
