"""A worker's request that never shows its arguments: not in events, logs, inspect or Flower.

Messages of `send_sms.delay` have no arguments. A task published by name with plain arguments has a number
and a text in them, and its sender may have put their repr into the headers too.
"""

from __future__ import annotations

from typing import Any

from celery.worker.request import Request

REDACTED = "<redacted>"


class RedactedRequest(Request):  # type: ignore[misc]
    """celery.worker.request.Request with the reprs replaced and `info` emptied of arguments."""

    def __init__(self, message: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(message, *args, **kwargs)
        self._argsrepr = self._kwargsrepr = REDACTED
        self._request_dict["argsrepr"] = self._request_dict["kwargsrepr"] = REDACTED

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - Celery's signature
        """What `inspect` shows."""
        return {**super().info(safe=safe), "args": REDACTED, "kwargs": REDACTED}
