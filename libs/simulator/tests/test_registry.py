from __future__ import annotations

import pytest
from hydatis_core.errors import InvalidValue, TraceRefused
from hydatis_simulator.traces.registry import TRACES, read_trace


def test_an_unknown_trace_is_refused_with_the_known_names(tmp_path):
    with pytest.raises(TraceRefused, match="bitbrains, planetlab, alibaba_2018, openb"):
        read_trace("borg", tmp_path, seed=1)


@pytest.mark.parametrize("name", list(TRACES))
def test_a_folder_that_is_missing_or_a_file_is_refused(tmp_path, name):
    with pytest.raises(TraceRefused, match="does not exist"):
        read_trace(name, tmp_path / "nowhere", seed=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(TraceRefused, match="is not a folder"):
        read_trace(name, tmp_path / "file", seed=1)


@pytest.mark.parametrize("wrong", [{"start_day": -1}, {"days": 0}, {"machine_share": (0.5, 0.5)}, {"pod_count": 0}])
def test_options_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(InvalidValue):
        read_trace("bitbrains", tmp_path, seed=1, **wrong)
