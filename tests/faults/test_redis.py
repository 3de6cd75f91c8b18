"""Redis gone: it only keeps what a restart would begin with, so neither ticks nor decisions may notice."""

import signal
import socket
import subprocess
import time

import pytest


class Redis:
    """A redis-server on a loopback port that keeps nothing on disk.

    The port must not be one that the kernel gives to outgoing connections: a client that tries to reach a dead Redis could take it.
    """

    def __init__(self, program, folder, port):
        self._program, self._folder, self.port = program, folder, port
        self.process = None

    def start(self):
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self, number=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(10)
            self.process = None


@pytest.fixture
def redis(redis_server_path, tmp_path, stack):
    server = Redis(redis_server_path, tmp_path, stack.base_port + 379)
    server.start()
    yield server
    server.end()


def test_redis_killed_in_a_replay_costs_a_count_and_nothing_else(faults, chaos, redis):
    chaos.until(redis.answers, "redis answers")
    seen = {}

    def writes(outcome):
        return faults.count("feature-service", "hydatis_warm_writes_total", outcome=outcome)

    def kill():
        chaos.until(lambda: writes("written") > 0, "the state is kept in redis")
        seen["before"] = faults.metrics("scheduler-plugin")
        redis.end(signal.SIGKILL)

    def recover():
        chaos.until(lambda: writes("failed") > 0, "the outage is counted")
        redis.start()
        chaos.until(redis.answers, "redis answers again")
        seen["answers"], written = time.monotonic(), writes("written")
        chaos.until(lambda: writes("written") > written, "the state is kept again")
        seen["kept"] = time.monotonic()

    settings = {"WARM_STORE": f"redis://127.0.0.1:{redis.port}/0", "WARM_LEAST_GAP_SECONDS": "0.2"}
    with faults.replaced("feature-service", settings):
        replayed = faults.replay({50: kill, 90: recover})
        decided = chaos.rungs(chaos.differences(seen["before"], faults.metrics("scheduler-plugin")))
        faults.note("kill -9 redis", outage="none", recovery_seconds=round(seen["kept"] - seen["answers"], 2))
        assert replayed.undecided == ()
        assert replayed.unanswered_count == 0
        assert chaos.only(decided)
