"""One command for each performance target: `python -m tests.benchmarks.<name>`; without a name all of them.

Each starts its own server and prints one JSON line: counts, rates, CPU seconds, and ratios to a raw ceiling
that was measured in the same run. Rates depend on the machine and on what else runs; CPU per message and the
ratios are steadier. Not part of `make test`: tests/integration/test_benchmarks.py runs each with a tiny count.
"""
