"""Puts the two questions of an admin call to the API server; a few posts a minute need no client library."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from hydatis_core.errors import DependencyUnavailable

from hydatis_serving.kube.service_account import ServiceAccount

__all__ = ["ReviewApi"]

TIMEOUT_SECONDS = 3.0
_LONGEST_ANSWER_BYTES = 2**20
_CREATED = (200, 201)


class ReviewApi:
    """Creates reviews.

    Args:
        account: who asks.
    """

    def __init__(self, account: ServiceAccount) -> None:
        self._account = account

    def create(self, path: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Posts a review and returns it as the API server answers it.

        Raises:
            DependencyUnavailable: no API server is known or answers, or it does not let us ask.
        """
        server = urlsplit(self._account.server)
        headers = self._account.headers() | {"content-type": "application/json"}
        trust = self._account.trust()
        try:
            connection = http.client.HTTPSConnection(server.netloc, timeout=TIMEOUT_SECONDS, context=trust)
            try:
                connection.request("POST", path, json.dumps(manifest), headers)
                answer = connection.getresponse()
                body = answer.read(_LONGEST_ANSWER_BYTES)
            finally:
                connection.close()
            if answer.status not in _CREATED:
                why = f"{path.rpartition('/')[2]}: the API server answered {answer.status}"
                expected = "a service account bound to the ClusterRole system:auth-delegator"
                raise DependencyUnavailable(why, field="admin_access", expected=expected)
            read = json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as failure:
            why = f"who makes an admin call cannot be asked: {type(failure).__name__}"
            raise DependencyUnavailable(why, field="admin_access") from None
        return read if isinstance(read, dict) else {}
