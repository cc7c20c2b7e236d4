"""A fleet on fakeredis and on the real server."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import Fleet

from smsfleet.store.client import Store


@pytest.fixture
def fleet(store: Store) -> Fleet:
    """Groups are made and binder A leads."""
    fleet = Fleet(store)
    fleet.create_groups()
    fleet.lead("A")
    return fleet
