"""Small fleets for tests of the arena: ten-minute steps, numbers that can be added by hand."""

from __future__ import annotations

import numpy as np
from hydatis_simulator.arena.fleet import Fleet

STEP_SECONDS = 600.0


def fleet_of(cpu, memory=None, *, requests=1.0, arrivals=None, history_steps=2, judged_from_step=4, workloads=None):
    """cpu, memory: a row a pod; memory in bytes, 1 unless told."""
    cpu = np.array(cpu, dtype=np.float32)
    memory = np.ones_like(cpu) if memory is None else np.array(memory, dtype=np.float32)
    pods = len(cpu)
    asked = np.broadcast_to(np.array(requests, dtype=np.float64), pods)
    first = history_steps * STEP_SECONDS
    return Fleet(
        name="test",
        step_seconds=STEP_SECONDS,
        history_steps=history_steps,
        judged_from_step=judged_from_step,
        usage=np.stack([cpu, memory]),
        requests=np.stack([asked, np.ones(pods)]),
        limits=np.stack([asked * 2, np.full(pods, 2.0)]),
        arrival_seconds=first + np.arange(pods) if arrivals is None else np.array(arrivals, dtype=np.float64),
        workloads=np.arange(pods, dtype=np.int32) if workloads is None else np.array(workloads, dtype=np.int32),
    )


def nodes_of(count, cores=10.0, memory_bytes=100.0):
    return np.array([[cores] * count, [memory_bytes] * count])


def random_fleet(pods_count=60, seed=1, days=3, history_days=1):
    """Bursty pods on a daily wave: hourly steps, judged for all days after the first two."""
    random = np.random.default_rng(seed)
    steps = np.arange(days * 24)
    wave = 1.0 + 0.5 * np.sin(2 * np.pi * steps / 24)
    base = random.gamma(0.6, 0.6, pods_count)[:, None]
    bursts = np.where(random.random((pods_count, steps.size)) < 0.05, random.gamma(2.0, 1.0, (pods_count, steps.size)), 0.0)
    cpu = (base * wave + bursts).astype(np.float32)
    memory = (random.gamma(1.0, 2.0, pods_count)[:, None] * np.ones(steps.size)).astype(np.float32) * 2**30
    asked = np.stack([np.ceil(cpu.max(axis=1) * 2), np.ceil(memory.max(axis=1) / 2**30) * 2**30]).astype(np.float64)
    return Fleet(
        name="random",
        step_seconds=3600.0,
        history_steps=history_days * 24,
        judged_from_step=history_days * 24 + 24,
        usage=np.stack([cpu, memory]),
        requests=asked,
        limits=asked,
        arrival_seconds=np.sort(random.uniform(history_days * 86400.0, history_days * 86400.0 + 86400.0, pods_count)),
        workloads=np.arange(pods_count, dtype=np.int32),
    )
