"""Options that several commands share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from hydatis_core.errors import InvalidValue

__all__ = [
    "DataOption",
    "JsonOption",
    "PortOption",
    "SeedOption",
    "StateOption",
    "TokenFileOption",
    "TraceOption",
    "read_token",
]

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
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="HYDATIS_TOKEN_FILE",
        help="File with a bearer token, for a stack in a cluster: kubectl create token ACCOUNT --audience hydatis.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]

DEFAULT_STATE = Path("hydatis-state")
DEFAULT_PORT = 7000


def read_token(file: Path | None) -> str:
    """The token in a file; empty: no file is given.

    Raises:
        InvalidValue: the file cannot be read, or holds none.
    """
    if file is None:
        return ""
    try:
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"no token can be read: {wrong}", field="--token-file", expected="a file with a token") from None
    if not token or not token.isascii() or not token.isprintable():
        raise InvalidValue("it holds no token", field="--token-file", expected="one line, as kubectl create token prints it")
    return token
