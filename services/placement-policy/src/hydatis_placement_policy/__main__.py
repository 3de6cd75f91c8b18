"""Runs the service: ``python -m hydatis_placement_policy``. ``--help`` says every setting.

Settings are read before anything else is imported in earnest, so that a wrong one ends the process with a sentence and not a trace.
"""

from __future__ import annotations

import sys

from hydatis_serving.process import run
from hydatis_serving.settings import load_settings

from hydatis_placement_policy.app import PlacementPolicyApp
from hydatis_placement_policy.settings import PlacementPolicySettings


def main() -> int:
    """Runs until told to stop; returns the exit code."""
    settings = load_settings(PlacementPolicySettings, program="python -m hydatis_placement_policy")
    return run("placement-policy", settings, lambda: PlacementPolicyApp(settings))


if __name__ == "__main__":
    sys.exit(main())
