"""Times as options of commands: how long to wait, and when something is to happen."""

from __future__ import annotations

import math
from typing import Any

import click

INTERRUPTED = 130
"""The exit code of a wait that Ctrl-C ends: as a shell says of a command that SIGINT ended."""


class Seconds(click.FloatRange):
    """Seconds within bounds. NaN is within any, as it compares with none: a wait for it would have no end."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; a wrong one is a wrong usage."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


SECONDS = Seconds(min=0)


class _When(click.ParamType):  # type: ignore[type-arg]
    """Seconds as a number; anything else is left to send_sms, which says what is wrong with it."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        try:
            return float(value)
        except ValueError:
            return value


WHEN = _When()
