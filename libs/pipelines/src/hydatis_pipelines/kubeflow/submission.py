"""Submits a pipeline to a Kubeflow backend: what was compiled, with its arguments.

The run's name is made here, so that two submissions never share a folder on the state volume.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydatis_core.errors import DependencyUnavailable

from hydatis_pipelines.kubeflow.pipelines import compiled

__all__ = ["Submitted", "submit"]

EXPERIMENT = "hydatis"


@dataclass(frozen=True, slots=True)
class Submitted:
    """A run that the backend took."""

    run: str
    """Our name of it."""
    run_id: str
    """Kubeflow's."""


def submit(pipeline: str, arguments: Mapping[str, Any], *, run: str, host: str, token: str = "", namespace: str = "") -> Submitted:
    """Creates a run.

    Args:
        pipeline: its name.
        arguments: of the pipeline; those that are not given are its defaults.
        run: a name that no other run has.
        host: address of the API: ``http://ml-pipeline:8888``.
        token: bearer token; empty: none.
        namespace: of a multi-user Kubeflow; empty: none.

    Raises:
        DependencyUnavailable: the backend does not answer, or refuses.
        InvalidValue: there is no such pipeline.
    """
    text = compiled(pipeline)
    from kfp import client as kfp_client
    from kfp_server_api.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        client = kfp_client.Client(host=host, existing_token=token or None, namespace=namespace or "kubeflow")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pipeline.yaml"
            file.write_bytes(text)
            made = client.create_run_from_pipeline_package(
                str(file),
                arguments=dict(arguments) | {"run": run},
                run_name=run,
                experiment_name=EXPERIMENT,
                namespace=namespace or None,
                enable_caching=False,
            )
    except (ApiException, HTTPError, OSError, ValueError, RuntimeError) as wrong:
        said = " ".join(str(wrong).split())[:300]
        shown = f"the backend did not take the run: {type(wrong).__name__} {said}"
        raise DependencyUnavailable(shown, field=host, expected="the address of a Kubeflow Pipelines API") from None
    return Submitted(run, str(made.run_id))
