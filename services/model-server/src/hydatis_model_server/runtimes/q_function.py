"""Opens a Q function (a small network over after-states).

Its inputs are after-states and not rows of the node table, but they are named and hashed alike, so the same picking serves both.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.artifacts import Artifact
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import QFunction
from numpy.typing import NDArray

from hydatis_model_server.runtimes.table import Runtime

__all__ = ["OUTPUTS", "open_model"]

OUTPUTS = ("q",)


def open_model(artifact: Artifact) -> Runtime:
    """The Q function of these files, whose columns are those of the manifest: the file itself names none.

    Raises:
        ArtifactRefused: the files are not a Q function, or it does not read the columns the manifest says.
    """
    columns = artifact.manifest.columns
    known = dict(COLUMN_DEFINITIONS)
    for name, definition_hash in columns:
        if known.get(name) != definition_hash:
            raise ArtifactRefused(f"column {name!r} is not of the after-states known here", field="columns")
    function = QFunction.from_files(artifact.files, input_count=len(columns))

    def compute(states: NDArray[np.float32]) -> NDArray[np.float32]:
        return function.values(states)[:, None]

    return Runtime(columns, OUTPUTS, compute)
