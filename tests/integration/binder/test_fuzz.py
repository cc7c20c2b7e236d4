"""Whatever a peer says over TCP, the binder binds again, ends what it began, and acknowledges what it stored."""

from __future__ import annotations

import pytest
from tests.integration.binder.fuzz import Fuzz
from tests.integration.binder.support import Account, Binders

pytestmark = pytest.mark.server


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_binder_survives_random_octets(account: Account, binders: Binders, seed: int) -> None:
    fuzz = Fuzz(account, binders, seed)

    await fuzz.play(rounds=15)

    assert [15, 1] == [fuzz.played["rounds"], fuzz.played["signs at the end"]]
    assert fuzz.played["in sync"]
    assert fuzz.played["closed by the binder"]
    assert fuzz.played["acknowledged"]
