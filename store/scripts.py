"""The Lua scripts: one file a script, read once, with the libraries that its `-- uses:` line names."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from smsfleet.config.statuses import APPENDIX_B, RANK
from smsfleet.store.forms import WORDS

FOLDER = Path(__file__).parent / "lua"

_USES = re.compile(r"^-- uses: (.+)$", re.MULTILINE)
_HEADER = re.compile(r"(?:--.*\n)+")
_KEYS = re.compile(r"KEYS\[(\d+)(?:\.\.(\d+))?\]")
_KINDS = re.compile(rf"\b({'|'.join(sorted(WORDS, key=len, reverse=True))})s?\b")


@dataclass(frozen=True, slots=True)
class Script:
    """A script as it is sent to the server."""

    name: str
    source: str = field(repr=False)
    sha: str

    @classmethod
    def of(cls, name: str, source: str) -> Script:
        """A script of this text; the server knows it by the SHA-1 of the text."""
        return cls(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


@cache
def script(name: str) -> Script:
    """The script in `lua/<name>.lua`, with its libraries in front."""
    text = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    uses = _USES.search(text)
    libraries = uses[1].split() if uses else []
    parts = [_library(library) for library in libraries]
    if "lib_form" in libraries:
        parts.insert(0, _as_lua(forms(text)))
    return Script.of(name, "\n".join([*parts, text]))


def forms(text: str) -> dict[int, str]:
    """The server's type of each key that a script's header names by its number.

    Not of a job and its content: anybody who may send writes those, so scripts look at each (lib_job.lua).
    """
    header = _HEADER.match(text)
    said = header[0].partition("ARGV[")[0] if header else ""
    named = list(_KEYS.finditer(said))
    found = {}
    for key, following in zip(named, [*named[1:], None], strict=True):
        kind = _KINDS.search(said, key.end(), following.start() if following else len(said))
        if kind and not said[key.end() :].lstrip().startswith(("job ", "content ")):
            for number in range(int(key[1]), int(key[2] or key[1]) + 1):
                found[number] = WORDS[kind[1]]
    return found


def _as_lua(kinds: dict[int, str]) -> str:
    return "local FORMS = {{ {} }}\n".format(
        ", ".join(f"[{number}] = '{kind}'" for number, kind in kinds.items())
    )


@cache
def _library(name: str) -> str:
    text = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    return status_tables() + text if name == "lib_job" else text


def status_tables() -> str:
    """The order and finality of config/statuses.py as Lua tables, so that they stand in one place only."""
    rank = ", ".join(f"['{number}'] = {rank}" for number, rank in RANK.items())
    status = ", ".join(f"[{rank}] = '{number}'" for number, rank in RANK.items())
    final = ", ".join(f"['{row.number}'] = true" for row in APPENDIX_B.values() if row.final)
    return (
        f"local RANK = {{ {rank} }}\n"
        f"local STATUS = {{ {status} }}\n"
        f"local FINAL = {{ {final} }}\n"
        f"local REACHED = {RANK[4]}\n"
    )
