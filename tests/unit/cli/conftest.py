"""The command as a user meets it: arguments and environment in, exit code and two streams out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsfleet.cli.main import main
from smsfleet.tasks.app import use_runtime

Smsfleet = Callable[..., Result]


class _Entry:
    """What the console script calls, in the form that click's runner takes."""

    name = "smsfleet"

    def main(self, args: Any, **_: Any) -> Any:
        return main(list(args))


@pytest.fixture
def smsfleet() -> Iterator[Smsfleet]:
    """Runs the command in this process; settings by their names without the prefix."""

    def run(*arguments: str, stdin: str | None = None, **settings: str | None) -> Result:
        use_runtime(None)
        environment = {f"SMSFLEET_{name.upper()}": value for name, value in settings.items()}
        entry: Any = _Entry()
        return CliRunner().invoke(entry, arguments, stdin, env=environment, catch_exceptions=False)

    yield run
    use_runtime(None)
