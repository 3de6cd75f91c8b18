"""Options that several commands share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["DataOption", "JsonOption", "PortOption", "SeedOption", "StateOption", "TraceOption"]

StateOption = Annotated[
    Path, typer.Option("--state", envvar="HYDATIS_STATE", help="Folder of everything HYDATIS keeps; delete it to start anew.")
]
PortOption = Annotated[
    int,
    typer.Option(
        "--port",
        envvar="HYDATIS_PORT",
        min=1024,
        max=65000,
        # Linux gives 32,768 and above to outgoing connections, and one may hold the port that a restarted process wants back.
        help="Base port: the stack uses ports above it, on loopback. Best below 32000.",
    ),
]
TraceOption = Annotated[str, typer.Option("--trace", help="synthetic, bitbrains, alibaba_2018, planetlab or openb.")]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", envvar="HYDATIS_DATA", help="Folder of traces, one folder per trace; not needed for synthetic."),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random choice.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]

DEFAULT_STATE = Path("hydatis-state")
DEFAULT_PORT = 7000
