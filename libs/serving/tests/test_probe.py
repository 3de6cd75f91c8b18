"""The health check of the images, against real servers on loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hydatis_serving.probe import main, probe


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/200")
        else:
            self.send_response(int(self.path.strip("/").partition("?")[0]))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """Answers /<status> with that status."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/readyz"


def test_an_url_that_answers_200_is_well(server: str) -> None:
    assert probe(f"{server}/200?verbose", 5) == ""


@pytest.mark.parametrize("status", [204, 404, 500, 503])
def test_any_other_answer_is_named(server: str, status: int) -> None:
    assert probe(f"{server}/{status}", 5) == f"{server}/{status} answers {status}, not 200"


def test_a_redirect_is_not_followed(server: str) -> None:
    assert probe(f"{server}/moved", 5).endswith("answers 302, not 200")


def test_a_server_that_says_nothing_is_given_up_on(silent: str) -> None:
    assert probe(silent, 0.05) == f"{silent} did not answer within 0.05 s"


def test_nobody_there_is_said(silent: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    assert probe(url, 5).startswith(f"{url} does not answer: ")


@pytest.mark.parametrize("url", ["", "readyz", "https://127.0.0.1/", "http://", "http://127.0.0.1:port/", "file:///etc/passwd"])
def test_what_is_no_url_is_said(url: str) -> None:
    assert probe(url, 5) == f"{url!r} is not an URL that can be probed: expected http://HOST:PORT/PATH"


def test_the_command_says_it_by_its_exit_code_and_one_sentence(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"{server}/200"]) == 0
    assert capsys.readouterr().err == ""
    assert main([f"{server}/503", "--timeout-seconds", "5"]) == 1
    assert capsys.readouterr().err == f"{server}/503 answers 503, not 200\n"


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_that_is_none_is_refused(seconds: str) -> None:
    with pytest.raises(SystemExit) as wrong:
        main(["http://127.0.0.1/", "--timeout-seconds", seconds])
    assert wrong.value.code == 2


def test_the_module_loads_nothing_but_the_standard_library(server: str) -> None:
    code = "import sys, hydatis_serving.probe; print(sorted({'grpc', 'numpy', 'pydantic', 'opentelemetry'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
