"""Runs the service: ``python -m hydatis_feature_service``. ``--help`` says every setting.

Settings are read before anything else is imported in earnest, so that a wrong one ends the process with a sentence and not a trace.
"""

from __future__ import annotations

import sys

from hydatis_serving.process import run
from hydatis_serving.settings import load_settings

from hydatis_feature_service.app import FeatureServiceApp
from hydatis_feature_service.settings import FeatureServiceSettings


def main() -> int:
    """Runs until told to stop; returns the exit code."""
    settings = load_settings(FeatureServiceSettings, program="python -m hydatis_feature_service")
    return run("feature-service", settings, lambda: FeatureServiceApp(settings))


if __name__ == "__main__":
    sys.exit(main())
