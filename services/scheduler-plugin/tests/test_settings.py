"""The settings explain themselves."""

from __future__ import annotations

import pytest
from hydatis_scheduler_plugin.settings import SchedulerPluginSettings
from hydatis_serving.settings import load_settings


def test_every_setting_is_explained_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        load_settings(SchedulerPluginSettings, ["--help"], program="plugin")
    text = capsys.readouterr().out
    assert done.value.code == 0
    for name, field in SchedulerPluginSettings.model_fields.items():
        assert f"HYDATIS_SCHEDULER_PLUGIN_{name.upper()}" in text
        assert field.description


def test_gpu_resources_are_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDATIS_SCHEDULER_PLUGIN_GPU_RESOURCES", '{"example.com/gpu": "devices"}')
    assert load_settings(SchedulerPluginSettings, []).gpu_resources == {"example.com/gpu": "devices"}
    with pytest.raises(SystemExit):
        load_settings(SchedulerPluginSettings, ["--gpu-resources", '{"example.com/gpu": "halves"}'])
