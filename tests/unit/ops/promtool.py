"""Asking promtool what Prometheus would find, had it scraped what an exporter serves."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.unit.ops.scraped import samples


def series(
    text: str, times: int, *, instance: str = "host:9464", rising: bool = False
) -> list[dict[str, str]]:
    """What is scraped so many times and once more, as promtool takes it; it stays, or all of it rises by 1."""
    return [
        {
            "series": name + labels_of(labels | {"job": "smsfleet", "instance": instance}),
            "values": f"{value:f}+{int(rising)}x{times}",
        }
        for name, labels, value in samples(text, of_any_process=True)
    ]


def labels_of(labels: Mapping[str, str]) -> str:
    """Labels as PromQL has them; their values are of closed lists, or of ours."""
    return "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def finds(expression: str, minutes: int, *found: tuple[Mapping[str, str], float]) -> dict[str, Any]:
    """That an expression finds just these labels and values after so many minutes."""
    return {
        "expr": expression,
        "eval_time": f"{minutes}m",
        "exp_samples": [{"labels": labels_of(labels), "value": value} for labels, value in found],
    }


def promtool_agrees(folder: Path, tests: Sequence[Mapping[str, Any]], *, rules: Path | None = None) -> str:
    """What promtool complains of; empty: nothing. Skips without promtool."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool: not found (Debian: apt-get install prometheus)")
    file = folder / "tests.json"  # JSON is YAML
    files = [] if rules is None else [str(rules)]
    file.write_text(json.dumps({"rule_files": files, "evaluation_interval": "5m", "tests": tests}))
    ran = subprocess.run(
        [promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False, timeout=120
    )
    return "" if ran.returncode == 0 else ran.stdout[-5000:] + ran.stderr[-5000:]
