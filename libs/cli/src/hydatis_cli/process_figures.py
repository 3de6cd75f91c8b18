"""What the stack's processes cost: CPU, memory, and the parts of a decision as they export them.

CPU per decision repeats within a few percent where milliseconds of the wall clock on a shared machine drift by a factor of two, so
it is what a change is judged by.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import psutil

from hydatis_cli.exposition import Samples, differences, scrape, total_by
from hydatis_cli.stack import Stack
from hydatis_cli.supervision import Supervision

__all__ = ["ProcessFigures"]

#: Metric by which a process says how long its parts took; they nest, so they do not add up.
STAGES = "hydatis_stage_seconds"


@dataclass
class ProcessFigures:
    """Adds up what the processes cost between ``begin`` and ``end``, over any number of such pairs."""

    stack: Stack
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    """By process."""
    stage_seconds: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Sum and count by stage."""
    rungs: dict[str, float] = field(default_factory=dict)
    """Decisions by rung."""

    def begin(self) -> None:
        """From here on it counts."""
        self._samples, self._cpu = self._scraped(), self._cpu_now()

    def end(self) -> None:
        """Up to here it counts."""
        for name, seconds in self._cpu_now().items():
            self.cpu_seconds[name] = self.cpu_seconds.get(name, 0.0) + seconds - self._cpu.get(name, 0.0)
        rose = differences(self._samples, self._scraped())
        for rung, count in total_by(rose, "hydatis_decisions_total", "rung").items():
            self.rungs[rung] = self.rungs.get(rung, 0.0) + count
        counts = total_by(rose, f"{STAGES}_count", "stage")
        for stage, seconds in total_by(rose, f"{STAGES}_sum", "stage").items():
            total, count = self.stage_seconds.get(stage, (0.0, 0.0))
            self.stage_seconds[stage] = (total + seconds, count + counts.get(stage, 0.0))

    def memory_bytes(self) -> dict[str, int]:
        """Resident memory of each process now."""
        return {name: psutil.Process(pid).memory_info().rss for name, pid in self._pids().items()}

    def _pids(self) -> dict[str, int]:
        return {status.name: status.pid for status in Supervision(self.stack).status() if status.pid}

    def _cpu_now(self) -> dict[str, float]:
        times = {name: psutil.Process(pid).cpu_times() for name, pid in self._pids().items()}
        return {name: time.user + time.system for name, time in times.items()}

    def _scraped(self) -> Samples:
        """Samples of the three processes that a decision passes."""
        urls = [f"{self.stack.extender_url}/metrics", *(f"http://{self.stack.address(offset)}/metrics" for offset in (113, 404))]
        return {key: value for url in urls for key, value in scrape(url).items()}
