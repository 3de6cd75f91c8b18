"""Runs the right-sizer: ``python -m hydatis_right_sizer``.

``--help`` lists its settings; all of them are environment variables too.
"""

from __future__ import annotations

import sys

from hydatis_serving.process import run
from hydatis_serving.settings import load_settings

from hydatis_right_sizer.app import NAME, RightSizerApp
from hydatis_right_sizer.settings import RightSizerSettings

#: How long a thread that looks at all pods may keep an admission waiting; Python's own 5 ms are all the time that one has.
SWITCH_SECONDS = 0.0005


def main() -> int:
    """Runs until told to stop; the exit code."""
    sys.setswitchinterval(SWITCH_SECONDS)
    settings = load_settings(RightSizerSettings, program="python -m hydatis_right_sizer")
    return run(NAME, settings, lambda: RightSizerApp(settings))


if __name__ == "__main__":
    raise SystemExit(main())
