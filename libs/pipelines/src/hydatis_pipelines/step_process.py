"""One step, run: in this process or in one of its own.

The local run uses the very command that a container would run, so that what works here works there; in one's own process only where
there is nothing to run beside it. A step in a process of its own never outlives the one that started it (``lifeline``).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from hydatis_core import errors
from hydatis_core.errors import DependencyUnavailable, HydatisError

from hydatis_pipelines.progress import Progress, from_line
from hydatis_pipelines.step_table import STEPS

__all__ = ["StepProcess", "arguments", "run_here"]


def arguments(step: str, options: Mapping[str, Any]) -> list[str]:
    """The command line of a step; options that are None are left out, and lists are given one by one."""
    given = [(name, one) for name, value in options.items() for one in (value if isinstance(value, list) else [value])]
    parts = [f"--{name.replace('_', '-')}={value}" for name, value in given if value is not None]
    return [sys.executable, "-m", "hydatis_pipelines", step, *parts, "--progress", "--lifeline"]


def run_here(step: str, options: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Runs a step in this process; options that are not given take their defaults."""
    command = STEPS[step]
    defaults = {argument.name.replace("-", "_"): argument.default for argument in command.arguments}
    return command.run(**(defaults | dict(options)), progress=progress)


class StepProcess:
    """A step in a process of its own.

    Args:
        step: its name.
        options: its options.
        log: where all that it says is written, too; None: nowhere.
    """

    def __init__(self, step: str, options: Mapping[str, Any], log: TextIO | None = None) -> None:
        self._step = step
        self._log = log
        self._process = subprocess.Popen(  # nosec B603  # our own step, no shell
            arguments(step, options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait(self, progress: Progress) -> dict[str, Any]:
        """What the step made, when it is done.

        Raises:
            HydatisError: what the step raised; DependencyUnavailable when it ended otherwise.
        """
        assert self._process.stdout is not None
        said: list[str] = []
        # stderr is read beside stdout: a step that writes much to one must not wait for the other.
        reader = threading.Thread(target=lambda: said.extend(self._logged(self._process.stderr or ())), daemon=True)
        reader.start()
        last: dict[str, Any] = {}
        for line in self._logged(self._process.stdout):
            told = from_line(line)
            if told is not None:
                progress(*told)
            else:
                last = _object(line)
        code = self._ended()
        reader.join()
        if code == 0 and "result" in last:
            result: dict[str, Any] = last["result"]
            return result
        raise _error(last.get("error")) or DependencyUnavailable(
            f"step {self._step} ended with code {code}: {(said or ['nothing was said'])[-1].strip()[:300]}", field=self._step
        )

    def stop(self) -> None:
        """Ends it, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._ended()

    def _logged(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            if self._log is not None:
                self._log.write(line)
                self._log.flush()
            yield line

    def _ended(self) -> int:
        """Its exit code, once it has ended; its lifeline is let go only then."""
        code = self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return code


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _error(said: Any) -> HydatisError | None:
    kind = getattr(errors, str(said.get("type")), None) if isinstance(said, dict) else None
    if not (isinstance(kind, type) and issubclass(kind, HydatisError)):
        return None
    return kind(str(said["message"]), field=str(said["field"]), expected=str(said["expected"]))
