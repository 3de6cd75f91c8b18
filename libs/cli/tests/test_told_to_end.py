"""A command that is told to end takes with it what it started."""

import os
import signal
import subprocess
import sys
import time

import psutil


def test_a_training_that_is_told_to_end_leaves_neither_processes_nor_scratch_files(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    arguments = [
        sys.executable,
        "-m",
        "hydatis_cli.main",
        "train",
        "--effort",
        "full",
        "--days",
        "1",
        "--state",
        str(tmp_path / "state"),
    ]
    with subprocess.Popen(arguments, env=os.environ | {"TMPDIR": str(scratch)}, stderr=subprocess.DEVNULL) as training:
        deadline = time.monotonic() + 60
        while not (steps := psutil.Process(training.pid).children()):
            assert training.poll() is None
            assert time.monotonic() < deadline, "no step was started"
            time.sleep(0.05)
        assert list(scratch.iterdir())
        training.send_signal(signal.SIGTERM)
    assert training.returncode == 128 + signal.SIGTERM
    assert psutil.wait_procs(steps, timeout=30)[1] == []
    assert list(scratch.iterdir()) == []
    assert list((tmp_path / "state" / "models").iterdir()) == []
