"""The options of `smsfleet worker` are Celery's, and mean what they say."""

from __future__ import annotations

import pytest

from smsfleet.cli.processes import with_the_pool_meant


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--pool", "prefork", "-c", "2"], ["--pool", "processes", "-c", "2"]),
        (["--pool=prefork"], ["--pool=processes"]),
        (["-P", "prefork"], ["-P", "processes"]),
        (["-Pprefork"], ["-Pprocesses"]),
        (["--pool", "solo"], ["--pool", "solo"]),
        (["--hostname", "prefork"], ["--hostname", "prefork"]),
        (["prefork"], ["prefork"]),
        ([], []),
    ],
)
def test_prefork_is_not_taken_for_celerys_default(given: list[str], expected: list[str]) -> None:
    assert expected == with_the_pool_meant(given)
