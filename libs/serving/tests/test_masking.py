"""What is taken for a secret, and what is left readable."""

import io
import json
import logging

import pytest
from hydatis_serving.logs import get_logger, setup_logs
from hydatis_serving.masking import mask
from hydatis_serving.settings import ServiceSettings, load_settings, shown_settings
from pydantic import Field


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:word@redis:6379/0 is gone", "redis://***@redis:6379/0 is gone"),
        ("redis://:p@ss/w?rd@redis:6379/0", "redis://***@redis:6379/0"),
        ("https://user:word@prometheus/api", "https://***@prometheus/api"),
        ("lookup failed for user:word@127.0.0.1:1: no such name", "lookup failed for ***@127.0.0.1:1: no such name"),
        ("Authorization: Bearer eyJhbGciOi.J9.x-y_z", "Authorization: Bearer ***"),
        ("Authorization: Basic dXNlcjp3b3Jk", "Authorization: Basic ***"),
        ("http://host/x?token=abc&other=1", "http://host/x?token=***&other=1"),
        ("password=word, user=me", "password=***, user=me"),
        ("http://prometheus:9090 did not answer", "http://prometheus:9090 did not answer"),
        ("the bearer may not", "the bearer may not"),
        ("pods@node", "pods@node"),
    ],
)
def test_secrets_are_masked_and_the_rest_is_left(text, shown):
    assert mask(text) == shown


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_leaves_by_the_logs_whoever_writes_it_there(form):
    stream = io.StringIO()
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        setup_logs("x", log_format=form, stream=stream)
        log = get_logger("ours")
        log.info("connecting to redis://:CANARY@redis", settings={"url": ["http://u:CANARY@x"]}, header="Bearer CANARYCANARY")
        logging.getLogger("theirs").warning("asked %s", "https://u:CANARY@host/path")
        try:
            raise OSError("cannot reach https://u:CANARY@host")
        except OSError:
            log.exception("it failed")
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
    said = stream.getvalue()
    assert "CANARY" not in said
    assert "***@redis" in said
    assert "cannot reach https://***@host" in said
    if form == "json":
        assert [json.loads(line)["service.name"] for line in said.splitlines()] == ["x"] * 3


class Settings(ServiceSettings):
    """Settings with an address."""

    url: str = ""
    """An address."""
    count: int = Field(default=1, ge=1)
    """A number."""


def test_settings_are_shown_without_secrets():
    assert shown_settings(Settings(url="redis://:CANARY@redis:6379"))["url"] == "redis://***@redis:6379"


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["--count", "redis://:CANARY@redis"],
        ["--unknown=redis://:CANARY@redis"],
        ["redis://:CANARY@redis"],
        ["--log-level", "redis://:CANARY@redis"],
    ],
)
def test_no_secret_is_said_back_to_who_gave_it(argv, monkeypatch, capsys):
    monkeypatch.setenv("HYDATIS_URL", "redis://:CANARY@redis")
    with pytest.raises(SystemExit):
        load_settings(Settings, argv)
    said = "".join(capsys.readouterr())
    assert said
    assert "CANARY" not in said
