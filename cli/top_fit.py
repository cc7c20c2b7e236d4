"""What fits into a terminal: parts in their order, chosen by how much they matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the screen."""

    forms: Sequence[RenderableType]
    """from the roomiest to the tightest: the first that fits is shown, or none"""
    rank: int
    """the lower, the more it matters"""


Parts = Callable[[int, int | None], Sequence[Part]]
"""The parts of a screen of so many columns and lines, in the order in which they are shown; None: no end."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Shows parts, and a note below them, in whatever terminal there is: it is asked anew for each size."""

    parts: Parts
    note: Text
    is_whole: bool
    """as in a file: everything, however much it is"""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """The parts that fit."""
        height = None if self.is_whole else options.size.height
        parts = self.parts(options.max_width, height)
        if height is None:
            shown, hidden = {place: part.forms[0] for place, part in enumerate(parts)}, 0
        else:
            shown, hidden = _chosen(console, options.reset_height(), parts, height - bool(self.note))
        yield from (shown[place] for place in sorted(shown))
        if self.note:
            more = f"; {hidden} lines hidden" if hidden else ""
            note = Text.assemble(self.note, (more, "dim"))
            note.truncate(options.max_width, overflow="ellipsis")
            yield note


def _chosen(
    console: Console, options: ConsoleOptions, parts: Sequence[Part], lines: int
) -> tuple[dict[int, RenderableType], int]:
    """The forms that are shown in so many lines, by the place of their part, and how many lines are not."""
    shown: dict[int, RenderableType] = {}
    hidden = 0
    for place in sorted(range(len(parts)), key=lambda place: parts[place].rank):
        sizes: list[int] = []
        for form in parts[place].forms:
            sizes.append(len(console.render_lines(form, options, pad=False)))
            if sizes[-1] <= lines:
                shown[place] = form
                break
        taken = sizes[-1] if place in shown else 0
        lines -= taken
        hidden += sizes[0] - taken
    return shown, hidden
