"""The throughput as a line in SVG, drawn here: the page loads no script of others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

WIDTH, HEIGHT = 600, 160
LEFT, BOTTOM, TOP = 52, 22, 14

SPANS_S = (120, 300, 900)
"""What is shown: the first of these that all samples fit into."""


class Sample(NamedTuple):
    """What the binder did at one moment, a second."""

    at_ms: int
    submitted: float
    delivered: float


@dataclass(frozen=True, slots=True)
class Plot:
    """Two lines over the last minutes, in the coordinates of a WIDTH x HEIGHT picture."""

    submitted: str
    delivered: str
    """points of a polyline"""
    rules: tuple[tuple[float, str], ...]
    """lines across: y, and what is written beside it"""
    ticks: tuple[tuple[float, str], ...]
    """times: x, and what is written below it"""
    now: Sample
    most: float
    """the highest value of both"""
    span_s: int

    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM


def plot(samples: Sequence[Sample]) -> Plot:
    """The samples of the last minutes; the newest is at the right edge."""
    newest = samples[-1] if samples else Sample(0, 0.0, 0.0)
    age_s = (newest.at_ms - samples[0].at_ms) / 1000 if samples else 0.0
    span_s = next((span_s for span_s in SPANS_S if age_s <= span_s), SPANS_S[-1])
    since_ms = newest.at_ms - span_s * 1000
    shown = [sample for sample in samples if sample.at_ms >= since_ms]
    most = max((max(sample.submitted, sample.delivered) for sample in shown), default=0.0)
    ceiling = _ceiling(most)
    floor = HEIGHT - BOTTOM

    def x(at_ms: float) -> float:
        return round(LEFT + (WIDTH - LEFT) * (at_ms - since_ms) / (span_s * 1000), 1)

    def y(value: float) -> float:
        return round(floor - (floor - TOP) * value / ceiling, 1)

    def points(name: str) -> str:
        return " ".join(f"{x(sample.at_ms)},{y(getattr(sample, name))}" for sample in shown)

    return Plot(
        submitted=points("submitted"),
        delivered=points("delivered"),
        rules=tuple((y(part * ceiling), f"{part * ceiling:g}") for part in (0.5, 1.0)),
        ticks=tuple(
            (x(newest.at_ms - ago_s * 1000), _ago(ago_s)) for ago_s in (span_s * 2 // 3, span_s // 3)
        ),
        span_s=span_s,
        now=newest,
        most=most,
    )


def _ago(seconds: int) -> str:
    return f"-{seconds // 60} min" if seconds % 60 == 0 else f"-{seconds} s"


def _ceiling(most: float) -> float:
    """The next 1, 2 or 5 times a power of ten: a scale that people read, and that does not jump."""
    if most <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(power * step for step in (1, 2, 5, 10) if power * step >= most)
