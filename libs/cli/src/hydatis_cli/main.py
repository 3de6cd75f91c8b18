"""The `hydatis` command: its commands, and the one place where errors become a sentence and an exit code."""

from __future__ import annotations

import signal
import sys

import typer
from hydatis_core.errors import HydatisError

from hydatis_cli.commands import (
    assess,
    bench_anomaly,
    bench_assess,
    bench_catalogue,
    bench_cluster,
    bench_features,
    bench_forecast,
    bench_fragmentation,
    bench_latency,
    bench_placement,
    bench_simulator,
    bench_sizing,
    bench_tls,
    collect,
    data,
    data_check,
    data_store,
    demo,
    explain,
    features,
    lineage,
    models,
    models_cards,
    pipeline,
    recommend,
    replay,
    switch,
    train,
    tune,
    up,
)
from hydatis_cli.console import err, exit_code_of

__all__ = ["app", "main"]

app = typer.Typer(
    name="hydatis",
    help="HYDATIS places Kubernetes pods by predicted use.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(up.down)
app.command()(up.status)
app.command()(up.logs)
app.command()(up.restart)
app.command()(switch.off)
app.command()(switch.on)
app.command()(switch.shadow)
app.command()(switch.policy)
app.command()(train.train)
app.command()(tune.tune)
app.command()(replay.replay)
app.command()(explain.explain)
app.command()(assess.assess)
app.command()(collect.collect)
app.command()(recommend.recommend)
app.add_typer(features.features_app, name="features")
data_app = typer.Typer(help="Versions of datasets: register, compare, verify, give back.", no_args_is_help=True)
data_app.command("register")(data.register)
data_app.command("list")(data.list_)
data_app.command("show")(data.show)
data_app.command("diff")(data.diff)
data_app.command("check")(data_check.check)
data_app.command("verify")(data_store.verify)
data_app.command("checkout")(data_store.checkout)
data_app.command("delete")(data_store.delete)
data_app.command("gc")(data_store.gc)
data_app.command("access")(data_store.access)
app.add_typer(data_app, name="data")
app.add_typer(lineage.lineage_app, name="lineage")
models.models_app.command()(models_cards.register)
models.models_app.command()(models_cards.card)
models.models_app.command()(models_cards.sbom)
app.add_typer(models.models_app, name="models")
bench_app = typer.Typer(help="Benchmarks with stored results.", no_args_is_help=True)
bench_app.command("latency")(bench_latency.latency)
bench_app.command("features")(bench_features.features)
bench_app.command("tls")(bench_tls.tls)
bench_app.command("placement")(bench_placement.placement)
bench_app.command("forecast")(bench_forecast.forecast)
bench_app.command("anomaly")(bench_anomaly.anomaly)
bench_app.command("fragmentation")(bench_fragmentation.fragmentation)
bench_app.command("simulator")(bench_simulator.simulator)
bench_app.command("sizing")(bench_sizing.sizing)
bench_app.command("assess")(bench_assess.assess)
bench_app.command("catalogue")(bench_catalogue.catalogue)
bench_app.command("cluster")(bench_cluster.cluster)
app.add_typer(pipeline.pipeline_app, name="pipeline")
app.add_typer(bench_app, name="bench")


def main() -> None:
    """Runs the command; an error of ours is one sentence on standard error.

    A command that is told to end (SIGTERM, as by ``timeout``) ends as by Ctrl-C: what it started is stopped, scratch folders go.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app(standalone_mode=True)
    except HydatisError as error:
        err.print(f"[bold red]error:[/bold red] {error}", highlight=False, soft_wrap=True)
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
