"""The simulator as the command line runs it: a process, a journal, SIGTERM, a summary."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

from smsfleet.simulator.journal import read
from smsfleet.smpp.constants import (
    BIND_TRANSCEIVER,
    BIND_TRANSCEIVER_RESP,
    QUERY_SM,
    QUERY_SM_RESP,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
)
from smsfleet.smpp.framing import Frame, Framer
from smsfleet.smpp.pdu import (
    SubmitSm,
    decode_query_sm_resp,
    decode_submit_sm_resp,
    encode_bind,
    encode_query_sm,
    frame,
)

PROGRAM = """
import sys
from pathlib import Path
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.process import run
run(SimulatorOptions(seed=1), Path(sys.argv[1]), lambda _, port: print(port, flush=True))
"""

BIND = encode_bind(BIND_TRANSCEIVER, system_id="demo", password="secret", system_type="3000000")
MESSAGE = SubmitSm(destination_addr="27999100001", short_message=b"hello").encode_body()


def ask(connection: socket.socket, pdu: bytes) -> Frame:
    """Send one PDU and read one."""
    connection.sendall(pdu)
    framer = Framer()
    while not (frames := framer.feed(connection.recv(1 << 16))):
        pass
    return frames[0]


def test_a_simulator_process_answers_keeps_its_journal_and_ends_with_a_summary(
    tmp_path: Path, repository: Path
) -> None:
    journal = tmp_path / "journal.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(journal)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(repository / ".ns")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        bound = ask(connection, frame(BIND_TRANSCEIVER, 1, BIND))
        submitted = ask(connection, frame(SUBMIT_SM, 2, MESSAGE))
        message_id = decode_submit_sm_resp(submitted.body).message_id
        queried = ask(connection, frame(QUERY_SM, 3, encode_query_sm(message_id)))
        before_the_end = [line["event"] for line in read(journal)]

        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)

    assert [frame[:3] for frame in (bound, submitted, queried)] == [
        (BIND_TRANSCEIVER_RESP, 0, 1),
        (SUBMIT_SM_RESP, 0, 2),
        (QUERY_SM_RESP, 0, 3),
    ]
    assert decode_query_sm_resp(queried.body) == (message_id, b"", 1, 0)
    assert before_the_end == ["connect", "bind", "submit_sm", "query_sm"]
    assert read(journal)[2]["message_id"] == message_id.decode()
    summary = json.loads(output)
    assert (process.returncode, summary["binds"], summary["accepted"]) == (0, 1, 1)
