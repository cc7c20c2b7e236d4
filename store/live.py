"""The settings of the last reload: all processes of an account follow them, those that start later too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from smsfleet.store.calls import Call
from smsfleet.store.keys import Keys


class Live:
    """The calls about reloaded settings of one account."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.live

    def publish(self, values: Mapping[str, Any]) -> Call[bool]:
        """From now on every process works with these values."""
        return Call(("SET", self._key, json.dumps(dict(values), sort_keys=True)), bool)

    def clear(self) -> Call[bool]:
        """Every process goes back to its own settings; reply: whether there were others."""
        return Call(("DEL", self._key), bool)

    def read(self) -> Call[dict[str, Any] | None]:
        """The values, None when nobody has reloaded."""
        return Call(("GET", self._key), lambda reply: json.loads(reply) if reply else None)
