"""Events against a server of HTTP that reads each by the shape that OpenLineage 2 asks for, as a lineage server would."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.adapters.openlineage_events import BegunStep, failed_event, started_event, step_events
from hydatis_lifecycle.adapters.openlineage_log import OpenLineageLog
from hydatis_lifecycle.lineage.dataset_facts import Assertion, DatasetFacts, facts_of_quality
from hydatis_lifecycle.quality.report import Finding, QualityReport, Score
from jsonschema import Draft202012Validator, FormatChecker

URI = {"type": "string", "format": "uri", "pattern": "^[a-z]+:"}
NAMED = {"namespace": {"type": "string", "minLength": 1}, "name": {"type": "string", "minLength": 1}}


def facets_shape(**more):
    shape = {"type": "object", "required": ["_producer", "_schemaURL"], "properties": {"_producer": URI, "_schemaURL": URI}}
    return {"type": "object", "additionalProperties": shape} | more


def datasets_shape(own):
    properties = NAMED | {"facets": facets_shape(), own: facets_shape()}
    return {
        "type": "array",
        "items": {"type": "object", "required": [*NAMED], "properties": properties, "additionalProperties": False},
    }


RUN_EVENT = {
    "type": "object",
    "required": ["eventType", "eventTime", "run", "job", "producer", "schemaURL"],
    "additionalProperties": False,
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "format": "date-time", "pattern": r"T.*(Z|\+00:00)$"},
        "producer": URI,
        "schemaURL": URI,
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": facets_shape()},
            "additionalProperties": False,
        },
        "job": {
            "type": "object",
            "required": [*NAMED],
            "properties": NAMED | {"facets": facets_shape()},
            "additionalProperties": False,
        },
        "inputs": datasets_shape("inputFacets"),
        "outputs": datasets_shape("outputFacets"),
    },
}
READER = Draft202012Validator(RUN_EVENT, format_checker=FormatChecker())


class LineageServer:
    """Takes events, or answers what it is told to."""

    def __init__(self):
        self.events, self.headers, self.status = [], [], 201
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                wrong = self.path != "/api/v1/lineage" or not READER.is_valid(event)
                outer.headers.append(dict(self.headers))
                if not wrong and outer.status == 201:
                    outer.events.append(event)
                self.send_response(400 if wrong else outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server():
    running = LineageServer()
    yield running
    running.stop()


def told(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_whole_story_is_told_to_a_server_and_to_the_file(server, story, tmp_path):
    file = tmp_path / "lifecycle" / "openlineage.jsonl"
    log = OpenLineageLog(file, {"OPENLINEAGE_URL": server.url, "OPENLINEAGE_API_KEY": "k-1"})
    assert log.tell(event for record in story.records for event in step_events(record)) == ()
    assert [event["eventType"] for event in server.events] == ["START", "COMPLETE"] * len(story.records)
    assert server.headers[0]["Authorization"] == "Bearer k-1"
    assert told(file) == server.events
    published = server.events[11]
    assert [one["name"] for one in published["inputs"]] == ["model/cpu-forecaster", "evaluation/cpu-forecaster"]
    assert published["outputs"][0]["facets"]["version"]["datasetVersion"] == story.artifact.digest
    assert published["outputs"][0]["facets"]["tags"]["tags"][0]["value"] == "1.0.0"


def test_start_and_end_are_of_one_run_and_steps_of_one_pipeline(story):
    start, end = step_events(story.records[2])
    other, _ = step_events(story.records[3])
    assert start.run.runId == end.run.runId != other.run.runId
    assert start.run.facets["parent"].run.runId == other.run.facets["parent"].run.runId
    assert start.eventTime == "1970-01-01T00:00:30+00:00"


def test_facts_travel_as_facets(story):
    assertions = (Assertion("cpu_in_range", False, "cpu_ratio", True, "3 of 10 rows"),)
    facts = {
        story.features.digest: DatasetFacts({"cpu_ratio": "float32"}, 10, 400, {"cpu_ratio": 2}, assertions),
        story.cpu.digest: DatasetFacts(rows_count=4, bytes_count=5),
    }
    _, end = step_events(story.records[2], facts)
    read, made = end.inputs[0], end.outputs[0]
    assert [(one.name, one.type) for one in read.facets["schema"].fields] == [("cpu_ratio", "float32")]
    metrics = read.inputFacets["dataQualityMetrics"]
    assert (metrics.rowCount, metrics.bytes, metrics.columnMetrics["cpu_ratio"].nullCount) == (10, 400, 2)
    asserted = read.inputFacets["dataQualityAssertions"].assertions[0]
    assert (asserted.assertion, asserted.success, asserted.severity, asserted.actual) == (
        "cpu_in_range",
        False,
        "error",
        "3 of 10 rows",
    )
    assert (made.outputFacets["outputStatistics"].rowCount, made.outputFacets["outputStatistics"].size) == (4, 5)


def test_a_quality_report_becomes_assertions(story):
    found = Finding("accuracy", "samples", "cpu_ratio", "in_range", "3 rows are above 1", 3, 10, hard=True)
    report = QualityReport("bitbrains", story.raw.digest, 10, {"accuracy": Score(7, 10), "uniqueness": Score(10, 10)}, (found,))
    assert facts_of_quality(report).rows_count == 10
    assert facts_of_quality(report).assertions == (
        Assertion("accuracy", False, actual="7 of 10"),
        Assertion("uniqueness", True, actual="10 of 10"),
        Assertion("in_range", False, "cpu_ratio", True, "3 of 10 rows"),
    )


def test_a_step_that_fails_is_told_with_its_error(server, story, tmp_path):
    begun = BegunStep("train-forecaster", "run-1", 30.0, (story.features,), {"seed": 7})
    log = OpenLineageLog(None, {"OPENLINEAGE_URL": server.url})
    assert log.tell([started_event(begun), failed_event(begun, 33.0, "dataset.npz is not a dataset")]) == ()
    assert [event["eventType"] for event in server.events] == ["START", "FAIL"]
    assert server.events[1]["run"]["facets"]["errorMessage"]["message"] == "dataset.npz is not a dataset"
    assert server.events[0]["run"]["runId"] == server.events[1]["run"]["runId"]


def test_a_server_that_is_down_is_said_once_and_every_event_is_in_the_file(server, story, tmp_path):
    server.stop()
    file = tmp_path / "openlineage.jsonl"
    log = OpenLineageLog(file, {"OPENLINEAGE_URL": server.url})
    said = log.tell(event for record in story.records for event in step_events(record))
    assert said == (f"{server.url} does not take OpenLineage events: ConnectionError; events are kept in {file}",)
    assert log.tell(step_events(story.records[0])) == ()
    assert len(told(file)) == 2 * len(story.records) + 2


def test_a_server_that_refuses_is_named_with_its_answer(server, story, tmp_path):
    server.status = 403
    said = OpenLineageLog(tmp_path / "events.jsonl", {"OPENLINEAGE_URL": server.url}).tell(step_events(story.records[0]))
    assert len(said) == 1
    assert "403 Forbidden" in said[0]


def test_a_file_that_cannot_be_written_is_said_and_the_server_still_hears(server, story, tmp_path):
    (tmp_path / "taken").write_text("")
    log = OpenLineageLog(tmp_path / "taken" / "events.jsonl", {"OPENLINEAGE_URL": server.url})
    said = log.tell(step_events(story.records[0]))
    assert len(said) == 1
    assert said[0].startswith("an OpenLineage event was not kept")
    assert len(server.events) == 2


def test_a_full_disk_is_said_and_nothing_is_raised(story):
    from pathlib import Path

    (said,) = OpenLineageLog(Path("/dev/full"), {}).tell(step_events(story.records[0]))
    assert "No space left on device" in said


@pytest.mark.parametrize("url", ["ftp://host", "host:80", "http://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InvalidValue, match="OPENLINEAGE_URL"):
        OpenLineageLog(None, {"OPENLINEAGE_URL": url})


def test_without_a_server_events_go_to_the_file_alone(story, tmp_path):
    assert OpenLineageLog(tmp_path / "events.jsonl", {}).tell(step_events(story.records[0])) == ()
    assert all(READER.is_valid(event) for event in told(tmp_path / "events.jsonl"))
