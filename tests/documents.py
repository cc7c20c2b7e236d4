"""The fenced blocks of README, CONTRIBUTING and docs/, and what their markers say about running them.

A marker is a word behind the language of a block: it is not shown where Markdown is rendered. Without any, a
block is run as it stands (tests/acceptance/test_documents.py). CONTRIBUTING.md explains all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]

MARKERS = {
    "fragment": "Python that cannot stand alone: compiled, its imports looked up",
    "serves": "each line is a process that goes on: started, and ended with the page",
    "file": "file=NAME: kept under this name for the blocks below",
    "port": "port=NUMBER: a port of the page; a free one is used in its place",
    "exit": "exit=CODE: the block ends with this code",
    "given": "given=STATE: what the fleet is brought into before",
}

_REMARK = re.compile(r"\s{2,}# .*$")

_FENCE = re.compile(r"^([ ]*)```(\w*)[ ]?([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    info: str
    """what stands behind the language: markers"""
    text: str

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def markers(self) -> dict[str, str]:
        """Its markers with their values."""
        return {name: value for name, _, value in (word.partition("=") for word in self.info.split())}

    @property
    def commands(self) -> list[str]:
        """What is typed at the prompts of a console block; a line that ends in `\\` goes on."""
        found: list[str] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif found and found[-1].endswith("\\"):
                found[-1] += "\n" + line
        return found


def plain(command: str) -> str:
    """A command without the remark behind it: the name by which tables of tests know it."""
    return _REMARK.sub("", command)


def blocks_of(page: Path) -> list[Block]:
    """Every block of a page, without the indentation that it has in a list."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent, language, info, body = match.groups()
        plain = "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, language, info.strip(), plain))
    return found


def blocks(language: str) -> list[Block]:
    """The blocks of this language, of all pages."""
    return [block for page in PAGES for block in blocks_of(page) if block.language == language]
