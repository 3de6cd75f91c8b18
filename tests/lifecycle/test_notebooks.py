"""The notebooks run from top to bottom, on generated data anywhere and on real traces where there are any; git has no outputs."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: Plots that each shows.
PLOTS = {"explore-the-trace": 4, "forecast-errors": 3, "why-this-node": 1}


def run(notebook: Path, folder: Path, data: str) -> nbformat.NotebookNode:
    """Executes a notebook in a kernel of this environment, in an empty folder.

    Args:
        notebook: the file; it stays as it is.
        folder: where its kernel runs.
        data: folder of traces; empty: none.
    """
    cells = nbformat.read(notebook, as_version=4)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HYDATIS_")}
    client = NotebookClient(cells, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    return client.execute(env=environment | ({"HYDATIS_DATA": data} if data else {}))


def pages(executed: nbformat.NotebookNode) -> list[str]:
    """What its cells show as HTML."""
    outputs = [output for cell in executed.cells if cell.cell_type == "code" for output in cell.outputs]
    return ["".join(output.data["text/html"]) for output in outputs if "text/html" in output.get("data", {})]


def test_the_three_notebooks_are_there() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(PLOTS)


def test_kernels_are_those_of_this_environment() -> None:
    found = Path(KernelSpecManager().get_kernel_spec("python3").resource_dir)
    assert found.is_relative_to(sys.prefix)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_lies_in_git_without_outputs(notebook: Path) -> None:
    """CONTRIBUTING.md says how they are stripped."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_without_any_data_and_plots_without_the_internet(notebook: Path, tmp_path: Path) -> None:
    shown = pages(run(notebook, tmp_path, data=""))
    assert sum("Plotly.newPlot" in page for page in shown) == PLOTS[notebook.stem]
    loaded = {source for page in shown for source in re.findall(r'<script src="([^"]+)"', page)}
    assert all("mathjax" in source for source in loaded), "plotly asks for MathJax; plots without formulas are drawn without it"
    assert sum(len(page) > 1_000_000 for page in shown) == 1, "plotly itself is in the notebook"
    assert list(tmp_path.iterdir()) == [], "it leaves nothing behind"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_a_real_trace(notebook: Path, data_folder: Path, tmp_path: Path) -> None:
    run(notebook, tmp_path, data=str(data_folder))
