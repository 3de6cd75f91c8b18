"""`hydatis up`, `down`, `status` and `logs`: the stack on this machine."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from hydatis_core.errors import ArtifactRefused, InvalidValue
from rich.live import Live
from rich.table import Table

from hydatis_cli.console import err, out
from hydatis_cli.options import DEFAULT_PORT, DEFAULT_STATE, JsonOption, PortOption, StateOption
from hydatis_cli.own_certificate import folder_of_environment, security_for
from hydatis_cli.readiness import is_ready, wait_until_ready
from hydatis_cli.signed_models import require_signed
from hydatis_cli.stack import MODELS, Stack
from hydatis_cli.state_folder import StateFolder
from hydatis_cli.supervision import Supervision, last_lines

__all__ = ["bring_up", "down", "logs", "restart", "running_stack", "status", "up"]

READY_TIMEOUT_SECONDS = 120.0

DEFAULT_POLICY = """\
# What the scheduler extender does, for whom. Read again whenever it changes; a mistake keeps the last good one.
mode: on                # on | shadow (decide and record, influence nothing) | off
"""


def running_stack(state: Path) -> Stack | None:
    """The stack that runs in a state folder, on the ports it was started with; None when none runs."""
    folder = StateFolder(state)
    ports = folder.run / "stack.json"
    if not ports.exists():
        return None
    told = json.loads(ports.read_text())
    stack = Stack(folder, told["base_port"], tls_folder=Path(told["tls_folder"]) if told.get("tls_folder") else None)
    return stack if Supervision(stack).running() else None


def bring_up(state: Path, port: int, *, over_tls: bool = True) -> tuple[Stack, float]:
    """Starts the stack of a state folder and waits until it is ready.

    Args:
        state: the folder.
        port: base of its ports.
        over_tls: whether it speaks TLS where the environment names a folder of certificates; False: in any case not.

    Returns:
        The stack and the seconds it took.

    Raises:
        ArtifactRefused: a model is missing, or not signed by a key of the state folder.
        InvalidValue: the stack is to speak TLS, by files that are no good.
        DependencyUnavailable: a port is taken.
        TooLate: a process was not ready in time.
    """
    stack = Stack(StateFolder(state), port, tls_folder=folder_of_environment() if over_tls else None)
    missing = [model for model in MODELS if not (stack.state.models / model / "CURRENT").exists()]
    if missing:
        raise ArtifactRefused(
            f"no model {', '.join(missing)} in {stack.state.models}", field="models", expected="`hydatis train` first"
        )
    for model in MODELS:
        require_signed(stack.state, model)
    security_for(stack.extender_url)
    stack.state.create()
    if not stack.state.policy_file.exists():
        stack.state.policy_file.write_text(DEFAULT_POLICY)
    Supervision(stack).start()
    with Live(console=err, transient=True, refresh_per_second=8) as live:
        took = wait_until_ready(
            stack,
            READY_TIMEOUT_SECONDS,
            lambda waiting, total: live.update(
                f"starting: {total - len(waiting)} of {total} ready; waiting for {', '.join(waiting) or 'none'}"
            ),
        )
    return stack, took


def up(state: StateOption = DEFAULT_STATE, port: PortOption = DEFAULT_PORT) -> None:
    """Start the whole stack on this machine and return when it is ready.

    Processes that die are started again. With HYDATIS_TLS_DIR, a folder with tls.crt, tls.key and ca.crt, all of it speaks mutual
    TLS. Example: hydatis up --state ./try --port 9000
    """
    if (already := running_stack(state)) is not None:
        err.print(f"A stack already runs in {state}: extender at {already.extender_url}.")
        return
    stack, took = bring_up(state, port)
    err.print(f"Ready in {took:.1f} s. Extender: {stack.extender_url}   feature-service: {stack.features_address}")
    err.print("`hydatis status` shows it, `hydatis logs` reads it, `hydatis down` stops it.")


def down(state: StateOption = DEFAULT_STATE) -> None:
    """Stop the stack; in-flight calls finish."""
    stack = running_stack(state)
    if stack is None:
        err.print(f"No stack runs in {state}.")
        return
    Supervision(stack).stop()
    err.print("Stopped.")


def restart(
    name: Annotated[str, typer.Argument(help="A process as `hydatis status` names it.")], state: StateOption = DEFAULT_STATE
) -> None:
    """Restart one process."""
    stack = _required(state)
    if name not in {process.name for process in stack.processes()}:
        names = ", ".join(process.name for process in stack.processes())
        raise InvalidValue(f"no process {name!r}", field="NAME", expected=names)
    Supervision(stack).restart(name)


def status(state: StateOption = DEFAULT_STATE, json_: JsonOption = False) -> None:
    """Show each process: state, readiness, memory, restarts' uptime and ports."""
    stack = _required(state)
    rows: list[dict[str, Any]] = []
    for process, told in zip(stack.processes(), Supervision(stack).status(), strict=True):
        rows.append(
            {
                "name": process.name,
                "state": told.state,
                "ready": is_ready(process),
                "pid": told.pid,
                "uptime_seconds": told.uptime_seconds,
                "memory_bytes": _memory_bytes(told.pid),
                "ports": {
                    key.rsplit("_", 2)[-2].lower(): int(value)
                    for key, value in process.environment.items()
                    if key.endswith("_PORT")
                },
            }
        )
    if json_:
        typer.echo(json.dumps({"extender": stack.extender_url, "features": stack.features_address, "processes": rows}, indent=2))
        return
    table = Table("process", "state", "ready", "pid", "up", "memory", "ports", title=f"{stack.extender_url}")
    for row in rows:
        table.add_row(
            str(row["name"]),
            str(row["state"]),
            "yes" if row["ready"] else "[red]no[/red]",
            str(row["pid"]),
            f"{row['uptime_seconds']:.0f} s",
            f"{row['memory_bytes'] / 2**20:.0f} MiB",
            ", ".join(f"{kind} {number}" for kind, number in row["ports"].items()),
        )
    table.caption = f"{sum(row['memory_bytes'] for row in rows) / 2**20:.0f} MiB in all"
    out.print(table)


def logs(
    name: Annotated[str | None, typer.Argument(help="A process; all of them when left out.")] = None,
    state: StateOption = DEFAULT_STATE,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing as lines come.")] = False,
) -> None:
    """Print the last lines of the processes' logs."""
    folder = StateFolder(state).logs
    files = sorted(folder.glob(f"{name or '*'}.log"))
    if not files:
        raise InvalidValue(f"no log of {name or 'any process'} in {folder}", field="NAME")
    for file in files:
        for line in last_lines(str(file), lines):
            typer.echo(f"{file.stem}: {line}" if name is None else line)
    ends = {file: file.stat().st_size for file in files}
    while follow:
        time.sleep(0.3)
        for file in files:
            ends[file] = _print_new(file, ends[file], prefix=name is None)


def _print_new(file: Path, start: int, *, prefix: bool) -> int:
    size = file.stat().st_size
    if size < start:  # rotated
        start = 0
    if size > start:
        with file.open("rb") as opened:
            opened.seek(start)
            for line in opened.read(size - start).decode(errors="replace").splitlines():
                typer.echo(f"{file.stem}: {line}" if prefix else line)
    return size


def _required(state: Path) -> Stack:
    stack = running_stack(state)
    if stack is None:
        raise InvalidValue(f"no stack runs in {state}", field="--state", expected="`hydatis up` first")
    return stack


def _memory_bytes(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid else 0
    except psutil.Error:
        return 0
