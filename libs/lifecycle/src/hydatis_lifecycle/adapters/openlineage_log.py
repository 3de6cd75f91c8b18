"""Where OpenLineage events go: into a file always, and to a server when one is named.

Events tell others; the store is what we rely on. So a server that is down, slow or refuses costs a step a bounded time once and
nothing else: the event is in the file, and ``hydatis lineage export`` sends all of them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from hydatis_core.errors import InvalidValue
from openlineage.client.event_v2 import RunEvent
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import HttpConfig, HttpTransport, create_token_provider

__all__ = ["OpenLineageLog"]

#: A server has so long for an event ...
TIMEOUT_SECONDS = 3.0
#: ... and after so many tries without an answer it is not asked again by this process.
TRIES = 2


class OpenLineageLog:
    """Keeps and sends events.

    Args:
        file: a JSON line each; None: they are only sent.
        environment: ``OPENLINEAGE_URL`` names a server, ``OPENLINEAGE_ENDPOINT`` its path (default ``api/v1/lineage``),
            ``OPENLINEAGE_API_KEY`` a bearer token: the names that all clients of OpenLineage read.

    Raises:
        InvalidValue: the URL is none of HTTP.
    """

    def __init__(self, file: Path | None, environment: Mapping[str, str]) -> None:
        self._file = file
        self._server = _server(environment)

    def tell(self, events: Iterable[RunEvent]) -> tuple[str, ...]:
        """Keeps and sends events; returns what went wrong, a sentence each, and never raises for it."""
        wrong: list[str] = []
        for event in events:
            wrong += self._keep(event)
            wrong += self._send(event)
        return tuple(dict.fromkeys(wrong))

    def _keep(self, event: RunEvent) -> list[str]:
        if self._file is None:
            return []
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            FileTransport(FileConfig(log_file_path=str(self._file), append=True)).emit(event)
        except (OSError, RuntimeError) as cause:
            return [f"an OpenLineage event was not kept: {cause}"]
        return []

    def _send(self, event: RunEvent) -> list[str]:
        if self._server is None:
            return []
        try:
            self._server.emit(event)
        except Exception as cause:  # requests, urllib3 and ssl raise a dozen kinds; a step fails for none of them
            kept = f"; events are kept in {self._file}" if self._file is not None else ""
            answered = getattr(cause, "response", None)
            if answered is not None:
                return [f"{self._server.url} refused an OpenLineage event: {answered.status_code} {answered.reason}{kept}"]
            shown = f"{self._server.url} does not take OpenLineage events: {type(cause).__name__}{kept}"
            self._server = None
            return [shown]
        return []


def _server(environment: Mapping[str, str]) -> HttpTransport | None:
    url = environment.get("OPENLINEAGE_URL", "").strip()
    if not url:
        return None
    parsed = urlsplit(url)
    if parsed.scheme not in ("http", "https") or not parsed.netloc:
        raise InvalidValue(f"{url[:80]!r} is no address of a server", field="OPENLINEAGE_URL", expected="http://HOST:PORT")
    key = environment.get("OPENLINEAGE_API_KEY", "")
    return HttpTransport(
        HttpConfig(
            url=url,
            endpoint=environment.get("OPENLINEAGE_ENDPOINT", "") or "api/v1/lineage",
            timeout=TIMEOUT_SECONDS,
            auth=create_token_provider({"type": "api_key", "apiKey": key} if key else {}),
            retry={"total": TRIES - 1, "backoff_factor": 0.1, "status_forcelist": [502, 503, 504], "allowed_methods": ["POST"]},
        )
    )
