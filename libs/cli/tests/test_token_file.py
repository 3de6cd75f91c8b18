"""The token of admin calls comes from a file, goes with questions alone, and is never said back."""

import http.server
import threading

import pytest
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.options import read_token
from hydatis_core.errors import HydatisError, InvalidValue


def test_a_token_is_the_line_in_the_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("eyJ.a-b_c\n")
    assert (read_token(file), read_token(None)) == ("eyJ.a-b_c", "")


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff\xfe", "tök".encode()])
def test_what_is_no_token_is_refused_and_not_shown(tmp_path, content):
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(InvalidValue) as refused:
        read_token(file)
    assert "two" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidValue, match="nowhere"):
        read_token(tmp_path / "nowhere")


def test_the_token_goes_with_questions_and_not_with_pods():
    seen = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.command, self.headers.get("Authorization")))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(403 if self.command == "GET" else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET

        def log_message(self, *args):
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = ExtenderClient(f"http://127.0.0.1:{server.server_port}", timeout_seconds=10, token="s3cr3t-word")
        with pytest.raises(HydatisError) as refused:
            client.get_json("/decisions", timeout_seconds=10)
        client.post("filter", b"{}")
        client.close()
        server.shutdown()
    assert seen == [("GET", "Bearer s3cr3t-word"), ("POST", None)]
    assert "s3cr3t" not in str(refused.value)
