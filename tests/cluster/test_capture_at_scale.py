"""What capturing costs: values a second and CPU on either side of a real Prometheus, and the memory that it takes.

``pytest tests/cluster/test_capture_at_scale.py -m slow -s`` prints the figures, and what they come to for 30 days of 20,000
containers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

CONTAINERS, HOURS, SCRAPE_SECONDS, END = 5_000, 4, 60, 1_795_392_000
VALUES_OF_A_MONTH = 2 * 20_000 * 30 * 288
#: In a process of its own: memory is what the whole process ever had.
PROGRAM = """
import asyncio, json, sys, time
import psutil
import numpy as np
from hydatis_assessment.capture.captured_day import ask_day
from hydatis_assessment.capture.container_answers import matrix
from hydatis_assessment.capture.question import question
from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.prometheus.past import Asker

def theirs(pid):
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system

async def main(url, end, pid):
    client = PrometheusClient(url)
    await ask_day(Asker(client, url, matrix), question(url, end - 4 * 3600 + 600, 1), 0)  # its first minutes: imports, connections
    began, cpu, theirs_before = time.perf_counter(), time.process_time(), theirs(pid)
    day = await ask_day(Asker(client, url, matrix), question(url, end, 1), 0)
    told = {"containers": len(day.keys), "values": int((~np.isnan(day.use)).sum()), "seconds": time.perf_counter() - began}
    most = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    told |= {"own_cpu_seconds": time.process_time() - cpu, "prometheus_cpu_seconds": theirs(pid) - theirs_before}
    told |= {"memory_gb": int(most.split()[1]) / 2**20}
    print(json.dumps(told))
    await client.close()

asyncio.run(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
"""


def samples() -> Iterator[tuple[str, float, float]]:
    random = np.random.default_rng(1)
    times = range(END - HOURS * 3600 - 600, END, SCRAPE_SECONDS)
    for number in range(CONTAINERS):
        labels = f'namespace="ns-{number % 40}",pod="web-{number // 40}-0",container="app",image="registry/app@sha256:{"0" * 64}"'
        cores = np.cumsum(random.gamma(0.5, 0.4, len(times)) * SCRAPE_SECONDS).tolist()
        memory = np.round(random.gamma(5.0, 1e8, len(times))).tolist()
        for at, counter, used in zip(times, cores, memory, strict=True):
            yield f"container_cpu_usage_seconds_total{{{labels}}}", at, counter
            yield f"container_memory_working_set_bytes{{{labels}}}", at, used


@pytest.mark.slow
def test_a_day_is_captured_in_bounded_memory(past_prometheus: Callable[..., Any]) -> None:
    prometheus = past_prometheus(samples())
    command = [sys.executable, "-c", PROGRAM, prometheus.url, str(END), str(prometheus.pid)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    month = VALUES_OF_A_MONTH / told["values"]
    told |= {f"{name}_of_a_month": month * told[name] for name in ("seconds", "own_cpu_seconds", "prometheus_cpu_seconds")}
    print(json.dumps({name: round(value, 2) for name, value in told.items()}, indent=1))  # noqa: T201  # what the test is for
    assert told["containers"] == CONTAINERS
    assert told["values"] > 0.95 * 2 * CONTAINERS * HOURS * 12
    assert told["memory_gb"] < 1.5
