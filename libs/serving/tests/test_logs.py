"""Log lines as other programs read them."""

import io
import json
import logging
from typing import Any

import pytest
from hydatis_serving.clients import ForecastClient
from hydatis_serving.logs import get_logger, setup_logs
from opentelemetry.sdk.trace import TracerProvider


@pytest.fixture
def stream():
    """Logs of the process go here, until the test ends."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_the_common_keys(stream):
    setup_logs("forecaster", stream=stream)
    get_logger("hydatis_forecaster.app").info("table taken", generation=60)
    (line,) = lines(stream)
    assert line["message"] == "table taken"
    assert line["log.level"] == "info"
    assert line["log.logger"] == "hydatis_forecaster.app"
    assert line["service.name"] == "forecaster"
    assert line["generation"] == 60
    assert line["@timestamp"].endswith("Z")
    assert "trace.id" not in line


def test_the_standard_librarys_logs_take_the_same_way(stream):
    setup_logs("forecaster", stream=stream)
    logging.getLogger("some.library").warning("disk %s is full", "sda")
    (line,) = lines(stream)
    assert (line["message"], line["service.name"], line["log.level"]) == ("disk sda is full", "forecaster", "warning")


def test_the_level_holds_for_both(stream):
    setup_logs("forecaster", "WARNING", stream=stream)
    get_logger("x").info("not this")
    logging.getLogger("y").info("nor this")
    assert lines(stream) == []


def test_a_line_within_a_trace_carries_its_id(stream):
    setup_logs("forecaster", stream=stream)
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("decision") as span:
        get_logger("x").info("inside")
    (line,) = lines(stream)
    assert line["trace.id"] == f"{span.get_span_context().trace_id:032x}"


def test_the_console_form_is_for_people(stream):
    setup_logs("forecaster", log_format="console", stream=stream)
    get_logger("x").info("table taken", generation=60)
    assert "table taken" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


async def test_a_defect_in_a_servicer_is_logged_once_with_its_trace_id(stream, forecaster, spans):
    async def fail(request: Any) -> Any:
        raise ZeroDivisionError("a defect")

    provider, _ = spans
    running = await forecaster(fail, tracer=provider.get_tracer("test"))
    setup_logs("forecaster", stream=stream)
    with provider.get_tracer("caller").start_as_current_span("decision") as span:
        async with ForecastClient(running.address) as client:
            with pytest.raises(Exception, match="internal error"):
                await client.forecast_nodes(timeout_seconds=5)
    (line,) = [line for line in lines(stream) if line["log.level"] == "error"]
    assert line["trace.id"] == f"{span.get_span_context().trace_id:032x}"
    assert "ZeroDivisionError: a defect" in line["error.stack_trace"]
