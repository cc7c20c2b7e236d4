"""Asking the leading binder for the PDUs that it keeps: a request and a reply, both gone after seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from smsfleet.config.errors import RecordError
from smsfleet.store.calls import Call
from smsfleet.store.keys import Keys

ASK_TTL_MS = 10_000
"""How long a request may wait for a binder: it looks every 2 s."""

REPLY_TTL_MS = 30_000
"""How long a reply waits for the command that asked."""


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """What a command asks for; `reply` names its reply."""

    reply: str
    last: int
    show_content: bool = False


class CaptureBox:
    """The calls of one account. A later request replaces one that nobody has taken yet."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def ask(self, request: CaptureRequest) -> Call[bool]:
        """Leave a request."""
        asked = json.dumps({"r": request.reply, "n": request.last, "c": request.show_content})
        return Call(("SET", self._keys.capture, asked, "PX", ASK_TTL_MS), bool)

    def take(self) -> Call[CaptureRequest | None]:
        """The request, which only one binder gets; None when there is none. Raises RecordError."""
        return Call(("GETDEL", self._keys.capture), _request)

    def reply(self, request: CaptureRequest, text: str) -> Call[bool]:
        """Leave the answer, a JSON text."""
        return Call(("SET", self._keys.captured(request.reply), text, "PX", REPLY_TTL_MS), bool)

    def fetch(self, request: CaptureRequest) -> Call[str | None]:
        """The answer, which is forgotten by this; None when there is none (yet)."""
        return Call(
            ("GETDEL", self._keys.captured(request.reply)), lambda reply: reply.decode() if reply else None
        )


def _request(reply: Any) -> CaptureRequest | None:
    if not reply:
        return None
    try:
        asked = json.loads(reply)
        return CaptureRequest(str(asked["r"]), int(asked["n"]), asked["c"] is True)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"a request for a capture is not of the form of this version: {reply!r}") from error
