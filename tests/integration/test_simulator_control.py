"""A simulator that is controlled while it runs: by ctl, and by the fixtures for other applications' tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_simulator_process import BIND, MESSAGE
from tests.unit.cli.conftest import Smsfleet, smsfleet  # noqa: F401 - a fixture

from smsfleet.simulator.testing import Gateway, clickatell  # noqa: F401 - a fixture
from smsfleet.smpp.constants import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    DELIVER_SM_RESP,
    GENERIC_NACK,
    QUERY_SM,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
)
from smsfleet.smpp.framing import Frame, Framer
from smsfleet.smpp.message import DeliverSm, SubmitSm
from smsfleet.smpp.pdu import encode_query_sm, frame


class Esme:
    """A bound ESME on a plain socket."""

    def __init__(self, port: int, command: int = BIND_TRANSCEIVER) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._framer = Framer()
        self._frames: list[Frame] = []
        self.socket.sendall(frame(command, 1, BIND))
        assert 0 == self.read().command_status  # a deliver_sm may come with it: it waits in `_frames`

    def read(self) -> Frame:
        while not self._frames:
            octets = self.socket.recv(1 << 16)
            assert octets, "the gateway closed the connection"
            self._frames += self._framer.feed(octets)
        return self._frames.pop(0)

    def answer(self, deliver_sm: Frame, status: int = 0) -> None:
        assert DELIVER_SM == deliver_sm.command_id
        self.socket.sendall(frame(DELIVER_SM_RESP, deliver_sm.sequence_number, b"\0", status))

    def submit(self, number: int = 2, body: bytes = MESSAGE) -> Frame:
        self.socket.sendall(frame(SUBMIT_SM, number, body))
        return self.read()


@pytest.fixture
def esme(clickatell: Gateway) -> Iterator[Esme]:  # noqa: F811
    bound = Esme(clickatell.port)
    yield bound
    bound.socket.close()


# --- the fixture for applications ------------------------------------------------------------------


def test_what_reached_the_gateway_is_seen_as_soon_as_it_is_there(clickatell: Gateway, esme: Esme) -> None:  # noqa: F811
    esme.submit()

    (line,) = clickatell.wait_for("submit_sm")
    assert ("27999100001", b"hello".hex(), 0) == (line["destination"], line["short_message"], line["status"])
    assert "127.0.0.1" == clickatell.environment["SMSFLEET_SMPP_HOST"]
    with pytest.raises(TimeoutError, match="1 of 2 submit_sm"):
        clickatell.wait_for("submit_sm", 2, within_s=0.05)


def test_a_number_is_refused_and_accepted_again(clickatell: Gateway, esme: Esme) -> None:  # noqa: F811
    clickatell.refuse("2799910", "ESME_ROUTERR")
    assert 0x400 == esme.submit().command_status

    clickatell.refuse("2799910", 0)
    assert 0 == esme.submit(3).command_status


def test_a_text_from_a_handset_comes_in_parts(clickatell: Gateway, esme: Esme) -> None:  # noqa: F811
    clickatell.receive("0123456789" * 20, source="27831234567", form="udh8")

    messages = []
    for _ in range(2):
        part = esme.read()
        assert DELIVER_SM == part.command_id
        esme.answer(part)
        messages.append(DeliverSm.decode_body(part.body))
    assert b"0123456789" * 20 == b"".join(message.short_message[6:] for message in messages)
    assert [0, 0] == [line["status"] for line in clickatell.wait_for("deliver_sm_resp", 2)]


def test_receipts_are_held_and_released(clickatell: Gateway, esme: Esme) -> None:  # noqa: F811
    clickatell.do("hold")
    with_receipt = SubmitSm(destination_addr="27999100001", registered_delivery=1).encode_body()
    assert SUBMIT_SM_RESP == esme.submit(body=with_receipt).command_id
    clickatell.wait_for("submit_sm")
    assert 1 == clickatell.do("status")["deliver_sm_held"]

    clickatell.do("release")

    assert DELIVER_SM == esme.read().command_id


def test_a_deliver_sm_that_is_refused_comes_again_and_not_for_ever(clickatell: Gateway, esme: Esme) -> None:  # noqa: F811
    clickatell.change(redelivery_delay_s=0.0, most_attempts=3)
    clickatell.receive("STOP", source="27831234567")

    for _ in range(3):
        esme.answer(esme.read(), 0x64)

    assert [0x64] * 3 == [line["status"] for line in clickatell.wait_for("deliver_sm_resp", 3)]
    assert 1 == clickatell.do("status")["deliver_sm_given_up"]


def test_answers_that_leave_in_single_octets_are_whole(clickatell: Gateway, esme: Esme) -> None:  # noqa: F811
    clickatell.change(split_octets=1, split_pause_s=0.0, receipts=False)

    assert [(SUBMIT_SM_RESP, number) for number in (2, 3)] == [
        (answer.command_id, answer.sequence_number) for answer in (esme.submit(2), esme.submit(3))
    ]


@pytest.mark.parametrize(
    ("how", "command", "status"), [("nacked", GENERIC_NACK, 3), ("answered", 0x80000003, 0x0C)]
)
def test_query_sm_is_answered_or_not_known(
    clickatell: Gateway,  # noqa: F811
    esme: Esme,
    how: str,
    command: int,
    status: int,
) -> None:
    clickatell.change(queries=how)
    esme.socket.sendall(frame(QUERY_SM, 7, encode_query_sm("nobody")))

    answer = esme.read()

    assert (command, 7, status) == (answer.command_id, answer.sequence_number, answer.command_status)


def test_connections_are_dropped_by_a_schedule(clickatell: Gateway, esme: Esme) -> None:  # noqa: F811
    clickatell.change(disconnect_every_s=0.05)

    (line,) = clickatell.wait_for("disconnect")
    assert "disconnected by the simulator's schedule" == line["reason"]
    clickatell.change(disconnect_every_s=0.0)


def test_messages_come_by_a_schedule(clickatell: Gateway, esme: Esme) -> None:  # noqa: F811
    clickatell.change(mo_every_s=0.05)

    texts = [DeliverSm.decode_body(esme.read().body).short_message for _ in range(2)]

    assert [b"message 1", b"message 2"] == texts


# --- ctl -------------------------------------------------------------------------------------------


@pytest.fixture
def controlled(repository: Path, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A simulator process: its port and its control port."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "smsfleet.cli",
            "simulator",
            "--port",
            "0",
            "--control",
            "0",
            "--receipt-delay",
            "0",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repository / ".ns")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    ports = [int(process.stderr.readline().split()[-1]) for _ in range(2)]
    yield ports[0], ports[1]
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=20)
    assert 0 == process.returncode
    assert "accepted" in json.loads(printed)


def test_ctl_changes_a_running_simulator(smsfleet: Smsfleet, controlled: tuple[int, int]) -> None:  # noqa: F811
    port, control = controlled
    esme = Esme(port)

    def ctl(*words: str) -> Any:
        result = smsfleet("simulator", "ctl", *words, "--control", str(control), "--json")
        assert (0, "") == (result.exit_code, result.stderr)
        return json.loads(result.stdout)

    assert {"set": {"error_share": 1.0, "error_status": 0x58}} == ctl(
        "set", "error_share=1", "error_status=0x58"
    )
    assert 0x58 == esme.submit(2).command_status
    ctl("set", "error_share=0")
    assert {"credit_left": 0} == ctl("credit", "0")
    assert 0x401 == esme.submit(3).command_status
    assert {"credit_left": 2} == ctl("credit", "+2")
    ctl("credit", "none")
    assert {"destination": "27999100001", "status": 0x0B} == ctl("refuse", "27999100001", "ESME_RINVDSTADR")
    assert 0x0B == esme.submit(4).command_status
    words = ("--from", "27831234567", "--form", "sar", "--order", "last_to_first", "--encoding", "ucs2")
    assert {"deliveries": [1, 2]} == ctl("mo", "x" * 100, *words)
    assert [33, 67] == [len(DeliverSm.decode_body(esme.read().body).short_message) // 2 for _ in range(2)]
    found = ctl("status")
    assert (0, 3, 1) == (found["accepted"], found["refused"], found["bound"])
    assert "password" not in found["options"]
    assert {"dropped": 1} == ctl("disconnect")
    esme.socket.close()


@pytest.mark.parametrize(
    ("words", "code", "rule"),
    [
        (("set", "speed=1"), 78, "'speed' is no option of the simulator"),
        (("set", "port=1"), 78, "port cannot be changed while the simulator runs"),
        (("set", "speed"), 2, "must be NAME=VALUE"),
        (("set", "error_share=2"), 78, "must be at most 1"),
        (("refuse", "27999100001", "ESME_NONSENSE"), 78, "a number or a name of Appendix A"),
        (("refuse", "27999100001", "0x100000000"), 78, "must fit four octets"),
        (("refuse", "2799x", "1"), 78, "must be digits"),
    ],
)
def test_what_ctl_cannot_do_is_said(
    smsfleet: Smsfleet,  # noqa: F811
    controlled: tuple[int, int],
    words: tuple[str, ...],
    code: int,
    rule: str,
) -> None:
    result = smsfleet("simulator", "ctl", *words, "--control", str(controlled[1]))

    assert (code, "") == (result.exit_code, result.stdout)
    assert rule in result.stderr


def test_no_simulator_is_one_line_that_says_how_to_start_one(smsfleet: Smsfleet) -> None:  # noqa: F811
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]

        result = smsfleet("simulator", "ctl", "status", "--control", str(port))

    assert 69 == result.exit_code
    assert f"smsfleet simulator --control {port}" in result.stderr


def test_lines_that_are_no_requests_are_answered(controlled: tuple[int, int]) -> None:
    with socket.create_connection(("127.0.0.1", controlled[1]), timeout=10) as connection:
        lines = connection.makefile("rb")
        for line in (b"{}", b"[]", b'{"do', b'{"do":"mo"}', b'{"do":"status","more":1}'):
            connection.sendall(line + b"\n")
            assert not json.loads(lines.readline())["ok"]
        connection.sendall(b'{"do":"status"}\n')
        assert json.loads(lines.readline())["ok"]
        lines.close()


def test_what_a_web_page_can_send_to_a_local_port_is_not_done(controlled: tuple[int, int]) -> None:
    esme = Esme(controlled[0])
    with socket.create_connection(("127.0.0.1", controlled[1]), timeout=10) as connection:
        connection.sendall(b'POST / HTTP/1.1\r\nHost: localhost\r\n\r\n{"do":"disconnect"}\n')
        with contextlib.suppress(ConnectionResetError):  # it closes without reading the rest
            assert b"" == connection.recv(1)

    assert 0 == esme.submit().command_status
    esme.socket.close()
