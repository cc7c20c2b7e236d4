"""What happens at a terminal while something is shown there: keys, a change of its size, Ctrl-Z."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

QUIT = b"qQ\x04\x1b"
"""q, Ctrl-D, Escape"""

ESCAPE = b"\x1b"
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)", re.DOTALL)
"""What an arrow, or the wheel of a mouse, sends (ECMA-48 §5.4)."""

REST_S = 0.05
"""So long the rest of such a key may take, over a slow connection too."""


class Event(Enum):
    """What a wait ended with."""

    OVER = "the time is over"
    QUIT = "a key that leaves"
    KEY = "another key"
    REDRAW = "the terminal has another size, or got a key that means nothing"
    SUSPEND = "Ctrl-Z"


Wait = Callable[[float], Event]


@contextmanager
def events() -> Iterator[Wait]:
    """Waits so many seconds for an event. Keys come one by one; afterwards the terminal is as before."""
    with _signals() as (heard, happened), _single_keys() as keyboard:

        def wait(seconds: float) -> Event:
            ready, _, _ = select.select([heard, *keyboard], [], [], seconds)
            if heard in ready:
                return happened()
            return _key(keyboard[0]) if ready else Event.OVER

        yield wait


def suspend() -> None:
    """Stop, as Ctrl-Z does, with the terminal as it is usual; returns when the shell goes on with us."""
    if not sys.stdin.isatty():
        os.kill(os.getpid(), signal.SIGSTOP)
        return
    import termios

    ours = termios.tcgetattr(sys.stdin)
    usual = [*ours]
    usual[3] |= termios.ICANON | termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, usual)
    os.kill(os.getpid(), signal.SIGSTOP)
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, ours)


def _key(keyboard: int) -> Event:
    typed = os.read(keyboard, 1024)
    if typed == ESCAPE and select.select([keyboard], [], [], REST_S)[0]:
        typed += os.read(keyboard, 1024)
    meant = _SEQUENCE.sub(b"", typed)
    if typed and not meant:
        return Event.REDRAW  # nobody wants to leave by an arrow, or by a wheel
    is_quit = not meant or any(octet in QUIT for octet in meant)
    return Event.QUIT if is_quit else Event.KEY


@contextmanager
def _signals() -> Iterator[tuple[int, Callable[[], Event]]]:
    """A file that can be read when a signal came, and what it was."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    os.set_blocking(heard, False)

    def tell(number: int, _: Any) -> None:
        with contextlib.suppress(BlockingIOError):  # thousands are not heard yet: one is enough
            os.write(told, bytes([number]))

    def happened() -> Event:
        numbers = os.read(heard, 65536)
        return Event.SUSPEND if signal.SIGTSTP in numbers else Event.REDRAW

    before = {number: signal.signal(number, tell) for number in (signal.SIGWINCH, signal.SIGTSTP)}
    try:
        yield heard, happened
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(heard)
        os.close(told)


@contextmanager
def _single_keys() -> Iterator[list[int]]:
    """The keyboard, if there is one."""
    if not sys.stdin.isatty():
        yield []
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield [sys.stdin.fileno()]
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
