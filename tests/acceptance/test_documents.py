"""Every block of README and docs/ is run against a fleet as it stands, from the first to the last of its page.

tests/documents.py has the markers. What cannot be run here (docker, systemctl, apt-get) is held to a rule of its program.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.fleet import Fleet
from tests.acceptance.reader import Reader
from tests.acceptance.zygote import commands
from tests.documents import PAGES, ROOT, blocks_of

pytestmark = pytest.mark.server

OWN_FLEET = "CONTRIBUTING.md"

RUNNABLE = ("console", "bash", "python")

WITH_BLOCKS = [page for page in PAGES if any(block.language in RUNNABLE for block in blocks_of(page))]


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, Path]]:
    """A fleet that answers fast, and the commands for it; once for all pages."""
    folder = tmp_path_factory.mktemp("documents")
    settings = {
        "SMSFLEET_WEBHOOK_SECRET": "a secret of the tests",
        "SMSFLEET_WEBHOOK_HTTP": "1",
        "SMSFLEET_WEBHOOK_ALLOW": "127.0.0.1",
    }
    with Fleet(folder, **settings) as fleet:
        fleet.options["simulator"] = ("--receipt-delay", "0.1", "--control", "0")
        with commands(folder, fleet.environment) as binaries:
            fleet.start("simulator", "binder", "worker")
            yield fleet, binaries


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
