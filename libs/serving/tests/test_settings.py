"""Settings from the command line, the environment and defaults, and what --help says of them."""

import pytest
from hydatis_serving.settings import ServiceSettings, help_text, load_settings, shown_settings
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict


class OvenSettings(ServiceSettings):
    """Bakes bread.

    A paragraph that --help leaves out.
    """

    model_config = SettingsConfigDict(env_prefix="HYDATIS_OVEN_")
    grpc_port: int = 7999
    """Port of the oven."""
    heat_seconds: float = 30.0
    """How long it heats,
    in wall clock."""
    loaves: dict[str, int] = Field(default_factory=dict)
    """Loaves by kind."""
    door_key: SecretStr = SecretStr("")
    """Opens the door."""


def test_the_command_line_wins_over_the_environment_and_that_over_the_default(monkeypatch):
    monkeypatch.setenv("HYDATIS_OVEN_HEAT_SECONDS", "40")
    monkeypatch.setenv("HYDATIS_OVEN_HOST", "0.0.0.0")
    settings = load_settings(OvenSettings, ["--heat-seconds", "50", "--loaves", '{"rye": 2}'])
    assert (settings.heat_seconds, settings.host, settings.grpc_port, settings.loaves) == (50.0, "0.0.0.0", 7999, {"rye": 2})


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        load_settings(OvenSettings, []).heat_seconds = 1.0


def test_help_says_every_setting_with_its_option_variable_default_and_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        load_settings(OvenSettings, ["--help"], program="python -m hydatis_oven")
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m hydatis_oven")
    assert "Bakes bread." in text
    assert "--heat-seconds   [HYDATIS_OVEN_HEAT_SECONDS]   (default: 30.0)\n      How long it heats, in wall clock." in text
    for name in OvenSettings.model_fields:
        assert f"[HYDATIS_OVEN_{name.upper()}]" in text
    assert all(field.description for field in OvenSettings.model_fields.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--grpc-port", "bread"], "setting grpc_port (HYDATIS_OVEN_GRPC_PORT): Input should be a valid integer"),
        (["--trace-sample-ratio", "2"], "setting trace_sample_ratio (HYDATIS_OVEN_TRACE_SAMPLE_RATIO)"),
        (["--loaves", "{rye"], "setting loaves (HYDATIS_OVEN_LOAVES)"),
        (["--bread", "1"], "unrecognized arguments: --bread"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_code_2(capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        load_settings(OvenSettings, arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_wrong_environment_is_one_sentence_too(capsys, monkeypatch):
    monkeypatch.setenv("HYDATIS_OVEN_LOAVES", "{rye")
    with pytest.raises(SystemExit) as ended:
        load_settings(OvenSettings, [])
    assert ended.value.code == 2
    assert "loaves" in capsys.readouterr().err


def test_secrets_are_never_shown(monkeypatch):
    monkeypatch.setenv("HYDATIS_OVEN_DOOR_KEY", "sesame")
    settings = load_settings(OvenSettings, [])
    assert settings.door_key.get_secret_value() == "sesame"
    assert "sesame" not in f"{shown_settings(settings)} {settings!r} {help_text(OvenSettings, 'x')}"
