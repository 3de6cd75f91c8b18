"""A command finds its certificate by the environment, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.own_certificate import VARIABLE, context_for, folder_of_environment, security_for
from hydatis_cli.stack import Stack
from hydatis_cli.state_folder import StateFolder
from hydatis_core.errors import InvalidValue
from hydatis_serving.testing_authority import TestAuthority


def test_an_address_in_the_clear_needs_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nothing"))
    assert not security_for("http://127.0.0.1:7080").enabled
    assert context_for("http://127.0.0.1:7080") is None


def test_https_without_a_folder_is_refused_by_the_variables_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert folder_of_environment() is None
    with pytest.raises(InvalidValue, match=rf"^{VARIABLE}: not set, and https://127.0.0.1:7080 is https"):
        ExtenderClient("https://127.0.0.1:7080")


def test_a_folder_without_files_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InvalidValue, match=r"tls\.crt cannot be read"):
        security_for("https://127.0.0.1:7080")


def test_every_process_of_a_stack_gets_the_folder(tmp_path: Path) -> None:
    TestAuthority().issue(tmp_path / "tls")
    stack = Stack(StateFolder(tmp_path), tls_folder=tmp_path / "tls")
    assert stack.extender_url.startswith("https://")
    for process in stack.processes():
        told = {key.partition("_TLS_")[2]: value for key, value in process.environment.items() if "_TLS_" in key}
        assert sorted(told) == ["CA_FILE", "CERTIFICATE_FILE", "KEY_FILE"]
        assert all(Path(value).is_file() for value in told.values())
