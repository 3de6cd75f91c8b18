"""The warm store in a real Redis that takes TLS alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_feature_service.warm_store import warm_store_from_url
from hydatis_serving.testing_authority import TestAuthority
from hydatis_serving.tls_files import TlsFiles

AUTHORITY = TestAuthority()


@pytest.fixture
def redis_over_tls(tmp_path: Path) -> Iterator[Callable[[TlsFiles], str]]:
    """Starts one with a certificate; returns its URL."""
    binary = shutil.which("redis-server")
    if binary is None:
        missing = "redis-server is not installed (Debian package redis-server)"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    started: list[subprocess.Popen[str]] = []

    def start(files: TlsFiles) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = {
            "port": 0,
            "tls-port": port,
            "tls-cert-file": files.certificate,
            "tls-key-file": files.key,
            "tls-ca-cert-file": files.authorities,
            "tls-auth-clients": "no",
            "bind": "127.0.0.1",
            "save": "",
            "dir": tmp_path,
        }
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        started.append(subprocess.Popen([binary, *arguments], stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout is not None
        assert any("Ready to accept connections" in line for line in started[-1].stdout)
        return f"rediss://127.0.0.1:{port}/0"

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=5)


async def test_a_redis_over_tls_keeps_the_blob_and_must_be_who_it_is(
    redis_over_tls: Callable[[TlsFiles], str], tmp_path: Path
) -> None:
    files = AUTHORITY.issue(tmp_path / "redis")
    url = redis_over_tls(files)
    store = warm_store_from_url(url, 2.0, str(files.authorities))
    await store.save(b"state")
    assert await store.load() == b"state"
    await store.close()
    other = TestAuthority("another").issue(tmp_path / "other")
    for ca_file in (str(other.authorities), ""):  # another authority; the system's
        unbelieved = warm_store_from_url(url, 2.0, ca_file)
        with pytest.raises(DependencyUnavailable, match="certificate verify failed"):
            await unbelieved.load()
        await unbelieved.close()


async def test_a_redis_with_another_hosts_certificate_is_not_believed(
    redis_over_tls: Callable[[TlsFiles], str], tmp_path: Path
) -> None:
    files = AUTHORITY.issue(tmp_path / "redis", "somewhere.else")
    store = warm_store_from_url(redis_over_tls(files), 2.0, str(files.authorities))
    with pytest.raises(DependencyUnavailable, match="certificate verify failed"):
        await store.load()
    await store.close()


@pytest.mark.parametrize(("url", "says"), [("redis://h:1/0", "warm_store is redis"), ("rediss://h:1/0", "is not there")])
def test_an_authority_that_would_do_nothing_is_refused(url: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=f"^warm_ca_file: .*{says}"):
        warm_store_from_url(url, 1.0, str(tmp_path / "ca.crt"))
