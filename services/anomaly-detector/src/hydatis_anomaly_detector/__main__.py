"""Runs the service: ``python -m hydatis_anomaly_detector``. ``--help`` says every setting.

Settings are read before anything else is imported in earnest, so that a wrong one ends the process with a sentence and not a trace.
"""

from __future__ import annotations

import sys

from hydatis_serving.process import run
from hydatis_serving.settings import load_settings

from hydatis_anomaly_detector.app import AnomalyDetectorApp
from hydatis_anomaly_detector.settings import AnomalyDetectorSettings


def main() -> int:
    """Runs until told to stop; returns the exit code."""
    settings = load_settings(AnomalyDetectorSettings, program="python -m hydatis_anomaly_detector")
    return run("anomaly-detector", settings, lambda: AnomalyDetectorApp(settings))


if __name__ == "__main__":
    sys.exit(main())
