"""A reader of the YAML that docker-compose.yml uses: no YAML library is among the locked tools.

Mappings, lists, flow lists, quoted and plain scalars, `>-` blocks, anchors on mappings, aliases and `<<`.
Anything else raises ValueError, so that the file stays within what is checked.
"""

from __future__ import annotations

import json
import re
from typing import Any

_KEY = re.compile(r"([\w.<-]+):(?:\s+(.*))?$")


def read(text: str) -> dict[str, Any]:
    """The document as Python values; every scalar is a string or None."""
    lines = [(len(line) - len(line.lstrip()), line.strip()) for line in text.splitlines()]
    return _Reader([(indent, line) for indent, line in lines if line and not line.startswith("#")]).document()


class _Reader:
    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self._lines = lines
        self._at = 0
        self._anchors: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        value = self._mapping(0)
        if self._at != len(self._lines):
            raise ValueError(f"not understood: {self._lines[self._at][1]!r}")
        return value

    def _indent(self) -> int:
        return self._lines[self._at][0] if self._at < len(self._lines) else -1

    def _mapping(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._indent() == indent and not self._lines[self._at][1].startswith("- "):
            match = _KEY.fullmatch(self._lines[self._at][1])
            if match is None or match[1] in found:
                raise ValueError(f"not understood, or given twice: {self._lines[self._at][1]!r}")
            self._at += 1
            value = self._value(match[2], indent)
            if match[1] == "<<":
                found = {**value, **found}
            else:
                found[match[1]] = value
        return found

    def _list(self, indent: int) -> list[Any]:
        found = []
        while self._indent() == indent and self._lines[self._at][1].startswith("- "):
            scalar = self._lines[self._at][1][2:]
            self._at += 1
            found.append(self._value(scalar, indent))
        return found

    def _value(self, scalar: str | None, indent: int) -> Any:
        if scalar is not None and scalar.startswith("*"):
            return self._anchors[scalar[1:]]
        if scalar == ">-":
            folded = []
            while self._indent() > indent:
                folded.append(self._lines[self._at][1])
                self._at += 1
            return " ".join(folded)
        if scalar is not None and not scalar.startswith("&"):
            return _scalar(scalar)
        if self._indent() <= indent:
            return None
        inner = self._indent()
        is_list = self._lines[self._at][1].startswith("- ")
        value: Any = self._list(inner) if is_list else self._mapping(inner)
        if scalar is not None:
            self._anchors[scalar[1:]] = value
        return value


def _scalar(written: str) -> Any:
    if written.startswith("["):
        if '"' in written:
            return json.loads(written)
        return [item.strip() for item in written.strip("[]").split(",")]
    if written.startswith('"'):
        return json.loads(written)
    if written[0] in "'{|>!%@`" or " #" in written or ": " in written:
        raise ValueError(f"not understood: {written!r}")
    return written
