"""`hydatis recommend`: what containers should ask for, with what that risks, in the form in which it will be applied."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from hydatis_assessment.advice import advice_by_choice
from hydatis_assessment.capture.question import STEP_SECONDS
from hydatis_core.errors import InvalidValue
from hydatis_pipelines.whole_files import new_folder, write_whole
from hydatis_serving.kube.api import KubernetesApi
from hydatis_sizing.ours import CHOICES
from hydatis_sizing.recommendation import Recommendation
from hydatis_sizing.untouched import Rules

from hydatis_cli.advice_files import FORMS, advice_files
from hydatis_cli.advice_in_cluster import apply_advice
from hydatis_cli.advice_tables import advice_figures, advice_tables, choices_table
from hydatis_cli.cluster_source import (
    DEFAULT_DAYS,
    CaOption,
    ClusterSource,
    ContextOption,
    DaysOption,
    FromOption,
    KubeconfigOption,
    MatchersOption,
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

__all__ = ["recommend"]


class Output(StrEnum):
    """Forms of advice."""

    TABLE = "table"
    JSON = "json"
    PATCHES = "patches"
    HELM = "helm"
    KUSTOMIZE = "kustomize"
    OBJECTS = "objects"


class Choice(StrEnum):
    """Of ``hydatis_sizing.ours.CHOICES``."""

    BOLD = "bold"
    USUAL = "usual"
    CAREFUL = "careful"


class Mode(StrEnum):
    """What the right-sizer does with an object."""

    APPLY = "Apply"
    REPORT = "Report"


def recommend(  # nosec B107  # a file's name
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
    until: UntilOption = "",
    work: Annotated[Path | None, typer.Option("--work", help="Keep the capture here, and go on with it when run again.")] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="In which form.")] = Output.TABLE,
    to: Annotated[Path | None, typer.Option("--to", help="Write files into this folder, which must not be there yet.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Put SizeRecommendation objects into the cluster.")] = False,
    mode: Annotated[
        Mode | None, typer.Option("--mode", help="Of the objects; without it new ones are Apply and others stay as they are.")
    ] = None,
    namespace: Annotated[list[str] | None, typer.Option("--namespace", "-n", help="Only of this namespace; for each.")] = None,
    min_history: Annotated[
        float, typer.Option("--min-history", min=0.0, help="Days that advice must rest on to be applied.")
    ] = Rules().least_history_days,
    choice: Annotated[Choice, typer.Option("--choice", help="Between savings and harm.")] = Choice.USUAL,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Containers that the table shows.")] = 50,
) -> None:
    """Recommend CPU and memory by workload, with the risk of each choice.

    Nothing is changed unless --apply is given. Example: hydatis recommend --from assessment --output kustomize --to sizes
    """
    if to is not None and to.exists():
        raise InvalidValue(f"{to} exists", field="--to", expected="a folder that is not there yet")
    source = ClusterSource(
        prometheus, token_file, ca_file, match, step, kubeconfig, context, from_, trace, data, days, start_day, until
    )
    choices = {name: replace(method, least_history_days=min_history) for name, method in CHOICES.items()}
    with _kept(work) as folder, progress_bar("capture") as progress:
        use = read_cluster(source, folder, progress)
        found = advice_by_choice(use, choices, Rules(least_history_days=min_history))
        notes = use.notes
    by_choice = {
        name: [one for one in made if not namespace or one.container.namespace in namespace] for name, made in found.items()
    }
    made = by_choice[choice.value]
    if not made:
        raise InvalidValue("there is no workload to advise", field="--namespace", expected="workloads with pods") from None
    for note in notes:
        err.print(f"note: {note}", highlight=False, soft_wrap=True, markup=False)
    if apply:
        with progress_bar("apply") as progress:
            count = apply_advice(KubernetesApi(kubeconfig, context), made, mode.value if mode else "", progress)
        err.print(f"{count} SizeRecommendation objects are in the cluster", highlight=False)
    if output is Output.TABLE and to is None:
        for table in [*advice_tables(made, rows), choices_table(by_choice, choice.value)]:
            out.print(table)
        return
    _write(made, by_choice, output, to, mode.value if mode else "")


def _write(
    made: list[Recommendation], by_choice: dict[str, list[Recommendation]], output: Output, to: Path | None, mode: str
) -> None:
    if output.value in FORMS:
        files = advice_files(output.value, made, mode)
    else:  # a table in a file is for programs
        files = {"recommendations.json": json.dumps(advice_figures(made, by_choice), indent=1, allow_nan=False) + "\n"}
    if output.value in FORMS and all(one.untouched for one in made):
        err.print("nothing may be sized: --output table says why", highlight=False)
    if to is None:
        typer.echo("---\n".join(files.values()) if len(files) > 1 else next(iter(files.values()), ""), nl=False)
        return
    with new_folder(to) as folder:
        for name, text in files.items():
            write_whole(folder / name, text.encode())
            if name.endswith(".sh"):
                (folder / name).chmod(0o755)
    err.print(f"{len(files)} files in {to}: {FORMS.get(output.value, 'all figures')}", highlight=False, soft_wrap=True)


@contextmanager
def _kept(work: Path | None) -> Iterator[Path]:
    """The folder of a capture, for good or for now."""
    folder = work or Path(tempfile.mkdtemp(prefix="hydatis-recommend-"))
    try:
        yield folder
    finally:
        if work is None:
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)
