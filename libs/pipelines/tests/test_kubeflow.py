"""The compiled pipelines, and what is sent to a Kubeflow backend."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_pipelines.kubeflow import submission
from hydatis_pipelines.kubeflow.components import IMAGE
from hydatis_pipelines.kubeflow.pipelines import PIPELINES, compiled
from hydatis_pipelines.step_table import STEPS
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

STORED = Path(__file__).parents[3] / "deploy" / "pipelines"


@pytest.mark.parametrize("name", PIPELINES)
def test_the_yaml_that_is_checked_in_is_what_the_code_compiles_to(name):
    assert (STORED / f"{name}.yaml").read_bytes() == compiled(name), "hydatis pipeline compile --out deploy/pipelines"


@pytest.mark.parametrize("name", PIPELINES)
def test_the_yaml_is_a_pipeline_by_kubeflows_own_schema(name):
    spec, platform = yaml.safe_load_all((STORED / f"{name}.yaml").read_text())
    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    assert parsed.pipeline_info.name == f"hydatis-{name}"
    loaded = components.load_component_from_file(str(STORED / f"{name}.yaml"))
    assert set(loaded.component_spec.inputs) >= {"run", "trace", "data", "state"}


@pytest.mark.parametrize("name", PIPELINES)
def test_every_task_starts_a_step_in_our_image_and_installs_nothing(name):
    spec, platform = yaml.safe_load_all((STORED / f"{name}.yaml").read_text())
    executors = spec["deploymentSpec"]["executors"]
    assert len({executor["container"]["args"][-1] for executor in executors.values()}) >= 12
    for executor in executors.values():
        code = executor["container"]["command"][-1]
        assert executor["container"]["image"] == IMAGE
        assert "pip install" not in " ".join(executor["container"]["command"])
        assert any(f'"{step}"' in code for step in STEPS)
    mounts = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(mounts) == set(executors)


class Backend:
    """The paths of a Kubeflow Pipelines API (v2beta1) that a submission needs."""

    def __init__(self):
        self.asked = []
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                backend.asked.append(("GET", self.path, None))
                found = {"/apis/v2beta1/healthz": {"multi_user": False}}.get(self.path.split("?")[0])
                if found is None and self.path.startswith("/apis/v2beta1/experiments"):
                    found = {"experiments": [{"experiment_id": "e1", "display_name": "hydatis"}]}
                self._answer(200 if found is not None else 404, found or {"error": "nothing here"})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                backend.asked.append(("POST", self.path, body))
                made = {"/apis/v2beta1/runs": {"run_id": "k1"}, "/apis/v2beta1/experiments": {"experiment_id": "e1"}}
                found = made.get(self.path.split("?")[0])
                self._answer(200 if found else 404, found or {"error": "nothing here"})

            def _answer(self, code, value):
                data = json.dumps(value).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def backend():
    made = Backend()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_a_submission_sends_the_pipeline_with_its_arguments(backend):
    made = submission.submit("training", {"trace": "bitbrains", "days": 3}, run="run-7", host=backend.url)
    assert (made.run, made.run_id) == ("run-7", "k1")
    (sent,) = [body for method, path, body in backend.asked if method == "POST" and path.startswith("/apis/v2beta1/runs")]
    assert sent["display_name"] == "run-7"
    assert sent["runtime_config"]["parameters"] == {"trace": "bitbrains", "days": 3, "run": "run-7"}
    assert sent["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "hydatis-training"
    assert "platforms" in sent["pipeline_spec"]["platform_spec"]


def test_a_backend_that_is_not_there_is_one_sentence():
    with pytest.raises(DependencyUnavailable, match="did not take the run"):
        submission.submit("training", {}, run="r", host="http://127.0.0.1:9")


def test_an_unknown_pipeline_is_refused():
    with pytest.raises(InvalidValue, match="no pipeline 'serving'"):
        compiled("serving")
