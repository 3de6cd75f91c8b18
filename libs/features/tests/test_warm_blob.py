"""The warm blob: without pickle, and refused with a reason when it is not one."""

import io
import json

import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.engine import FeatureEngine
from hydatis_features.usage import METRICS

START = 1_699_999_800


def _engine(ticks=20):
    engine = FeatureEngine(
        [Node("a", Resources(4.0, 16e9)), Node("g", Resources(8.0, 16e9), 5, (GpuDevice(0, "T4"),))], 60, 5.0, 600.0
    )
    engine.bind(Pod("u", "name", "ns", "w", Resources(1.1, 4e9), Resources(2.0, 8e9), 7), "a", START - 10.0)
    engine.bind(Pod("v", requests=Resources(1.0, 1e9, 1, 300)), "g", START - 5.5)
    engine.bind(Pod("gone"), "a", START - 5.0)
    engine.end("gone", START - 4.0)
    for i in range(ticks):
        usage = np.full((2, len(METRICS)), 0.5 + i, dtype=np.float32)
        engine.tick(START + 60 * i, START + 60.0 * i, usage, ["u"], np.array([[0.3, 1e9]], dtype=np.float32))
    return engine


def _metadata(blob):
    return json.loads(blob["metadata"].tobytes())


def _with_metadata(blob, document):
    return blob | {"metadata": np.frombuffer(json.dumps(document).encode(), dtype=np.uint8)}


def test_it_goes_through_a_file_without_pickle():
    engine = _engine()
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **engine.snapshot())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        again = FeatureEngine.restore(dict(arrays))
    assert again.generation == engine.generation
    assert again.nodes == engine.nodes
    assert again.state.bound_pods() == engine.state.bound_pods()
    assert again.state.gpus.devices() == engine.state.gpus.devices()
    assert again.profiles.everything().cold_starts == engine.profiles.everything().cold_starts
    book, pod = engine.profiles, engine.state.bound_pods()[0].pod
    assert again.profiles.expect(pod, START + 1200.0) == book.expect(pod, START + 1200.0)
    assert again.profiles.everything().profiles[0].effective_use_ratio == book.everything().profiles[0].effective_use_ratio
    assert (again.tick_seconds, again.scrape_delay_seconds, again.metric_window_seconds) == (60, 5.0, 600.0)


def test_what_happens_later_does_not_show_in_it():
    engine = _engine()
    blob = engine.snapshot()
    before = {name: array.tobytes() for name, array in blob.items()}
    engine.end("u", START + 2000.0)
    engine.tick(START + 2400, START + 2400.0, np.ones((2, len(METRICS)), dtype=np.float32), [], np.zeros((0, 2), dtype=np.float32))
    assert {name: array.tobytes() for name, array in blob.items()} == before


def test_a_blob_from_before_the_first_tick_is_one():
    again = FeatureEngine.restore(FeatureEngine([], 60, 0.0).snapshot())
    assert (again.generation, again.nodes, again.table) == (0, (), None)


def test_a_missing_array_is_refused_whichever_it_is():
    blob = _engine(3).snapshot()
    for name in blob:
        with pytest.raises(ArtifactRefused):
            FeatureEngine.restore({key: array for key, array in blob.items() if key != name})


def test_an_array_of_another_shape_is_refused():
    blob = _engine().snapshot()
    for name in (
        "engine.first_seen_seconds",
        "windows.fine_values",
        "windows.newest_seconds",
        "profiles.workloads.counts",
        "profiles.profile_laws",
    ):
        with pytest.raises(ArtifactRefused):
            FeatureEngine.restore(blob | {name: blob[name][..., :-1]})


def test_other_formats_metrics_and_texts_are_refused_with_the_reason():
    blob = _engine(3).snapshot()
    with pytest.raises(ArtifactRefused, match="format 99"):
        FeatureEngine.restore(_with_metadata(blob, _metadata(blob) | {"format": 99}))
    with pytest.raises(ArtifactRefused, match=r"format 2 .*expected format 3"):  # from before GPU demand was kept
        FeatureEngine.restore(_with_metadata(blob, _metadata(blob) | {"format": 2}))
    with pytest.raises(ArtifactRefused, match="cpu_only"):
        FeatureEngine.restore(_with_metadata(blob, _metadata(blob) | {"metrics": ["cpu_only"]}))
    with pytest.raises(ArtifactRefused, match="cannot be read"):
        FeatureEngine.restore(blob | {"metadata": np.frombuffer(b"{not json", dtype=np.uint8)})
    document = _metadata(blob)
    document["state"]["pods"][0][3][2] = 12345
    with pytest.raises(ArtifactRefused, match="slots"):
        FeatureEngine.restore(_with_metadata(blob, document))
