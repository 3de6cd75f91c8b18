"""`hydatis assess`: what a cluster wastes, what could be saved and how sure that is, before anything is installed."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import hydatis_assessment
import hydatis_placement
import hydatis_simulator
import hydatis_sizing
import typer
from hydatis_assessment.analysis.assessment import assess as assessed
from hydatis_assessment.analysis.assessment import digest_of_use
from hydatis_assessment.analysis.savings import PODS_COUNT, SAMPLES_COUNT
from hydatis_assessment.capture.question import STEP_SECONDS
from hydatis_pipelines.whole_files import write_whole

from hydatis_cli.assess_report import assess_page
from hydatis_cli.assess_savings import saved_by_lever
from hydatis_cli.assess_tables import assess_tables
from hydatis_cli.cluster_source import (
    DEFAULT_DAYS,
    NODE_CPU,
    NODE_MEMORY,
    CaOption,
    ClusterSource,
    ContextOption,
    DaysOption,
    FromOption,
    KubeconfigOption,
    MatchersOption,
    NodeCpuOption,
    NodeMemoryOption,
    NodesOption,
    PrometheusOption,
    SourceTraceOption,
    StartDayOption,
    StepOption,
    TokenOption,
    UntilOption,
    read_cluster,
)
from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.options import DataOption
from hydatis_cli.placement_journal import Journal
from hydatis_cli.prices import Prices, read_prices
from hydatis_cli.stored_figures import storable, store_figures

__all__ = ["assess"]

_QUICK_SAMPLES, _QUICK_PODS = 2, 200


def assess(  # nosec B107  # a file's name
    prometheus: PrometheusOption = "",
    token_file: TokenOption = "",
    ca_file: CaOption = "",
    match: MatchersOption = "",
    step: StepOption = STEP_SECONDS,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    from_: FromOption = None,
    trace: SourceTraceOption = "",
    data: DataOption = None,
    days: DaysOption = DEFAULT_DAYS,
    start_day: StartDayOption = 0,
    nodes: NodesOption = None,
    node_cpu: NodeCpuOption = NODE_CPU,
    node_memory: NodeMemoryOption = NODE_MEMORY,
    until: UntilOption = "",
    prices: Annotated[
        Path | None, typer.Option("--prices", help="What nodes cost, YAML or JSON; without it savings are in nodes alone.")
    ] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Store all figures in this JSON file.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a self-contained HTML page.")] = None,
    work: Annotated[
        Path | None,
        typer.Option("--work", help="Keep the capture and finished parts here, and go on from them when run again."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Samples of pods that levers are measured on.")] = SAMPLES_COUNT,
    sample_pods: Annotated[int, typer.Option("--sample-pods", min=20, help="Pods of a sample.")] = PODS_COUNT,
    quick: Annotated[bool, typer.Option("--quick", help="Two small samples: wide intervals, soon there.")] = False,
) -> None:
    """Assess a cluster: what it wastes, what right-sizing and placement by use would save, and how well its use is foreseen.

    Nothing is installed or changed: Prometheus and the API server are read. Example: hydatis assess --prometheus
    http://localhost:9090 --work assessment --report assessment.html
    """
    priced = read_prices(prices) if prices else None
    samples, sample_pods = (_QUICK_SAMPLES, _QUICK_PODS) if quick else (samples, sample_pods)
    source = ClusterSource(
        prometheus,
        token_file,
        ca_file,
        match,
        step,
        kubeconfig,
        context,
        from_,
        trace,
        data,
        days,
        start_day,
        until,
        nodes,
        node_cpu,
        node_memory,
    )
    kept = work or Path(tempfile.mkdtemp(prefix="hydatis-assess-"))
    try:
        figures = _assessed(source, kept, samples, sample_pods)
    finally:
        if work is None:
            shutil.rmtree(kept, ignore_errors=True)
    if figures["savings"]:
        figures["saved"] = saved_by_lever(figures["savings"], priced)
    stored = storable(_header(source, samples, sample_pods, priced) | figures)
    if json_ is not None:
        store_figures(json_, stored)
    if report is not None:
        write_whole(report, assess_page(stored).encode())
    for table in assess_tables(stored):
        out.print(table)
    for told in stored["not_told"]:
        err.print(f"not told: {told}", highlight=False, soft_wrap=True)


def _assessed(source: ClusterSource, kept: Path, samples: int, sample_pods: int) -> dict[str, Any]:
    with progress_bar("capture") as progress:
        use = read_cluster(source, kept, progress)
    journal = Journal(kept / f"assessment-{digest_of_use(use)}-{_digest_of_code()}.jsonl")
    try:
        with progress_bar("assess") as progress:
            return assessed(use, journal, progress, samples_count=samples, pods_count=sample_pods)
    finally:
        journal.close()


def _digest_of_code() -> str:
    """Parts that other code made are made again."""
    digest = hashlib.blake2b(digest_size=4)
    folders = [Path(one.__path__[0]) for one in (hydatis_assessment, hydatis_placement, hydatis_simulator, hydatis_sizing)]
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _header(source: ClusterSource, samples: int, sample_pods: int, prices: Prices | None) -> dict[str, Any]:
    if source.trace:
        told = f"--trace {source.trace} --data DATA --days {source.days} --start-day {source.start_day}"
        if source.nodes_count:
            told += f" --nodes {source.nodes_count} --node-cpu {source.node_cpu} --node-memory {source.node_memory}"
    else:
        told = "--from CAPTURE" if source.capture else f"--prometheus URL --days {source.days}"
    packages = ("hydatis-assessment", "hydatis-sizing", "hydatis-simulator", "numpy")
    return {
        "command": f"hydatis assess {told} --samples {samples} --sample-pods {sample_pods}{' --prices PRICES' if prices else ''}",
        "versions": {name: version(name) for name in packages},
    }
