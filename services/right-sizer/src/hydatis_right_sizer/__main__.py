"""Runs the right-sizer: ``python -m hydatis_right_sizer``.

``--help`` lists its settings; all of them are environment variables too.
"""

from __future__ import annotations

from hydatis_serving.process import run
from hydatis_serving.settings import load_settings

from hydatis_right_sizer.app import NAME, RightSizerApp
from hydatis_right_sizer.settings import RightSizerSettings


def main() -> int:
    """Runs until told to stop; the exit code."""
    settings = load_settings(RightSizerSettings, program="python -m hydatis_right_sizer")
    return run(NAME, settings, lambda: RightSizerApp(settings))


if __name__ == "__main__":
    raise SystemExit(main())
