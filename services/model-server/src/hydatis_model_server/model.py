"""The served model, as the kserve SDK and both sides of the protocol know it.

It holds the version that answers now and replaces it by one assignment. Everything a call goes through is here in order: take the
version, take its columns, compute (on the loop or in a thread, as its kind says), count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, TypeVar

from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_serving.error_table import row_of
from kserve.model import Model
from kserve.protocol.infer_type import InferRequest, InferResponse

from hydatis_model_server.convert import answer_to_rest, call_from_rest
from hydatis_model_server.inference import DATATYPE, INPUT_TENSOR, OUTPUT_TENSOR, InferAnswer, InferCall
from hydatis_model_server.metrics import ModelMetrics
from hydatis_model_server.served_version import ServedVersion

__all__ = ["ServedModel"]

Response = TypeVar("Response")


class ServedModel(Model):  # type: ignore[misc]  # the SDK has no types
    """The model of this process.

    Args:
        name: model name.
        metrics: where calls are counted.
    """

    def __init__(self, name: str, metrics: ModelMetrics) -> None:
        super().__init__(name)
        self._metrics = metrics
        self._served: ServedVersion | None = None
        # One thread: trees computed side by side would only take each other's core.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")

    @property
    def version(self) -> str | None:
        """The version that is served; None: none yet."""
        return self._served.manifest.version if self._served is not None else None

    def swap(self, served: ServedVersion) -> None:
        """Serves this version from the next call on; calls in flight end with theirs."""
        before = self.version
        self._served = served
        self.ready = True
        self._metrics.serves(served.manifest.version, before)

    async def infer(self, request: Any, read: Callable[[Any], InferCall], write: Callable[[InferAnswer], Response]) -> Response:
        """Answers one request.

        Args:
            request: as it came, of either side of the protocol.
            read: makes the call of it; done in here, so that a request nobody can read is counted too.
            write: makes the response of the answer.

        Raises:
            CallerError: the rows cannot be what the model reads.
            DependencyUnavailable: no version is served.
        """
        served = self._served
        if served is None:
            raise DependencyUnavailable(f"no version of {self.name} is served", field="model")
        started = perf_counter()
        version = served.manifest.version
        try:
            call = read(request)
            rows = served.prepare(call)
            computing = perf_counter()
            if served.inline:
                values = served.compute(rows)
            else:
                values = await asyncio.get_running_loop().run_in_executor(self._executor, served.compute, rows)
        except Exception as error:
            self._metrics.failed(version, row_of(error).code.name)
            raise
        answering = perf_counter()
        response = write(served.answer(call, values))
        done = perf_counter()
        self._metrics.answered(version, len(rows), computing - started, answering - computing, done - answering)
        return response

    async def predict(
        self, payload: Any, headers: dict[str, str] | None = None, response_headers: dict[str, str] | None = None
    ) -> InferResponse:
        """Answers a REST request of version 2 of the protocol.

        Raises:
            CallerError: it is of version 1, or the rows cannot be what the model reads.
        """
        if not isinstance(payload, InferRequest):
            shown = "version 1 of the protocol carries no data types and shapes"
            raise InvalidValue(shown, field="protocol", expected=f"POST /v2/models/{self.name}/infer")
        return await self.infer(payload, call_from_rest, lambda answer: answer_to_rest(answer, payload))

    def load(self) -> bool:
        """Whether a version is served. Versions are loaded by the watcher alone."""
        return bool(self.ready)

    def stop(self) -> None:
        """Lets the computing thread end."""
        super().stop()
        self._executor.shutdown(wait=False)

    def get_input_types(self) -> list[dict[str, Any]]:
        """The tensor that is read, for the metadata of the protocol; -1: any number."""
        return [{"name": INPUT_TENSOR, "datatype": DATATYPE, "shape": [-1, -1]}]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The tensor that is answered, for the metadata of the protocol."""
        count = len(self._served.outputs) if self._served is not None else -1
        return [{"name": OUTPUT_TENSOR, "datatype": DATATYPE, "shape": [-1, count]}]
