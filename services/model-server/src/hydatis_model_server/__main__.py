"""Runs model-server: ``python -m hydatis_model_server --model-name NAME --models-dir DIR``.

Thread counts are read by numpy and xgboost when they are loaded, so they are set before anything is imported: several model servers
share the cores of a machine, and threads that spin while they wait take them from those that compute.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

for _name, _value in (("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1"), ("OMP_WAIT_POLICY", "PASSIVE")):
    os.environ.setdefault(_name, _value)


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the settings, serves until told to stop, and returns the exit code."""
    from hydatis_serving.process import run
    from hydatis_serving.settings import load_settings

    from hydatis_model_server.app import ModelServerApp
    from hydatis_model_server.settings import ModelServerSettings

    settings = load_settings(ModelServerSettings, argv, program="python -m hydatis_model_server")
    return run(f"model-server.{settings.model_name}", settings, lambda: ModelServerApp(settings))


if __name__ == "__main__":
    sys.exit(main())
