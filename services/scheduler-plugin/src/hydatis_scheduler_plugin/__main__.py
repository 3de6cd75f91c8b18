"""Runs the scheduler plugin: ``python -m hydatis_scheduler_plugin``.

``--help`` lists its settings; all of them are environment variables too.
"""

from __future__ import annotations

from hydatis_serving.process import run
from hydatis_serving.settings import load_settings

from hydatis_scheduler_plugin.app import NAME, SchedulerPluginApp
from hydatis_scheduler_plugin.settings import SchedulerPluginSettings


def main() -> int:
    """Runs until told to stop; the exit code."""
    settings = load_settings(SchedulerPluginSettings, program="python -m hydatis_scheduler_plugin")
    return run(NAME, settings, lambda: SchedulerPluginApp(settings))


if __name__ == "__main__":
    raise SystemExit(main())
