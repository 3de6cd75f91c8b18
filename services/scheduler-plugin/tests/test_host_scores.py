"""The answer to /prioritize as bytes: what kube-scheduler reads must be what was scored."""

import json

import numpy as np
from hydatis_scheduler_plugin.host_scores import HostScores

NAMES = ("a", "node-with-a-much-longer-name.example", 'quote"d', "ünïcode")


def test_every_name_and_score_reads_back_as_json() -> None:
    rows = np.array([*range(4)] * 11, dtype=np.int32)
    scores = np.repeat(np.arange(11), 4)
    read = json.loads(HostScores(NAMES).body(rows, scores))
    assert read == [{"Host": NAMES[row], "Score": score} for row, score in zip(rows.tolist(), scores.tolist(), strict=True)]


def test_no_candidates_are_an_empty_list() -> None:
    assert HostScores(NAMES).body(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)) == b"[]"
    assert HostScores(()).body(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)) == b"[]"
