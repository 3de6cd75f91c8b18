import io

import numpy as np
import pytest
from hydatis_lifecycle.artifacts import Manifest, digest_files


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.fixture
def files():
    return {"weights.npz": npz(w=np.ones(3)), "settings.json": b'{"a": 1}'}


@pytest.fixture
def make_manifest(files):
    def make(version="1.0.0", **changes):
        fields = {
            "name": "placement-policy",
            "version": version,
            "kind": "q_function",
            "columns": (("cpu_after", "0123456789ab"), ("memory_after", "ba9876543210")),
            "outputs": ("q",),
            "dataset_version": "sha256:00",
            "training_run": "run-1",
            "metrics": {"reward": 0.25},
            "parameters": {"hidden": [64, 64]},
            "files": digest_files(files),
        }
        return Manifest(**(fields | changes))

    return make
