"""Telling a running simulator what to do: JSON lines over TCP, on loopback only.

A request is one line, `{"do": "set", ...}`; the reply is one line, `{"ok": true, ...}` or `{"ok": false,
"error": "..."}`. Requests and what they take are in ACTIONS; `smsfleet simulator ctl` sends them.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

from smsfleet.config.codes import by_name
from smsfleet.config.errors import ConfigError, ServerError, SmsfleetError
from smsfleet.simulator.options import FIXED, SimulatorOptions, parse
from smsfleet.simulator.rules import Outcome
from smsfleet.simulator.server import Simulator

MAX_LINE_OCTETS: Final = 1 << 20

TIMEOUT_S: Final = 10.0


def status(simulator: Simulator) -> dict[str, Any]:
    """What happened so far, who is bound, and what is set."""
    shown = {
        option.name: getattr(simulator.options, option.name)
        for option in fields(SimulatorOptions)
        if option.repr and option.name != "rules"
    }
    return {
        **simulator.summary(),
        "port": simulator.port,
        "bound": simulator.bound,
        "credit_left": simulator.smsc.credit_left,
        "options": shown,
    }


def change(simulator: Simulator, **words: str) -> dict[str, Any]:
    """Set options, as `name=value`."""
    fixed = sorted(set(words) & set(FIXED))
    if fixed:
        raise ConfigError(f"{', '.join(fixed)} cannot be changed while the simulator runs: start another")
    values = parse(words)
    simulator.change(**values)
    return {"set": {name: value for name, value in values.items() if name != "password"}}


def refuse(simulator: Simulator, destination: str, status: str | int = 0) -> dict[str, Any]:
    """Answer submit_sm to a number, or to all that begin so, with a status; 0: accept again."""
    code = code_of(status)
    simulator.decide(destination, Outcome(code, None) if code else None)
    return {"destination": destination, "status": code}


def receive(  # noqa: PLR0913, PLR0917 - what there is to a message
    simulator: Simulator,
    text: str,
    source: str,
    destination: str = "",
    encoding: str = "auto",
    form: str = "udh8",
    order: str = "first_to_last",
) -> dict[str, Any]:
    """A handset sends a text."""
    posted = simulator.receive(
        text, source=source, destination=destination, encoding=encoding, form=form, order=order
    )
    return {"deliveries": [delivery.number for delivery in posted]}


def credit(simulator: Simulator, left: str | int) -> dict[str, Any]:
    """Let so many further submit_sm be accepted before 0x401; `+5`: five more; `none`: without end."""
    words = str(left)
    wanted: int | None = parse({"credit": words})["credit"]
    if words.startswith("+") and wanted is not None:
        wanted += simulator.smsc.credit_left or 0
    simulator.change(credit=wanted)
    simulator.smsc.refill()
    return {"credit_left": simulator.smsc.credit_left}


def disconnect(simulator: Simulator) -> dict[str, Any]:
    """Drop every connection without a word."""
    dropped = simulator.connections
    simulator.disconnect("disconnected by ctl")
    return {"dropped": dropped}


def unbind(simulator: Simulator) -> dict[str, Any]:
    """Ask every bound ESME to end its bind."""
    simulator.unbind()
    return {"asked": simulator.bound}


def enquire(simulator: Simulator) -> dict[str, Any]:
    """Send an enquire_link to every bound ESME."""
    simulator.enquire_link()
    return {"asked": simulator.bound}


def pause(simulator: Simulator) -> dict[str, Any]:
    """Read nothing more, so that the system's buffers fill."""
    simulator.pause_reading()
    return {"reading": False}


def resume(simulator: Simulator) -> dict[str, Any]:
    """Read again."""
    simulator.resume_reading()
    return {"reading": True}


def hold(simulator: Simulator) -> dict[str, Any]:
    """Keep receipts and messages back."""
    simulator.hold()
    return {"held": len(simulator.smsc.mailbox)}


def release(simulator: Simulator) -> dict[str, Any]:
    """Deliver what was kept back."""
    held = len(simulator.smsc.mailbox)
    simulator.release()
    return {"released": held}


ACTIONS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "status": status,
    "set": change,
    "refuse": refuse,
    "mo": receive,
    "credit": credit,
    "disconnect": disconnect,
    "unbind": unbind,
    "enquire": enquire,
    "pause": pause,
    "resume": resume,
    "hold": hold,
    "release": release,
}
"""What can be asked for, by its name; the parameters are the request's further fields."""


def code_of(status: str | int) -> int:
    """A command_status by number (decimal or 0x...) or by name; raises ConfigError."""
    try:
        code = status if isinstance(status, int) else int(status, 0)
    except ValueError:
        try:
            code = by_name(str(status)).code
        except KeyError:
            raise ConfigError(f"status {status!r} must be a number or a name of Appendix A") from None
    if not 0 <= code <= 0xFFFF_FFFF:
        raise ConfigError(f"status {status!r} must fit four octets (0 to 0xFFFFFFFF)")
    return code


def perform(simulator: Simulator, line: bytes) -> dict[str, Any]:
    """Do what one line asks; the reply. No line makes it raise."""
    try:
        asked = json.loads(line)
        name = asked.pop("do", "")
        action = ACTIONS.get(name)
        if action is None:
            raise ConfigError(f"must ask to do one of {', '.join(ACTIONS)}")
        inspect.signature(action).bind(simulator, **asked)
        done = action(simulator, **asked)
    except (ValueError, AttributeError, TypeError) as error:
        return {"ok": False, "error": f"the request cannot be read: {error}"}
    except SmsfleetError as error:
        return {"ok": False, "error": str(error)}
    if name != "status":
        what = {key: value for key, value in asked.items() if key != "password"}
        simulator.journal.write("ctl", at=simulator.now(), connection=0, do=name, **what)
        simulator.journal.flush()
    return {"ok": True, **done}


def _is_request(line: bytes) -> bool:
    """Whether it may be one of ours: a line of HTTP, by which a web page could reach a local port, is not."""
    return line.lstrip().startswith((b"{", b"["))


class Control:
    """The control port of one simulator. `async with` opens and closes it."""

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        self._simulator = simulator
        self.port = port
        """the port, known after `start` when 0 was asked for"""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on 127.0.0.1. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=MAX_LINE_OCTETS)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (line := await reader.readline()) and _is_request(line):
                writer.write(json.dumps(perform(self._simulator, line)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):  # ValueError: a line without end
            pass
        finally:
            writer.close()


def ask(port: int, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request to the simulator whose control port this is; its reply.

    Raises ServerError when nobody answers there, ConfigError when it refuses.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                reply = json.loads(lines.readline(MAX_LINE_OCTETS) or b"{}")
    except (OSError, ValueError) as error:
        raise ServerError(
            f"no simulator answers on control port {port}: "
            f"start one with `smsfleet simulator --control {port}`"
        ) from error
    if not reply.pop("ok", False):
        raise ConfigError(str(reply.get("error", "the simulator said nothing")))
    answer: dict[str, Any] = reply
    return answer
