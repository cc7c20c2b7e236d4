"""All benchmarks, one after the other, each in a process of its own; a table of figures and targets at the end."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from tests.benchmarks.harness import PYTHONPATH

NAMES = (
    "codec", "encoding", "scripts", "memory", "plan", "orphans", "binder", "drain", "events", "individual",
    "campaign", "lanes", "takeover", "walk", "rate", "adversity",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)} (default: all)")
    rows, failed = [], False
    for name in parser.parse_args().names or NAMES:
        command = [sys.executable, "-m", f"tests.benchmarks.{name}"]
        environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            failed = True
            print(f"{name}: failed", file=sys.stderr)
            continue
        print(done.stdout, end="", flush=True)
        result = json.loads(done.stdout)
        rows += [(name, row) for row in result["targets"]]
        rows.append(
            (name, {"figure": "ratio to raw", "value": result["ratio_to_raw"], "target": "", "met": None})
        )
    print(f"\n{'benchmark':12}{'figure':38}{'value':>24}  {'target':12}met")
    for name, row in rows:
        met = {True: "yes", False: "NO", None: ""}[row["met"]]
        print(f"{name:12}{row['figure']:38}{row['value']!s:>24}  {row['target']:12}{met}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
