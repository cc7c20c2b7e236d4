"""How much a command lists at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

MOST_LISTED = 100_000
"""Lines that are gathered before they are shown: more of them is an export, not a list."""


def limit_option(default: int, what: str, *, least: int = 1, most: int = MOST_LISTED) -> Callable[[Any], Any]:
    """The option `--limit` of a command that lists."""
    return click.option(
        "--limit",
        type=click.IntRange(least, most),
        default=default,
        show_default=True,
        help=f"{what} at most, up to {most:,}.",
    )
