"""A capture on disk: days are kept, another question is refused, pods that are gone end in the rows of their replicas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydatis_assessment.capture.captured_day import CapturedDay
from hydatis_assessment.capture.cluster_capture import open_capture
from hydatis_assessment.capture.cluster_objects import ClusterNow
from hydatis_assessment.capture.folder import CaptureFolder
from hydatis_assessment.capture.question import question
from hydatis_assessment.capture.whole_capture import assemble
from hydatis_assessment.cluster_use import CPU, ContainerRow
from hydatis_core.errors import ArtifactRefused, InvalidValue, TooMany
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_sizing.recommendation import Amounts, ContainerName

DAYS, GIB = 3, 2.0**30
ASKED = question("http://user:secret@prometheus:9090/", 1_795_392_123.0, DAYS)
WEB = ContainerName("shop", "Deployment/web", "app")
PODS = ("web-7f9cd8b5c4-x2x5z", "web-5d4c8f7b96-q9wzt", "web-6b8b4567d9-zzzzz")


def day(pod: str, level: float, *, container: str = "app", killed: bool = False) -> CapturedDay:
    use = np.full((2, 1, 288), level, dtype=np.float32)
    use[:, :, 100:112] = np.nan  # an hour in which nobody measured
    kills = np.array([float(killed)])
    return CapturedDay(
        keys=[("shop", pod, container)],
        use=use,
        throttled_ratio=np.array([0.1 * level], dtype=np.float32),
        kills_count=kills.astype(np.float32),
        killed_at_bytes=np.where(kills > 0, 2 * GIB, np.nan),
        nodes={("shop", pod): "node-b"},
    )


def now() -> ClusterNow:
    row = ContainerRow(WEB, PODS[-1], requests=Amounts(2.0, GIB), hpa_resources=frozenset({"cpu"}), right_size="on")
    nodes = tuple(Node(name, Resources(8.0, 32 * GIB)) for name in ("node-a", "node-b"))
    return ClusterNow(nodes, {("shop", PODS[-1]): (row,)}, {("shop", PODS[-1]): "node-a"})


def filled(path: Path) -> CaptureFolder:
    folder = CaptureFolder(path)
    folder.begin(ASKED)
    for number, pod in enumerate(PODS):
        folder.put_day(number, day(pod, 1.0 + number, killed=number == 1), {"a store was away"} if number else set())
    return folder


def test_a_rolled_out_workload_is_one_row(tmp_path: Path) -> None:
    use = assemble(filled(tmp_path), ASKED, now())
    (row,) = use.rows
    assert row == now().rows["shop", PODS[-1]][0]
    assert use.days_count == DAYS
    assert [float(use.day(number)[CPU, 0, 0]) for number in range(DAYS)] == [1.0, 2.0, 3.0]
    assert use.node_by_day.tolist() == [[1, 1, 1]]
    np.testing.assert_allclose(use.throttled_ratio, [[0.1, 0.2, 0.3]])
    assert use.kills_count.tolist() == [[0.0, 1.0, 0.0]]
    assert use.killed_at_bytes[0, 1] == 2 * GIB
    assert [gap.end_seconds - gap.start_seconds for gap in use.gaps] == [3600.0] * DAYS
    assert "secret" not in use.source
    assert any("a store was away" in note for note in use.notes)
    again = open_capture(tmp_path)
    np.testing.assert_array_equal(again.use, use.use)
    assert repr(again.rows) == repr(use.rows)
    assert [path.name for path in sorted(tmp_path.glob("day-*"))] == [], "what the whole holds is not kept twice"


def test_what_is_gone_has_the_requests_of_what_runs_but_does_not_run(tmp_path: Path) -> None:
    folder = CaptureFolder(tmp_path)
    folder.begin(ASKED)
    for number in range(DAYS):
        first, second = day("web-7f9cd8b5c4-x2x5z", 1.0), day(PODS[-1], 2.0)
        joined = [np.concatenate([getattr(first, name), getattr(second, name)], axis=int(name == "use")) for name in ARRAYS]
        folder.put_day(number, CapturedDay(first.keys + second.keys, *joined), set())
    use = assemble(folder, ASKED, now())
    assert use.running.tolist() == [True, False]
    assert use.requests[CPU].tolist() == [2.0, 2.0]


ARRAYS = ("use", "throttled_ratio", "kills_count", "killed_at_bytes")


def test_a_kill_at_a_limit_that_nobody_told_is_one_all_the_same(tmp_path: Path) -> None:
    folder = CaptureFolder(tmp_path)
    folder.begin(ASKED)
    for number, pod in enumerate(PODS):
        made = day(pod, 1.0 + number, killed=number == 1)
        made.killed_at_bytes[:] = np.nan
        folder.put_day(number, made, set())
    limited = replace(now().rows["shop", PODS[-1]][0], limits=Amounts(np.nan, 3 * GIB))
    bare = assemble(folder, ASKED, now())
    assert bare.killed_at_bytes[0, 1] == 2.0, "without a limit: what it had"
    assert np.isnan(bare.killed_at_bytes[0, [0, 2]]).all()

    again = CaptureFolder(tmp_path / "limited")
    again.begin(ASKED)
    again.put_day(0, made, set())
    again.put_day(1, replace(made, kills_count=np.ones(1, dtype=np.float32)), set())
    again.put_day(2, made, set())
    use = assemble(again, ASKED, replace(now(), rows={("shop", PODS[-1]): (limited,)}))
    assert use.killed_at_bytes[0, 1] == 3 * GIB


def test_nobody_s_use_is_an_error_and_not_an_empty_report(tmp_path: Path) -> None:
    folder = CaptureFolder(tmp_path)
    folder.begin(ASKED)
    empty = CapturedDay([], np.empty((2, 0, 288), dtype=np.float32), *(np.empty(0, dtype=np.float32) for _ in range(3)))
    for number in range(DAYS):
        folder.put_day(number, empty, set())
    with pytest.raises(InvalidValue, match="knows no container's use in 3 days"):
        assemble(folder, ASKED, now())


def test_a_capture_goes_on_with_what_is_there(tmp_path: Path) -> None:
    folder = CaptureFolder(tmp_path)
    folder.begin(ASKED)
    folder.put_day(1, day(PODS[1], 1.0), set())
    again = CaptureFolder(tmp_path)
    again.begin(ASKED)
    assert [again.has_day(number) for number in range(DAYS)] == [False, True, False]
    assert again.day(1).keys == [("shop", PODS[1], "app")]
    (tmp_path / "day-001.npz").unlink()
    assert not again.has_day(1)
    with pytest.raises(ArtifactRefused, match="no whole capture"):
        open_capture(tmp_path)


def test_what_was_changed_is_refused_by_name(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    (tmp_path / "day-001.npz").write_bytes(b"another day")
    with pytest.raises(ArtifactRefused, match=r"day-001\.npz is gone or was changed"):
        assemble(folder, ASKED, now())


def test_two_do_not_capture_into_one_folder(tmp_path: Path) -> None:
    with CaptureFolder(tmp_path).held(), pytest.raises(TooMany, match="one at a time"), CaptureFolder(tmp_path).held():
        pass


def test_another_question_is_named(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(InvalidValue, match="matchers '' and not 'cluster=\"a\"'"):
        CaptureFolder(tmp_path).begin(question("http://prometheus:9090", 1_795_392_123.0, DAYS, matchers='cluster="a"'))


@pytest.mark.parametrize(
    ("url", "days", "step"),
    [("prometheus:9090", 3, 300), ("http://", 3, 300), ("http://p", 0, 300), ("http://p", 3, 7), ("http://p", 3, 0.5)],
)
def test_a_question_that_cannot_be_meant_is_refused(url: str, days: int, step: float) -> None:
    with pytest.raises(InvalidValue):
        question(url, 1_795_392_123.0, days, step_seconds=step)


@pytest.mark.parametrize("manifest", ["{", '{"format": 99, "question": {"prometheus": "http://p", "start_seconds": 1, "days": 1}}'])
def test_a_folder_of_another_format_is_refused(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ArtifactRefused):
        CaptureFolder(tmp_path)
