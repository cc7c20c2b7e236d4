"""The bind over TLS, with a certificate authority of our own: what is trusted, and what costs no login."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.binder.support import SHORT, Account, Binders, RunningBinder, times_accepted
from tests.integration.waiting import eventually, remains

from smsfleet.binder.service import State
from smsfleet.binder.sockets import tls_context
from smsfleet.simulator.server import Simulator
from smsfleet.store.ledger import Ledger

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command makes the certificates"),
]


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Authority:
        folder.mkdir()
        openssl(folder, "req", "-x509", *NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
                "-subj", "/CN=smsfleet test authority", "-addext", "basicConstraints=critical,CA:TRUE")  # fmt: skip
        return cls(folder)

    @property
    def certificate(self) -> str:
        return str(self.folder / "ca.pem")

    def server(self, name: str) -> ssl.SSLContext:
        """The context of a server whose certificate is for this name."""
        (self.folder / "names").write_text(f"subjectAltName=DNS:{name}\n")
        openssl(self.folder, "req", *NEW_KEY, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=x")
        openssl(self.folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem")  # fmt: skip
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls") / "authority")


@asynccontextmanager
async def terminator(target: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A TLS port in front of a plain one; gives its number."""
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        with contextlib.suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
            await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while octets := await reader.read(65_536):
            writer.write(octets)
            await writer.drain()
    finally:
        writer.close()


Start = Callable[..., RunningBinder]


@pytest.fixture
def start(account: Account, binders: Binders, authority: Authority) -> Start:
    """Starts a binder that trusts the authority and looks for the gateway at `localhost`."""

    def starts(port: int, *, ca_file: str = authority.certificate, server_name: str = "") -> RunningBinder:
        return binders.start(
            account, port, host="localhost", tls=tls_context(ca_file), server_name=server_name
        )

    return starts


def why(binder: RunningBinder) -> str:
    return binder.binder._report._worst().last_disconnect


async def is_refused_without_a_login(
    binder: RunningBinder, account: Account, simulator: Simulator, said: str
) -> None:
    await eventually(lambda: said in why(binder))
    await eventually(lambda: binder.state is State.WAITING)
    await remains(lambda: simulator.journal.counts["bind"] == 0, for_s=0.3)  # three reconnect delays
    await binder.stop()
    assert account.store.run(Ledger(account.keys).read()).logins == ()


async def test_a_gateway_with_the_right_certificate_is_bound(
    account: Account, simulator: Simulator, authority: Authority, start: Start
) -> None:
    async with terminator(simulator.port, authority.server("localhost")) as port:
        binder = start(port)
        message = account.send()

        await eventually(lambda: times_accepted(simulator, message) == 1)

        await binder.stop()
    assert (simulator.journal.counts["bind"], simulator.journal.counts["unbind"]) == (1, 1)


async def test_a_certificate_for_another_name_is_refused(
    account: Account, simulator: Simulator, authority: Authority, start: Start
) -> None:
    async with terminator(simulator.port, authority.server("other.example")) as port:
        binder = start(port)

        await is_refused_without_a_login(binder, account, simulator, "Hostname mismatch")

    assert "SMSFLEET_SMPP_TLS_SERVER_NAME" in why(binder)


async def test_the_name_in_the_certificate_may_be_given(
    simulator: Simulator, authority: Authority, start: Start
) -> None:
    async with terminator(simulator.port, authority.server("other.example")) as port:
        binder = start(port, server_name="other.example")

        await eventually(lambda: binder.state is State.BOUND)

        await binder.stop()


async def test_an_unknown_authority_is_refused(
    account: Account, simulator: Simulator, authority: Authority, start: Start, tmp_path: Path
) -> None:
    stranger = Authority.make(tmp_path / "stranger")
    async with terminator(simulator.port, stranger.server("localhost")) as port:
        binder = start(port)

        await is_refused_without_a_login(binder, account, simulator, "is refused by us")

    assert "SMSFLEET_SMPP_TLS_CA_FILE" in why(binder)


async def test_the_systems_authorities_do_not_know_ours(
    account: Account, simulator: Simulator, authority: Authority, start: Start
) -> None:
    async with terminator(simulator.port, authority.server("localhost")) as port:
        binder = start(port, ca_file="")

        await is_refused_without_a_login(binder, account, simulator, "is refused by us")


async def test_a_gateway_without_tls_costs_no_login(
    account: Account, simulator: Simulator, start: Start
) -> None:
    binder = start(simulator.port)

    # The simulator reads a ClientHello as a PDU of an impossible length, answers and closes.
    await is_refused_without_a_login(binder, account, simulator, "is it a TLS port?")


async def test_a_gateway_that_never_answers_the_handshake_costs_no_login(
    account: Account, simulator: Simulator, binders: Binders, authority: Authority
) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    timing = SHORT.model_copy(update={"connect_timeout_s": 0.2})
    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    binder = binders.start(
        account, port, host="localhost", tls=tls_context(authority.certificate), timing=timing
    )

    await is_refused_without_a_login(binder, account, simulator, "TimeoutError")

    server.close()
