"""The commands that the pages show exist, with the options they show."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from hydatis_cli.main import app

ROOT = Path(__file__).resolve().parents[2]
COMMAND: Any = typer.main.get_command(app)
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("libs/*/README.md"), *ROOT.glob("services/*/README.md")]
)
CODE = re.compile(r"```[a-z]*\n(.*?)```|(`[^`\n]+`)", flags=re.DOTALL)
COMMAND_LINE = re.compile(r"(?:^|`|\$ |/bin/)hydatis ([a-z-][^`#|&]*)")


def shown() -> list[tuple[str, str]]:
    """(page, command line after `hydatis`) of every command shown as code."""
    found = []
    for page in [*PAGES, ROOT / "docker-compose.yaml", ROOT / "tox.ini"]:
        text = page.read_text()
        if page.suffix == ".md":
            text = "\n".join(block or inline for block, inline in CODE.findall(text))
        for line in text.splitlines():
            match = COMMAND_LINE.search(line.lstrip("#; "))
            if match:
                found.append((str(page.relative_to(ROOT)), match[1].strip()))
    return found


def test_pages_show_commands() -> None:
    assert shown()


@pytest.mark.parametrize(("page", "line"), sorted(set(shown())), ids=lambda value: value)
def test_a_command_shown_exists_and_takes_its_options(page: str, line: str) -> None:
    words = [word for word in shlex.split(line.replace("'", "")) if word not in ("...", "…")]
    command = COMMAND
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{page} shows `hydatis {line}`"
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help", "-h"}
    assert [word for word in words if word.startswith("-") and word.partition("=")[0] not in known] == []


def test_every_command_explains_itself_and_its_options() -> None:
    def walk(command: Any, path: str) -> None:
        assert command.help, path
        for parameter in command.params:
            assert parameter.help, f"{path} {parameter.name}"
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{path} {name}")

    walk(COMMAND, "hydatis")


def test_the_commands_of_the_issue_are_there() -> None:
    assert {"demo", "up", "down", "status", "logs", "train", "replay", "bench", "explain"} <= set(COMMAND.commands)
    assert "latency" in COMMAND.commands["bench"].commands
