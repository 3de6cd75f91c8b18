"""The health check of the images: does an URL answer 200?

A slim image holds no curl and no wget, but it holds Python. So the check is a module of the library that every service has, built
on the standard library alone, because it is started every few seconds.

    python -m hydatis_serving.probe http://127.0.0.1:7110/readyz [--timeout-seconds 2]
"""

from __future__ import annotations

import argparse
import http.client
import math
import sys
import urllib.parse
from collections.abc import Sequence

__all__ = ["DEFAULT_TIMEOUT_SECONDS", "main", "probe"]

DEFAULT_TIMEOUT_SECONDS = 2.0


def probe(url: str, timeout_seconds: float) -> str:
    """What is wrong with an URL, in one sentence; empty: it answers 200.

    Args:
        url: ``http://HOST:PORT/PATH``.
        timeout_seconds: how long connecting, and each wait for the answer, may take, > 0.
    """
    parts = urllib.parse.urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme != "http" or not host:
        return f"{url!r} is not an URL that can be probed: expected http://HOST:PORT/PATH"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # no proxy and no redirect: a health check asks this very process
    connection = http.client.HTTPConnection(host, port or 80, timeout=timeout_seconds)
    try:
        connection.request("GET", target, headers={"Connection": "close"})
        status = connection.getresponse().status
    except TimeoutError:
        return f"{url} did not answer within {timeout_seconds:g} s"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{url} does not answer: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return "" if status == 200 else f"{url} answers {status}, not 200"


def main(arguments: Sequence[str] | None = None) -> int:
    """Probes the URL of the command line.

    Returns:
        0: it answers 200; 1: it does not, and standard error says why in one sentence.
    """
    parser = argparse.ArgumentParser(prog="python -m hydatis_serving.probe", description="Exits 0 when an URL answers 200, else 1.")
    parser.add_argument("url", help="http://HOST:PORT/PATH")
    parser.add_argument("--timeout-seconds", type=_seconds, default=DEFAULT_TIMEOUT_SECONDS, help="how long to wait (default: 2)")
    asked = parser.parse_args(arguments)
    wrong = probe(asked.url, asked.timeout_seconds)
    if wrong:
        sys.stderr.write(wrong + "\n")
    return 1 if wrong else 0


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError("expected seconds > 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
