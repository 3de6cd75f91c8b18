"""Decision records from whoever has them: the running stack, an extender elsewhere, or the files that a stopped stack left."""

from __future__ import annotations

import urllib.parse
from pathlib import Path
from typing import Any

from hydatis_core.errors import InvalidValue, UnknownNode
from hydatis_serving.decision_record import decision_to_json
from hydatis_serving.decisions import DecisionReader

from hydatis_cli.commands.up import running_stack
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.state_folder import StateFolder

__all__ = ["DecisionRecords"]

_TIMEOUT_SECONDS = 10


class DecisionRecords:
    """Reads decision records, as JSON values.

    Args:
        state: folder of the stack; asked when it runs, its files are read when it does not.
        extender: URL of an extender to ask instead; None: the stack's.
        token: bearer token for it.
    """

    def __init__(self, state: Path, extender: str | None, token: str) -> None:
        stack = running_stack(state) if extender is None else None
        self._url = stack.extender_url if stack is not None else extender
        self._state, self._token = state, token

    def of_pod(self, pod: str, limit: int) -> list[dict[str, Any]]:
        """Records of a pod (uid or namespace/name; empty: of all pods), newest first.

        Raises:
            InvalidValue: no stack runs and none left records.
            DependencyUnavailable: the extender does not answer.
        """
        if self._url is not None:
            return list(self._asked("?" + urllib.parse.urlencode({"pod": pod, "limit": limit}))["decisions"])
        reader = self._reader()
        return [decision_to_json(record) for record in (reader.of_pod(pod, limit) if pod else reader.newest(limit))]

    def by_id(self, decision_id: str) -> dict[str, Any]:
        """One record. Errors of ``of_pod``, and UnknownNode: it is not kept (any more)."""
        if self._url is not None:
            return dict(self._asked("/" + urllib.parse.quote(decision_id, safe="")))
        found = self._reader().by_id(decision_id)
        if found is None:
            raise UnknownNode(
                f"no decision {decision_id[:64]!r} is kept", field="--decision", expected="an id of `hydatis explain`"
            )
        return decision_to_json(found)

    def _asked(self, what: str) -> Any:
        assert self._url is not None
        client = ExtenderClient(self._url, token=self._token)
        try:
            return client.get_json(f"/decisions{what}", timeout_seconds=_TIMEOUT_SECONDS)
        finally:
            client.close()

    def _reader(self) -> DecisionReader:
        folder = StateFolder(self._state).decisions
        if not folder.is_dir():
            raise InvalidValue(
                f"no stack runs in {self._state} and it holds no decisions",
                field="--state",
                expected="`hydatis up`, or --extender URL",
            )
        return DecisionReader(folder)
