"""`python -m tests.explore [--quick | --full] [--jobs N]`: explore, print a table, fail when a promise breaks."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

try:
    import smsfleet.store  # noqa: F401 - only to see whether the package is installed
except ModuleNotFoundError:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".ns"))


def main() -> int:
    """Run the matrix; 0 when every promise holds and every seeded fault is noticed."""
    from tests.explore import matrix
    from tests.explore.explorer import HEADER

    parser = argparse.ArgumentParser(prog="python -m tests.explore", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="the slice that `make test` runs (the default)")
    size.add_argument("--full", action="store_true", help="every configuration, minutes")
    parser.add_argument("--jobs", type=int, default=2, help="processes, each with its own server")
    parser.add_argument("--most-states", type=int, default=200_000, help="cut a configuration here")
    parser.add_argument("--most-seconds", type=float, default=600.0, help="cut a configuration here")
    options = parser.parse_args()

    worlds = matrix.FULL if options.full else matrix.QUICK
    limits = {"most_states": options.most_states, "most_s": options.most_seconds}
    tasks = [*matrix.seeded(), *matrix.healthy(worlds, **limits)]
    began = time.monotonic()
    failures = states = transitions = 0
    print(HEADER)
    for task, result in zip(tasks, matrix.run(tasks, options.jobs), strict=True):
        print(result.line(), flush=True)
        states += result.states
        transitions += result.transitions
        as_expected = bool(result.broken) == (task.fault is not None)
        if not as_expected:
            failures += 1
            for step in result.trace:
                print(f"    {step}")
    print(
        f"{states} states, {transitions} moves, {time.monotonic() - began:.0f} s; {failures} not as expected"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
