"""`rediss://`: a server that is not who it says is refused, and so is one without TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.servers import TlsServer

from smsfleet.config.errors import StoreUnavailable
from smsfleet.store.checkup import ping
from smsfleet.store.client import AsyncStore, Store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    TlsServer.skip_unless_possible()
    started = TlsServer(tmp_path_factory.mktemp("tls"))
    started.start()
    yield started
    started.stop()


async def test_both_clients_speak_tls_with_an_authority_of_ones_own(server: TlsServer) -> None:
    store, async_store = Store.connect(server.url), AsyncStore.connect(server.url)

    assert store.run(ping())
    assert await async_store.run(ping())
    store.close()
    await async_store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("rediss://:pw-secret@127.0.0.1:{port}/0", "CERTIFICATE_VERIFY_FAILED"),
        ("rediss://:pw-secret@localhost:{port}/0?ssl_ca_certs={ca}", "VERIFY_FAILED"),
        ("redis://:pw-secret@127.0.0.1:{port}/0", ""),
    ],
    ids=["unknown authority", "another name", "no TLS"],
)
def test_a_server_that_cannot_prove_its_name_is_refused(server: TlsServer, url: str, said: str) -> None:
    store = Store.connect(url.format(port=server.port, ca=Path(server.folder) / "ca.pem"))

    with pytest.raises(StoreUnavailable) as caught:
        store.run(ping())
    store.close()

    assert said in str(caught.value)
    assert "pw-secret" not in str(caught.value)
