"""Runs a step: ``python -m hydatis_pipelines STEP --help``.

Thread counts are read when numpy and xgboost are loaded, so they are set first: steps run side by side, and threads that spin while
they wait would take the cores from each other.
"""

from __future__ import annotations

import os
import sys

for _name, _value in (("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1"), ("OMP_WAIT_POLICY", "PASSIVE")):
    os.environ.setdefault(_name, _value)

if __name__ == "__main__":
    from hydatis_pipelines.command import main

    sys.exit(main())
