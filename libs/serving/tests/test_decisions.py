"""The decision log: read back what was written, whatever happened to process and disk."""

import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_placement.credits import Credits
from hydatis_placement.ladder import Rung
from hydatis_serving.convert.decision import decision_from_proto, decision_to_proto
from hydatis_serving.decision_record import DecisionRecord, FullInput, NodeReason, decision_to_json
from hydatis_serving.decision_segments import delimited, segment_path, segments
from hydatis_serving.decisions import DecisionLog, DecisionReader


def decision(number: int, uid: str = "", name: str = "web-0") -> DecisionRecord:
    return DecisionRecord(
        f"d{number}",
        1000.0 + number,
        Pod(uid or f"u{number}", name, "shop", "Deployment/web", Resources(0.5, 2.0**30)),
        ExpectedUse(0.1, 0.2, 1e9, 2e9, UseSource.PROFILE),
        960,
        Rung.FULL,
        candidate_count=500,
        chosen_node="node-7",
        top=(NodeReason("node-7", 10, 0.75, 0.25, 0.5, 0.25, 0.5, 0.125, 1.5, 3e9),),
        model_versions=("placement-policy 1.0.0",),
        latency_milliseconds=5.5,
        trace_id="ab" * 16,
    )


@pytest.fixture
def log(tmp_path):
    made = DecisionLog(tmp_path / "decisions")
    yield made
    made.close()


def test_a_record_comes_back_as_it_was(log):
    assert log.append(decision(1))
    assert log.flush()
    assert log.newest() == [decision(1)]


def test_a_record_is_read_by_id_by_pod_uid_and_by_name(log):
    for number in range(5):
        log.append(decision(number, uid=f"u{number % 2}", name=f"web-{number % 2}"))
    log.flush()
    assert log.by_id("d3") == decision(3, "u1", "web-1")
    assert log.by_id("d9") is None
    assert [record.decision_id for record in log.of_pod("u0")] == ["d4", "d2", "d0"]
    assert [record.decision_id for record in log.of_pod("shop/web-1")] == ["d3", "d1"]
    assert [record.decision_id for record in log.newest(2)] == ["d4", "d3"]
    assert log.of_pod("elsewhere/web-1") == log.newest(0) == []


def test_a_bind_joins_the_newest_decision_on_its_pod_before_it(log):
    log.append(decision(1, "u"))
    log.append(decision(2, "u"))
    log.bound("u", "node-3")
    log.append(decision(3, "u"))
    log.flush()
    assert [(record.decision_id, record.bound_node) for record in log.of_pod("u")] == [("d3", ""), ("d2", "node-3"), ("d1", "")]
    assert log.by_id("d2").bound_node == "node-3"


def test_a_bind_of_a_pod_that_was_not_decided_here_is_no_decision(log):
    log.bound("stranger", "node-3")
    log.flush()
    assert log.newest() == log.of_pod("stranger") == []


def test_a_record_may_be_made_in_the_logs_own_thread(log):
    made_in: list[str] = []

    def make() -> DecisionRecord:
        made_in.append(threading.current_thread().name)
        return decision(1)

    log.append(make)
    log.flush()
    assert made_in == ["decision-log"]
    assert log.newest() == [decision(1)]


def test_a_record_that_cannot_be_made_is_counted_and_the_next_is_written(log):
    def fail() -> DecisionRecord:
        raise ZeroDivisionError

    log.append(fail)
    log.append(decision(1))
    log.flush()
    assert (log.dropped_count, log.written_count) == (1, 1)
    assert log.newest() == [decision(1)]


def test_what_does_not_fit_the_queue_is_dropped_and_counted(tmp_path):
    entered, leave = threading.Event(), threading.Event()

    def wait() -> DecisionRecord:
        entered.set()
        leave.wait(5)
        return decision(0)

    log = DecisionLog(tmp_path, queue_limit_count=2)
    log.append(wait)
    assert entered.wait(5)
    assert [log.append(decision(number)) for number in range(1, 5)] == [True, True, False, False]
    assert log.dropped_count == 2
    leave.set()
    log.close()
    assert [record.decision_id for record in log.newest()] == ["d2", "d1", "d0"]


def test_what_is_queued_is_written_at_close(tmp_path):
    log = DecisionLog(tmp_path)
    for number in range(100):
        log.append(decision(number))
    log.close()
    assert len(DecisionReader(tmp_path).newest(1000)) == 100


def test_every_start_begins_a_new_segment_after_the_last(tmp_path):
    for number in range(3):
        log = DecisionLog(tmp_path)
        log.append(decision(number))
        log.close()
    assert [number for number, _ in segments(tmp_path)] == [1, 2, 3]
    assert [record.decision_id for record in DecisionReader(tmp_path).newest()] == ["d2", "d1", "d0"]


@pytest.mark.parametrize("torn", [1, 2, 10, 60])
def test_a_torn_last_record_is_skipped_and_counted(tmp_path, torn):
    log = DecisionLog(tmp_path)
    for number in range(3):
        log.append(decision(number))
    log.close()
    path = segment_path(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-torn])
    again = DecisionLog(tmp_path)
    again.append(decision(3))
    again.close()
    reader = DecisionReader(tmp_path)
    assert [record.decision_id for record in reader.newest()] == ["d3", "d1", "d0"]
    assert reader.torn_count == 1


@pytest.mark.parametrize("garbage", [b"\xff" * 20, b"\x05abc", b"\x80", b"\x03\x0a\xff\xff", b"\xff\xff\xff\xff\x0f"])
def test_garbage_at_the_end_costs_only_itself(tmp_path, garbage):
    (tmp_path / "decisions-notes.pb").write_bytes(b"not a segment")
    segment_path(tmp_path, 1).write_bytes(delimited(decision_to_proto(decision(1))) + garbage)
    reader = DecisionReader(tmp_path)
    assert reader.newest() == [decision(1)]
    assert reader.torn_count == 1


def test_the_oldest_segments_go_when_the_size_is_reached(tmp_path):
    size = len(delimited(decision_to_proto(decision(1))))
    log = DecisionLog(tmp_path, segment_bytes=10 * size, total_bytes=40 * size)
    for number in range(1000):
        log.append(decision(number % 10))
        if number % 100 == 0:
            log.flush()
            assert sum(path.stat().st_size for _, path in segments(tmp_path)) <= 40 * size
    log.close()
    assert len(segments(tmp_path)) <= 5
    assert len(DecisionReader(tmp_path).newest(1000)) >= 30


def test_a_folder_that_cannot_be_written_is_said_at_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DependencyUnavailable, match="cannot be written"):
        DecisionLog(tmp_path / "file" / "decisions")


def test_a_folder_that_is_not_there_reads_as_empty(tmp_path):
    assert DecisionReader(Path(tmp_path / "nowhere")).newest() == []


def test_a_disk_that_refuses_costs_records_and_not_the_process(tmp_path):
    folder = tmp_path / "decisions"
    log = DecisionLog(folder, segment_bytes=1)
    segment_path(folder, 1).unlink()
    folder.rmdir()
    log.append(decision(1))
    log.flush()
    assert log.dropped_count == 1
    folder.mkdir()
    log.append(decision(2))
    log.close()
    assert [record.decision_id for record in log.newest()] == ["d2"]


def test_the_full_input_comes_back(log):
    credits = Credits(np.array([3], dtype=np.int32), np.ones((1, 13), dtype=np.float32))
    states = np.arange(6, dtype=np.float32).reshape(2, 3)
    full = FullInput(("a", "b"), ("x", "y", "z"), states, credits, np.array([0.5, 0.25], dtype=np.float32))
    record = DecisionRecord("d1", 1.0, Pod("u"), full_input=full)
    log.append(record)
    log.flush()
    (back,) = log.newest()
    assert back.full_input is not None
    np.testing.assert_array_equal(back.full_input.after_states, states)
    np.testing.assert_array_equal(back.full_input.credits.values, credits.values)
    assert back.full_input.columns == ("x", "y", "z")
    message = decision_to_proto(record)
    message.full_input.after_states = b"\0"
    assert decision_from_proto(message).full_input is None


def test_a_record_as_json_has_words_for_enums_and_null_for_unknown():
    record = DecisionRecord(
        "d1", 1.0, Pod("u"), ExpectedUse(0, 1, 0, 1, UseSource.REQUEST), 60, Rung.LOAD, top=(NodeReason("a", 3),)
    )
    plain = json.loads(json.dumps(decision_to_json(record), allow_nan=False))
    assert plain["rung"] == "load"
    assert plain["expected_use"]["source"] == "request"
    assert plain["top"][0]["risk"] is None
    assert plain["pod"]["uid"] == "u"
    assert math.isnan(record.top[0].risk)
