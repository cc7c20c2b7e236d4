"""How long something is, for people."""

from __future__ import annotations

MINUTES_FROM = 120
"""Below so many seconds nobody has to be told of minutes."""


def span(seconds: float) -> str:
    """`0.4 s`, `58 s`, `12 min`, `2 h 5 min`, `4 d 3 h`: two units at most."""
    if 0.05 <= seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTES_FROM:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    size, unit, smaller, smaller_unit = (3600, "h", 60, "min") if whole < 86_400 else (86_400, "d", 3600, "h")
    rest = whole % size // smaller
    return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
