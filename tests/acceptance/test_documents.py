"""Every block of README and docs/ is run against a fleet as it stands, from the first to the last of its page.

tests/documents.py has the markers. The few commands that are not run are in tests/not_run.py, each with the reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.acceptance.fleet import Fleet
from tests.acceptance.reader import Reader
from tests.documents import PAGES, ROOT, blocks_of

pytestmark = pytest.mark.server

RUNNABLE = ("console", "bash", "python")

REFERENCE = "cli.md"
"""Its examples, each of which needs another state of the fleet, are run by test_reference.py."""

WITH_BLOCKS = [
    page
    for page in PAGES
    if page.name != REFERENCE and any(block.language in RUNNABLE for block in blocks_of(page))
]


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_does_what_it_says(
    page: Path, surroundings: tuple[Fleet, Path], tmp_path: Path
) -> None:
    fleet, binaries = surroundings

    with Reader(fleet, binaries, tmp_path) as reader:
        for block in blocks_of(page):
            if block.language in RUNNABLE or "file" in block.markers:
                reader.read(block)

    assert reader.done > 0
