"""What pods of a trace will use together: golden sums, nothing for holes and after the end."""

import numpy as np
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_simulator.coming_use import ComingUse
from hydatis_simulator.trace import Trace, TracePod

NAN = np.nan


def trace(memory: float) -> Trace:
    pods = tuple(
        TracePod(Pod(name, requests=Resources(1.0, 1.0)), 300.0, end) for name, end in (("stays", np.inf), ("ends", 900.0))
    )
    cpu = np.array([[1, 2, NAN, 4], [10, 20, 30, 40]], dtype=np.float32)
    return Trace("t", 300.0, 300.0, pods, cpu, np.full_like(cpu, memory))


def test_holes_and_what_is_after_an_end_count_as_nothing() -> None:
    cpu, memory = ComingUse(trace(5.0)).together([[0, 1], [1], [0]], 0, 4)
    assert cpu.tolist() == [[11, 22, 0, 4], [10, 20, 0, 0], [1, 2, 0, 4]]
    assert memory[0].tolist() == [10, 10, 5, 5]


def test_only_the_steps_asked_for_are_told_and_unknown_memory_stays_unknown() -> None:
    cpu, memory = ComingUse(trace(NAN)).together([[0, 1]], 1, 3)
    assert cpu.tolist() == [[22, 0]]
    assert np.isnan(memory).all()


def test_the_trace_itself_is_not_changed() -> None:
    given = trace(5.0)
    ComingUse(given)
    assert np.isnan(given.cpu_used_cores[0, 2])
    assert given.cpu_used_cores[1, 3] == 40
