"""One version of the model, open and ready to answer.

It is never changed: a newer version is another one of these, and a call that began with the old one ends with it. So a swap needs
no lock, and an answer can say which version computed it.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import ArtifactRefused, InvalidValue, UnknownColumn
from hydatis_lifecycle.artifacts import Artifact
from numpy.typing import NDArray

from hydatis_model_server.columns import ColumnPicker
from hydatis_model_server.inference import InferAnswer, InferCall, refuse_infinity
from hydatis_model_server.runtimes.table import RUNTIMES, open_runtime

__all__ = ["ServedVersion"]


class ServedVersion:
    """A model that answers.

    Args:
        artifact: verified.

    Raises:
        ArtifactRefused: it cannot be opened or does not answer.
    """

    def __init__(self, artifact: Artifact) -> None:
        self.manifest = artifact.manifest
        self.signer = artifact.signer
        """Whose good signature it bears; empty: none was asked for."""
        self._runtime = open_runtime(artifact)
        self._picker = ColumnPicker(self._runtime.columns)
        self._parameters = {"outputs": ",".join(self._runtime.outputs), **self._runtime.parameters}
        self.outputs = self._runtime.outputs
        """Names of what it says of each row, in order."""
        self.inline = RUNTIMES[self.manifest.kind].inline
        """Whether ``compute`` is short enough for the event loop."""

    def prepare(self, call: InferCall) -> NDArray[np.float32]:
        """The model's columns of the rows, shape (n, columns).

        Raises:
            CallerError: another version is wanted, a column is missing or differs, or a value is infinite.
        """
        if call.model_version and call.model_version != self.manifest.version:
            shown = f"version {call.model_version[:40]} is not served"
            raise InvalidValue(shown, field="model_version", expected=f"{self.manifest.version}, or none")
        rows = self._picker.pick(call.columns, call.rows)
        refuse_infinity(rows)
        return rows

    @property
    def taken_layout(self) -> str:
        """What callers send, as ``InferCall.columns`` says it: the newest that was answered; empty: none yet."""
        return self._picker.taken_layout

    @property
    def unfit_layout(self) -> str:
        """What callers send though this version cannot be fed from it; empty: it answered somebody, or nobody asked."""
        return "" if self._picker.taken_layout else self._picker.unfit_layout

    def require(self, layout: str) -> None:
        """Holds against what callers send.

        Raises:
            ArtifactRefused: this version wants a column that is not there, or is defined otherwise.
        """
        try:
            self._picker.check(layout)
        except UnknownColumn as cause:
            raise ArtifactRefused(
                f"it does not fit what callers send: {cause.message}", field="columns", expected="columns of the rows that are sent"
            ) from cause

    def compute(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The model's values of prepared rows, shape (n, outputs), float32."""
        return self._runtime.compute(rows)

    def answer(self, call: InferCall, values: NDArray[np.float32]) -> InferAnswer:
        """The values as an answer to the call."""
        name, version = self.manifest.name, self.manifest.version
        return InferAnswer(values, self.outputs, name, version, self._parameters, call.request_id)
