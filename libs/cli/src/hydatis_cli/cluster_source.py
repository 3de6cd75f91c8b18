"""Where a cluster's past is read from: its own Prometheus and API server, a capture of them, or a published trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from hydatis_assessment.capture.cluster_capture import PrometheusAccess, capture_cluster, open_capture
from hydatis_assessment.capture.folder import CaptureFolder
from hydatis_assessment.capture.question import STEP_SECONDS, question
from hydatis_assessment.capture.trace_use import use_of_trace
from hydatis_assessment.cluster_use import ClusterUse
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.quantities import parse_quantity
from hydatis_serving.kube.api import KubernetesApi
from hydatis_simulator.cluster_shape import NodeShape
from hydatis_simulator.generator import generate_trace
from hydatis_simulator.trace import Trace
from hydatis_simulator.traces.registry import read_trace

from hydatis_cli.workloads import SYNTHETIC

__all__ = [
    "DEFAULT_DAYS",
    "NODE_CPU",
    "NODE_MEMORY",
    "CaOption",
    "ClusterSource",
    "ContextOption",
    "DaysOption",
    "FromOption",
    "KubeconfigOption",
    "MatchersOption",
    "NodeCpuOption",
    "NodeMemoryOption",
    "NodesOption",
    "PrometheusOption",
    "SourceTraceOption",
    "StartDayOption",
    "StepOption",
    "TokenOption",
    "UntilOption",
    "read_cluster",
]

DEFAULT_DAYS = 30
_SYNTHETIC_PODS_COUNT = 200
#: Folder of a capture within that of --work.
_CAPTURE = "capture"

PrometheusOption = Annotated[
    str, typer.Option("--prometheus", envvar="HYDATIS_PROMETHEUS", help="URL of the cluster's Prometheus; it is only read.")
]
TokenOption = Annotated[str, typer.Option("--prometheus-token-file", help="File with a bearer token for it.")]
CaOption = Annotated[str, typer.Option("--prometheus-ca-file", help="File with certificates to trust.")]
MatchersOption = Annotated[str, typer.Option("--match", help="More label matchers for every series, as PromQL writes them.")]
StepOption = Annotated[float, typer.Option("--step", help="Seconds between samples.")]
KubeconfigOption = Annotated[str, typer.Option("--kubeconfig", help="A kubeconfig file; without it as kubectl finds one.")]
ContextOption = Annotated[str, typer.Option("--context", help="A context of the kubeconfig.")]
FromOption = Annotated[
    Path | None, typer.Option("--from", help="The --work folder of a capture that was finished; nobody is asked.")
]
SourceTraceOption = Annotated[
    str, typer.Option("--trace", help="A trace taken for a cluster: synthetic, bitbrains, alibaba_2018, planetlab.")
]
DaysOption = Annotated[int, typer.Option("--days", min=1, help="Days of the past.")]
StartDayOption = Annotated[int, typer.Option("--start-day", min=0, help="First day of the trace.")]
NodesOption = Annotated[
    int | None, typer.Option("--nodes", min=1, help="Nodes of a trace's cluster; without it as few as hold its requests.")
]
NodeCpuOption = Annotated[str, typer.Option("--node-cpu", help="What pods can be given on each of them.")]
NodeMemoryOption = Annotated[str, typer.Option("--node-memory", help="The same of memory.")]
NODE_CPU, NODE_MEMORY = "16", "64Gi"


UntilOption = Annotated[
    str, typer.Option("--until", help="End of the past of --prometheus, UTC, such as 2026-11-01T00:00; without it now.")
]


@dataclass(frozen=True, slots=True)
class ClusterSource:
    """What was asked for; exactly one of prometheus, capture and trace is set."""

    prometheus: str = ""
    token_file: str = ""
    ca_file: str = ""
    matchers: str = ""
    step_seconds: float = STEP_SECONDS
    kubeconfig: str = ""
    context: str = ""
    capture: Path | None = None
    trace: str = ""
    data: Path | None = None
    days: int = DEFAULT_DAYS
    start_day: int = 0
    until: str = ""
    nodes_count: int | None = None
    """Of a trace's cluster; None: its own, or made up."""
    node_cpu: str = NODE_CPU
    node_memory: str = NODE_MEMORY


#: Option -> field: one of them says where to read.
_SOURCES = {"--prometheus": "prometheus", "--from": "capture", "--trace": "trace"}


def read_cluster(source: ClusterSource, work: Path, progress: Callable[[int, int, str], None]) -> ClusterUse:
    """Reads it.

    Args:
        source: what to read.
        work: folder in which a capture is kept, and gone on with.
        progress: told of days.

    Raises:
        InvalidValue: not exactly one source, or a wrong setting.
        TraceRefused, DependencyUnavailable, ArtifactRefused, TooMany: as of what is read.
    """
    told = [option for option, field in _SOURCES.items() if getattr(source, field)]
    if len(told) != 1:
        shown = f"{' and '.join(told)} are not one source" if told else "no source of metrics"
        raise InvalidValue(shown, field="source", expected=f"one of {', '.join(_SOURCES)}")
    if source.capture:
        inside = source.capture / _CAPTURE  # of a folder that was --work's
        return open_capture(inside if inside.is_dir() else source.capture)
    if source.trace:
        return use_of_trace(_trace(source), _nodes(source))
    end_seconds = _seconds(source.until) if source.until else time.time()
    asked = question(source.prometheus, end_seconds, source.days, step_seconds=source.step_seconds, matchers=source.matchers)
    folder = work / _CAPTURE
    begun = CaptureFolder(folder).question
    if begun is not None and not source.until:  # it goes on with the days that it was begun for: now is later every time
        asked = msgspec.structs.replace(asked, start_seconds=begun.start_seconds)
    access = PrometheusAccess(source.prometheus, source.token_file, source.ca_file)
    return capture_cluster(folder, asked, access, KubernetesApi(source.kubeconfig, source.context), progress)


def _seconds(told: str) -> float:
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        raise InvalidValue(f"{told!r} is no time", field="--until", expected="one such as 2026-11-01T00:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _nodes(source: ClusterSource) -> list[Node]:
    cores = parse_quantity(source.node_cpu, field="--node-cpu")
    memory = parse_quantity(source.node_memory, field="--node-memory")
    shape = NodeShape("told", cores, memory)
    return [shape.node(f"node-{number:04d}") for number in range(source.nodes_count or 0)]


def _trace(source: ClusterSource) -> Trace:
    if source.trace == SYNTHETIC:
        return generate_trace(1, _SYNTHETIC_PODS_COUNT, days=source.days, arrival_window_seconds=0.0)
    if source.data is None:
        raise InvalidValue(f"the trace {source.trace} needs a folder", field="--data", expected="the folder of traces")
    return read_trace(source.trace, source.data, seed=1, start_day=source.start_day, days=source.days, arrival_window_seconds=0.0)
