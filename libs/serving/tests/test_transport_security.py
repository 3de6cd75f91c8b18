"""TLS of a process on real servers and real handshakes: who gets in, who does not, and what happens when files change."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from hydatis.features.v1 import features_pb2_grpc
from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_serving.channels import open_channel
from hydatis_serving.clients import ForecastClient
from hydatis_serving.metrics import new_registry
from hydatis_serving.server import GrpcServer
from hydatis_serving.settings import ServiceSettings
from hydatis_serving.subscriber import TableSubscriber
from hydatis_serving.testing import FakeFeatures, Heard, table_of_use
from hydatis_serving.testing_authority import TestAuthority
from hydatis_serving.tls_files import TlsFiles
from hydatis_serving.transport_security import TransportSecurity, service_security

REQUEST = forecast_pb2.ForecastNodesRequest()
METHOD = "/hydatis.forecast.v1.ForecastService/ForecastNodes"


class Forecaster(forecast_pb2_grpc.ForecastServiceServicer):
    """Answers once it may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = asyncio.Event()
        self.shown: set[bytes] = set()

    async def ForecastNodes(self, request: Any, context: Any) -> Any:
        self.asked.set()
        self.shown.update(context.auth_context().get("x509_pem_cert", ()))
        await self.may_answer.wait()
        return forecast_pb2.ForecastNodesResponse(generation=7)


class Party:
    """A server over TLS, and its files."""

    def __init__(self, files: TlsFiles, **security: Any) -> None:
        self.registry = new_registry()
        self.files = files
        self.security = TransportSecurity(files, registry=self.registry, **security)
        self.forecaster = Forecaster()
        self.features = FakeFeatures()
        self.server = GrpcServer(ServiceSettings(), self.registry, security=self.security)
        self.server.add(lambda s: forecast_pb2_grpc.add_ForecastServiceServicer_to_server(self.forecaster, s), "forecast")
        self.server.add(lambda s: features_pb2_grpc.add_FeatureServiceServicer_to_server(self.features, s), "features")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def certificate(self) -> bytes:
        """What a new handshake is shown (read without showing one: TLS 1.3 refuses only after it)."""
        context = ssl._create_unverified_context()
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=5) as raw, context.wrap_socket(raw) as secure:
            return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True) or b"").encode()

    def gauge(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"hydatis_tls_{name}")


@pytest.fixture
def authority() -> TestAuthority:
    return TestAuthority()


@pytest.fixture
async def party(authority: TestAuthority, tmp_path: Path) -> AsyncIterator[Party]:
    """A server with mutual TLS."""
    running = Party(authority.issue(tmp_path / "server"))
    await running.server.start()
    await running.server.set_ready(True)
    yield running
    await running.server.stop(0)


class Log:
    """What is worse than news."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, event: str, **_: object) -> None:
        """News."""

    def warning(self, event: str, **_: object) -> None:
        self.said.append(event)

    error = warning


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Warnings and errors of the module."""
    log = Log()
    monkeypatch.setattr("hydatis_serving.transport_security._log", log)
    return log.said


async def ask(channel: grpc.aio.Channel) -> int:
    answer: forecast_pb2.ForecastNodesResponse = await forecast_pb2_grpc.ForecastServiceStub(channel).ForecastNodes(
        REQUEST, timeout=5
    )
    return answer.generation


async def test_a_caller_with_a_certificate_of_the_authority_is_answered(
    party: Party, authority: TestAuthority, tmp_path: Path
) -> None:
    caller = TransportSecurity(authority.issue(tmp_path / "caller"), registry=new_registry())

    async with open_channel(party.address, security=caller) as channel:
        assert await ask(channel) == 7


@pytest.mark.parametrize("who", ["without a certificate", "of another authority", "in the clear"])
async def test_whoever_else_calls_is_refused(who: str, party: Party, authority: TestAuthority, tmp_path: Path) -> None:
    stranger = TestAuthority("another").issue(tmp_path / "stranger", authorities=authority.certificate)
    channel = {
        "without a certificate": lambda: grpc.aio.secure_channel(
            party.address, grpc.ssl_channel_credentials(authority.certificate)
        ),
        "of another authority": lambda: open_channel(party.address, security=TransportSecurity(stranger, registry=new_registry())),
        "in the clear": lambda: open_channel(party.address),
    }[who]()

    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(channel)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_server_of_another_name_or_authority_is_not_believed(tmp_path: Path, authority: TestAuthority) -> None:
    caller = TransportSecurity(authority.issue(tmp_path / "caller"), registry=new_registry())
    others = (
        authority.issue(tmp_path / "name", "placement-policy"),
        TestAuthority("another").issue(tmp_path / "other", authorities=authority.certificate),
    )
    for files in others:
        wrong = Party(files)
        await wrong.server.start()
        async with ForecastClient(wrong.address, security=caller) as client:
            with pytest.raises(DependencyUnavailable):
                await client.forecast_nodes(timeout_seconds=5)
        await wrong.server.stop(0)


async def test_callers_need_no_certificate_where_they_are_told_so(tmp_path: Path, authority: TestAuthority) -> None:
    party = Party(authority.issue(tmp_path / "server"), callers_show_certificates=False)
    await party.server.start()

    async with grpc.aio.secure_channel(party.address, grpc.ssl_channel_credentials(authority.certificate)) as channel:
        assert await ask(channel) == 7

    await party.server.stop(0)


async def test_certificates_change_while_calls_and_streams_go_on(party: Party, authority: TestAuthority, tmp_path: Path) -> None:
    caller = TransportSecurity(authority.issue(tmp_path / "caller"), registry=new_registry())
    heard: Heard[Any] = Heard()
    stream = TableSubscriber(party.address, "shim", heard.take, security=caller)
    stream.start()
    party.features.publish(table_of_use(60, [0.1]))
    await heard.of(60)
    channel = open_channel(party.address, security=caller)
    assert await ask(channel) == 7
    done, ending = 0, asyncio.Event()

    async def call_on() -> None:
        nonlocal done
        while not ending.is_set():
            assert await ask(channel) == 7
            done += 1

    calling = [asyncio.create_task(call_on()) for _ in range(4)]
    for _ in range(5):
        before, seen = party.certificate(), done
        authority.issue(party.files.certificate.parent)
        party.security.look()
        authority.issue(tmp_path / "caller")
        caller.look()
        while done < seen + 100:
            await asyncio.wait([asyncio.create_task(asyncio.sleep(0)), *calling], return_when=asyncio.FIRST_COMPLETED)
            assert not any(task.done() for task in calling)
        assert await asyncio.to_thread(party.certificate) != before
    ending.set()
    await asyncio.gather(*calling)
    assert (tmp_path / "caller" / "tls.crt").read_bytes() in party.forecaster.shown
    assert len(party.forecaster.shown) == 6
    party.features.publish(table_of_use(120, [0.2]))
    await heard.of(120)

    assert stream.reconnects_count == 0
    await stream.stop()
    await channel.close()


async def test_a_call_in_flight_ends_on_the_connection_it_has(party: Party, authority: TestAuthority, tmp_path: Path) -> None:
    caller = TransportSecurity(authority.issue(tmp_path / "caller"), registry=new_registry())
    async with open_channel(party.address, security=caller) as channel:
        await ask(channel)
        party.forecaster.may_answer.clear()
        party.forecaster.asked.clear()
        slow = asyncio.create_task(ask(channel))
        await party.forecaster.asked.wait()
        authority.issue(tmp_path / "caller")
        caller.look()
        await asyncio.sleep(0)
        await channel.channel_ready()
        party.forecaster.may_answer.set()

        assert await slow == 7
        assert await ask(channel) == 7


async def test_an_authority_can_be_replaced_and_the_old_one_is_believed_no_more(
    party: Party, authority: TestAuthority, tmp_path: Path
) -> None:
    successor = TestAuthority("successor")
    both = authority.certificate + successor.certificate
    old = TransportSecurity(authority.issue(tmp_path / "old", authorities=both), registry=new_registry())
    authority.issue(party.files.certificate.parent, authorities=both)
    party.security.look()
    new = TransportSecurity(successor.issue(tmp_path / "new", authorities=both), registry=new_registry())
    for caller in (old, new):
        async with open_channel(party.address, security=caller) as channel:
            assert await ask(channel) == 7

    successor.issue(party.files.certificate.parent)
    party.security.look()

    async with open_channel(party.address, security=new) as channel:
        assert await ask(channel) == 7
    async with open_channel(party.address, security=old) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await ask(channel)


async def test_broken_files_change_nothing_but_a_metric_and_one_line(
    party: Party, authority: TestAuthority, tmp_path: Path, said: list[str]
) -> None:
    assert party.gauge("files_good") == 1
    good = party.certificate()
    party.files.certificate.write_text("not a certificate")
    party.security.look()
    party.security.look()

    assert party.certificate() == good
    assert party.gauge("files_good") == 0
    assert said == ["TLS files refused, the last good ones go on"]

    authority.issue(party.files.certificate.parent, good_for=timedelta(hours=3))
    party.security.look()

    assert party.certificate() != good
    assert party.gauge("files_good") == 1
    assert party.gauge("certificate_expires_seconds") == pytest.approx(party.security._wall_clock() + 3 * 3600, abs=60)


async def test_changed_files_are_found_without_being_told(
    authority: TestAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hydatis_serving.transport_security.LOOK_SECONDS", 0.01)
    security = TransportSecurity(authority.issue(tmp_path), registry=new_registry())
    changed = asyncio.Event()
    security.on_change.add(changed.set)
    security.start()
    authority.issue(tmp_path)

    async with asyncio.timeout(5):
        await changed.wait()
    await security.stop()


def settings_of(files: TlsFiles, **others: Any) -> ServiceSettings:
    told = {"tls_certificate_file": files.certificate, "tls_key_file": files.key, "tls_ca_file": files.authorities} | others
    return ServiceSettings(**{name: str(value) for name, value in told.items()})


@pytest.mark.parametrize("name", ["tls_certificate_file", "tls_key_file", "tls_ca_file"])
def test_half_a_set_is_refused_by_the_name_of_what_is_missing(name: str, authority: TestAuthority, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=rf"^{name}: empty, while tls_\w+ is set"):
        service_security(settings_of(authority.issue(tmp_path), **{name: ""}), new_registry())


@pytest.mark.parametrize("name", ["tls_certificate_file", "tls_key_file", "tls_ca_file"])
@pytest.mark.parametrize(("content", "says"), [(None, "cannot be read: No such file"), ("garbage", "can be read")])
def test_a_file_that_is_missing_or_garbage_is_refused_by_name(
    name: str, content: str | None, says: str, authority: TestAuthority, tmp_path: Path
) -> None:
    files = authority.issue(tmp_path)
    settings = settings_of(files)
    path = Path(getattr(settings, name))
    path.unlink() if content is None else path.write_text(content)

    with pytest.raises(InvalidValue, match=rf"^{name}: .*{says}"):
        service_security(settings, new_registry())


def test_a_key_of_another_certificate_is_refused_and_not_shown(authority: TestAuthority, tmp_path: Path) -> None:
    files, other = authority.issue(tmp_path / "a"), authority.issue(tmp_path / "b")
    other.key.replace(files.key)

    with pytest.raises(InvalidValue, match=r"^tls_key_file: .*tls\.key is not the key of .*tls\.crt"):
        service_security(settings_of(files), new_registry())


@pytest.mark.parametrize("good_for", [timedelta(hours=-1), timedelta(seconds=-1)])
def test_a_certificate_whose_time_is_over_is_refused(good_for: timedelta, authority: TestAuthority, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"^tls_certificate_file: .* is good from .* UTC \(expected a certificate that is good"):
        service_security(settings_of(authority.issue(tmp_path, good_for=good_for)), new_registry())


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"host": "0.0.0.0"}, True),  # what a container listens on
        ({"host": "127.0.0.1"}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0", "tls_by_mesh": True}, False),
    ],
)
def test_listening_to_others_in_the_clear_is_warned_of(settings: dict[str, Any], warned: bool, said: list[str]) -> None:
    assert not service_security(ServiceSettings(**settings), new_registry()).enabled
    assert len(said) == warned


def test_files_that_vanish_and_come_back_are_good_again(authority: TestAuthority, tmp_path: Path) -> None:
    files, registry = authority.issue(tmp_path), new_registry()
    security = TransportSecurity(files, registry=registry)
    away = files.key.rename(tmp_path / "away")
    security.look()
    assert registry.get_sample_value("hydatis_tls_files_good") == 0
    away.rename(files.key)
    security.look()
    assert registry.get_sample_value("hydatis_tls_files_good") == 1
