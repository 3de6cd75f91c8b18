"""Captures a cluster's past from its own Prometheus and API server, day by day, and goes on where it was interrupted.

Nothing is installed and nothing is changed: range queries of Prometheus, GET of the API server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hydatis_core.errors import InvalidValue
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.prometheus.past import Asker

from hydatis_assessment.capture.captured_day import ask_day
from hydatis_assessment.capture.cluster_objects import cluster_now
from hydatis_assessment.capture.container_answers import matrix
from hydatis_assessment.capture.folder import CaptureFolder
from hydatis_assessment.capture.question import Question
from hydatis_assessment.capture.whole_capture import assemble
from hydatis_assessment.capture.whole_store import open_whole
from hydatis_assessment.cluster_use import ClusterUse

__all__ = ["PrometheusAccess", "capture_cluster", "open_capture"]

#: (done, total, text)
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class PrometheusAccess:
    """How a Prometheus is reached."""

    url: str
    token_file: str = ""
    """File with a bearer token; empty: none."""
    ca_file: str = ""
    """Certificates to trust beside the system's; empty: none."""
    patience_seconds: float = 120.0
    """How long it may be away before the capture stops."""

    def client(self) -> PrometheusClient:
        """A client of it.

        Raises:
            InvalidValue: a file cannot be read.
        """
        for setting, file in (("--prometheus-token-file", self.token_file), ("--prometheus-ca-file", self.ca_file)):
            try:
                empty = bool(file) and not Path(file).read_text().strip()
            except (OSError, UnicodeDecodeError) as wrong:
                raise InvalidValue(f"{file} cannot be read: {wrong}", field=setting, expected="a file") from None
            if empty:
                raise InvalidValue(f"{file} is empty", field=setting, expected="what it is named for")
        return PrometheusClient(self.url, self.token_file, self.ca_file)


def capture_cluster(
    path: Path, asked: Question, access: PrometheusAccess, api: KubernetesApi, progress: Progress = lambda *_: None
) -> ClusterUse:
    """What a cluster did, from Prometheus and its API server, or from the folder as far as it is there.

    Args:
        path: the capture's folder.
        asked: the question; one that was begun with another is refused.
        access: to Prometheus.
        api: the API server; only read from, once all days are there.
        progress: told of days.

    Raises:
        InvalidValue: another question, wrong settings, or no container's metrics in all that time.
        DependencyUnavailable: Prometheus or the API server is away for longer than the patience: begin again to go on.
        ArtifactRefused: the folder holds something else, or was changed.
        TooMany: another process captures into it.
    """
    folder = CaptureFolder(path)
    with folder.held():
        folder.begin(asked)
        if folder.is_whole:
            return open_whole(folder)
        now = cluster_now(api)  # first: what cannot be read should not be found out after an hour
        asyncio.run(_days(folder, asked, access, progress))
        progress(asked.days, asked.days, "putting days together")
        return assemble(folder, asked, now)


def open_capture(path: Path) -> ClusterUse:
    """A capture that was finished.

    Raises:
        ArtifactRefused: it is none, it was not finished, or it was changed.
    """
    return open_whole(CaptureFolder(path))


async def _days(folder: CaptureFolder, asked: Question, access: PrometheusAccess, progress: Progress) -> None:
    client = access.client()
    asker = Asker(client, asked.prometheus, matrix, asked.matchers, access.patience_seconds)
    try:
        for number in range(asked.days):
            if folder.has_day(number):
                progress(number + 1, asked.days, "kept")
                continue
            progress(number, asked.days, f"day {number + 1} of {asked.days}")
            day = await ask_day(asker, asked, number)
            folder.put_day(number, day, asker.warnings)
            progress(number + 1, asked.days, f"{len(day.keys)} containers")
    finally:
        await client.close()
