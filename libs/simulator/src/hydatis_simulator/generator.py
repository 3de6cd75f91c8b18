"""A seeded workload whose statistics are the published ones: what a user without data starts on.

Every parameter of a profile says where it comes from. What the sources do not say (how use is spread over time of day, how traffic
follows CPU) is marked as ours. The result is a stand-in for trying things out; figures that are to convince belong on a real trace.

Model, per machine m and step t, in logarithms, cut at 100 % of what the machine was provisioned with:

    ln use(m, t) = level + slope * (ln cores(m) - mean) + between * z(m)
                   + within * ( sqrt(2 d) * cos(2 pi (hour - peak(m)) / 24) + sqrt(a) * AR1(t) + sqrt(1 - a - d) * white(t) )

with d and a the shares of the daily course and of the slow wandering in the variance within a machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.event_time import DAY_SECONDS, HOUR_SECONDS
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.trace import Trace, TraceReport
from hydatis_simulator.workload_shape import Lifetimes, MachineSeries, WorkloadShape, make_trace

__all__ = ["BITBRAINS_LIKE", "PLANETLAB_LIKE", "PROFILES", "Course", "GeneratorProfile", "generate_machines", "generate_trace"]

Matrix = NDArray[np.float32]
Hours = NDArray[np.floating]

STEP_SECONDS = 300.0
GIB = 2.0**30
#: Monday 2024-01-01 00:00 UTC.
DEFAULT_START_SECONDS = 1_704_067_200.0
MAX_CELLS_COUNT = 200_000_000


@dataclass(frozen=True, slots=True)
class Course:
    """How the use of one resource is spread over machines and time; shares of what was provisioned."""

    median_share: float
    """Median of all samples."""
    between_sigma: float
    """Standard deviation over machines of the mean logarithm, apart from the slope."""
    within_sigma: float
    """Standard deviation over time of the logarithm within a machine."""
    size_slope: float
    """Change of the logarithm per unit of ln cores."""
    daily_share: float
    """Share of the variance within a machine that follows the hour of the day."""
    slow_share: float
    """Share that wanders slowly."""
    slow_correlation: float
    """Correlation of the slow part from one step to the next."""


@dataclass(frozen=True, slots=True)
class GeneratorProfile:
    """A kind of workload."""

    name: str
    source: str
    """Where its parameters come from."""
    cores: tuple[tuple[float, float], ...]
    """(cores, share of machines)."""
    memory_bytes_per_core: tuple[tuple[float, float], ...]
    """(bytes, share of machines)."""
    cpu: Course
    memory: Course | None
    """None: not known."""


#: Bitbrains Rnd. Cores: mean 2.8, median 2, largest 32 (Shen et al., CCGrid 2015). Memory: mean requested 10.7 GB, mean used 0.6
#: GB, median used 0.10 GB (the same, Table III, trace fastStorage). CPU used, of samples: mean 5.8 %, median 1.0 %, 95th
#: percentile 31 %; sum used over sum provisioned: CPU 10.2 %, memory 6.5 %; median autocorrelation of CPU: 0.73 at 5 min, 0.32
#: at 1 h, 0.20 at 24 h (computed on 200 machines of Rnd). The logarithms' deviations between and within machines, 1.7 and 1.0
#: (CPU), 1.4 and 0.6 (memory), and the slope over sizes (correlation 0.6) are computed on its August. Peak hours are ours.
BITBRAINS_LIKE = GeneratorProfile(
    name="bitbrains-like",
    source="Bitbrains Rnd (GWA-T-12), Shen et al., CCGrid 2015",
    cores=((1.0, 0.40), (2.0, 0.30), (4.0, 0.20), (8.0, 0.08), (16.0, 0.015), (32.0, 0.005)),
    memory_bytes_per_core=((2 * GIB, 0.40), (4 * GIB, 0.45), (8 * GIB, 0.15)),
    cpu=Course(0.010, 1.60, 1.10, 0.85, 0.345, 0.55, 0.90),
    memory=Course(0.020, 1.40, 0.60, 0.0, 0.25, 0.65, 0.97),
)

#: PlanetLab. CPU used, of samples, over the seven published days: mean 9.3 to 12.4 %, median 5 to 6 %, quartiles 2 and 12 to 17 %,
#: deviation 12.8 to 17.1; median autocorrelation at 5 min 0.04 to 0.07. Sizes are CloudSim's four types. No memory.
PLANETLAB_LIKE = GeneratorProfile(
    name="planetlab-like",
    source="PlanetLab (CoMon), Beloglazov and Buyya, CCPE 2012",
    cores=((1.0, 0.25), (0.8, 0.25), (0.4, 0.25), (0.2, 0.25)),
    memory_bytes_per_core=((2 * GIB, 1.0),),
    cpu=Course(0.055, 0.85, 0.95, 0.0, 0.01, 0.07, 0.80),
    memory=None,
)

PROFILES: dict[str, GeneratorProfile] = {profile.name: profile for profile in (BITBRAINS_LIKE, PLANETLAB_LIKE)}
"""Profiles by name."""

ASSUMPTIONS = (
    "Generated: marginals and autocorrelations follow the published ones, all else is made.",
    "Peak hours are normal around 14:00 UTC with a deviation of three hours.",
    "Network and disk follow CPU: rates are log-normal around a multiple of the cores used.",
)

#: Bytes per second per core used, in the order of ``IO_METRICS``, and the deviation of their logarithm. Ours, scaled so that means
#: come near those of Bitbrains Rnd in August (102, 64, 211 and 119 KiB/s).
_IO_BYTES_PER_CORE_SECOND = (210e3, 135e3, 420e3, 245e3)
_IO_SIGMA = 1.2


def generate_trace(
    seed: int,
    pod_count: int = 200,
    *,
    days: int = 2,
    profile: GeneratorProfile = BITBRAINS_LIKE,
    machine_count: int | None = None,
    start_seconds: float = DEFAULT_START_SECONDS,
    arrival_window_seconds: float | None = None,
    request_factor: float = 1.0,
    lifetimes: Lifetimes | None = None,
) -> Trace:
    """A workload without data.

    The same arguments give the same trace, bit for bit.

    Args:
        seed: of everything random.
        pod_count: pods side by side, >= 1.
        days: length, >= 1.
        profile: one of ``PROFILES``.
        machine_count: machines generated; pods beyond them are copies shifted in time, as with a real trace. None: one a pod.
        start_seconds: first step, Unix seconds, a multiple of 300.
        arrival_window_seconds: first arrivals are spread over this; None: six hours, or a quarter of the trace if that is less.
        request_factor: requests over provisioned, above 0 and at most 1.
        lifetimes: replacement of pods; None: pods run on.

    Raises:
        InvalidValue: a number is out of range, or the trace would pass 2e8 samples.
    """
    shape = WorkloadShape(seed, pod_count, arrival_window_seconds, request_factor, lifetimes)
    machines = generate_machines(
        seed, pod_count if machine_count is None else machine_count, days=days, profile=profile, start_seconds=start_seconds
    )
    report = TraceReport(f"generator {profile.name}, seed {seed} ({profile.source})", machines.cpu_used_cores.size, (), ASSUMPTIONS)
    return make_trace("synthetic", machines, shape, start_seconds=start_seconds, step_seconds=STEP_SECONDS, report=report)


def generate_machines(
    seed: int, machine_count: int, *, days: int, profile: GeneratorProfile, start_seconds: float = DEFAULT_START_SECONDS
) -> MachineSeries:
    """Machines of a profile with what they use.

    Raises:
        InvalidValue: a number is out of range.
    """
    for name, value in (("machine_count", machine_count), ("days", days)):
        if value < 1:
            raise InvalidValue(f"{value} is not a number of {name}", field=name, expected="1 or more")
    if not 0 < start_seconds < math.inf or start_seconds % STEP_SECONDS:
        raise InvalidValue(f"{start_seconds!r} is not a start", field="start_seconds", expected="a multiple of 300, above 0")
    steps_count = int(days * DAY_SECONDS // STEP_SECONDS)
    if machine_count * steps_count > MAX_CELLS_COUNT:
        raise InvalidValue(f"{machine_count} machines over {days} days are too many", field="machine_count, days")
    random = generator(seed, f"generator/{profile.name}")
    cores = _drawn(profile.cores, machine_count, random)
    memory = cores * _drawn(profile.memory_bytes_per_core, machine_count, random)
    hours: Hours = (start_seconds + STEP_SECONDS * np.arange(steps_count, dtype=np.float64)) % DAY_SECONDS / HOUR_SECONDS
    peaks = random.normal(14.0, 3.0, machine_count)
    log_size = np.log(cores) - sum(share * math.log(value) for value, share in profile.cores)
    cpu = _use(profile.cpu, log_size, hours, peaks, random) * cores[:, None].astype(np.float32)
    if profile.memory is None:
        memory_used = np.full_like(cpu, np.nan)
    else:
        memory_used = _use(profile.memory, log_size, hours, peaks, random) * memory[:, None].astype(np.float32)
    return MachineSeries(
        names=tuple(f"machine-{number:04d}" for number in range(machine_count)),
        cpu_provisioned_cores=cores,
        memory_provisioned_bytes=memory,
        cpu_used_cores=cpu,
        memory_used_bytes=memory_used,
        io=_io(cpu, random),
    )


def _drawn(choices: tuple[tuple[float, float], ...], count: int, random: np.random.Generator) -> NDArray[np.float64]:
    values, shares = zip(*choices, strict=True)
    return np.asarray(random.choice(np.array(values), count, p=np.array(shares) / sum(shares)), dtype=np.float64)


def _use(
    course: Course,
    log_size: NDArray[np.float64],
    hours: Hours,
    peaks: NDArray[np.float64],
    random: np.random.Generator,
) -> Matrix:
    """Shares of what was provisioned, shape (machines, steps), 0..1."""
    shape = (len(log_size), len(hours))
    wander = np.empty(shape, dtype=np.float32)
    wander[:, 0] = random.standard_normal(shape[0], dtype=np.float32)
    shocks = random.standard_normal(shape, dtype=np.float32) * np.float32(math.sqrt(1 - course.slow_correlation**2))
    for step in range(1, shape[1]):
        wander[:, step] = np.float32(course.slow_correlation) * wander[:, step - 1] + shocks[:, step]
    daily = np.cos(2 * np.pi * (hours[None, :] - peaks[:, None]) / 24).astype(np.float32)
    white_share = max(1 - course.daily_share - course.slow_share, 0.0)
    within = (
        np.float32(math.sqrt(2 * course.daily_share)) * daily
        + np.float32(math.sqrt(course.slow_share)) * wander
        + np.float32(math.sqrt(white_share)) * random.standard_normal(shape, dtype=np.float32)
    )
    level = math.log(course.median_share) + course.size_slope * log_size
    level = level + course.between_sigma * random.standard_normal(shape[0])
    shares = np.exp(level[:, None].astype(np.float32) + np.float32(course.within_sigma) * within)
    return np.asarray(np.minimum(shares, np.float32(1.0)), dtype=np.float32)


def _io(cpu_used_cores: Matrix, random: np.random.Generator) -> Matrix:
    rates = np.empty((*cpu_used_cores.shape, len(_IO_BYTES_PER_CORE_SECOND)), dtype=np.float32)
    for column, per_core in enumerate(_IO_BYTES_PER_CORE_SECOND):
        noise = random.standard_normal(cpu_used_cores.shape, dtype=np.float32) * np.float32(_IO_SIGMA)
        rates[..., column] = cpu_used_cores * np.float32(per_core) * np.exp(noise)
    return rates
