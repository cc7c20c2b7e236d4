"""docs/metrics.md is what the code says."""

from __future__ import annotations

import importlib.util
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from smsfleet.ops.snapshot import Snapshot


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate_metrics.py, which is no part of a package."""
    path = Path(__file__).resolve().parents[3] / "docs" / "generate_metrics.py"
    spec = importlib.util.spec_from_file_location("docs_generate_metrics", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(generate: ModuleType, repository: Path) -> None:
    page = (repository / "docs" / "metrics.md").read_text(encoding="utf-8")

    assert generate.page() == page, "run: python docs/generate_metrics.py"


def test_every_field_of_the_snapshot_is_explained(generate: ModuleType) -> None:
    page = generate.page()

    assert [] == [field.name for field in fields(Snapshot) if f"| `{field.name}` | " not in page]
